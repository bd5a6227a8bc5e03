//! What the services say of themselves.
//!
//! Promise: problems come first and in words; all the rest is there as the JSON that it came as.

use std::fmt::{self, Write};

use serde_json::Value;

use crate::escape::Escaped;

pub(super) fn write(page: &mut String, status: &Value) -> fmt::Result {
    page.write_str("<section><h2>Services</h2>")?;
    for service in status["services"].as_array().into_iter().flatten() {
        write_service(page, service)?;
    }
    let json = serde_json::to_string_pretty(status).unwrap_or_default();
    write!(
        page,
        "<details><summary>everything they say</summary><pre>{}</pre></details></section>",
        Escaped(json)
    )
}

fn write_service(page: &mut String, service: &Value) -> fmt::Result {
    let text = |key: &str| service[key].as_str().unwrap_or_default();
    let (name, version) = (Escaped(text("service")), Escaped(text("version")));
    write!(page, "<article><h3>{name} <small>{version}</small></h3>")?;
    let mut problems =
        service["problems"].as_array().into_iter().flatten().filter_map(Value::as_str).peekable();
    if problems.peek().is_none() {
        page.write_str("<p class=\"good\">no problem</p>")?;
    }
    for problem in problems {
        write!(page, "<p class=\"bad\">{}</p>", Escaped(problem))?;
    }
    page.write_str("</article>")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn problems_are_said_and_wellness_too() {
        let mut page = String::new();
        let status = json!({"services": [
            {"service": "router", "version": "0.1.0", "problems": ["shipper is not reachable"]},
            {"service": "shipper", "version": "0.1.0", "problems": []},
        ]});
        write(&mut page, &status).unwrap();
        assert!(
            page.contains(
                "<h3>router <small>0.1.0</small></h3><p class=\"bad\">shipper is not reachable</p>"
            )
        );
        assert!(page.contains("<h3>shipper <small>0.1.0</small></h3><p class=\"good\">no problem</p>"));
    }

    #[test]
    fn a_status_of_another_shape_is_shown_as_it_is() {
        for status in [json!(null), json!([1]), json!({"services": 7}), json!({"services": [null, 3]})] {
            let mut page = String::new();
            write(&mut page, &status).unwrap();
            assert!(page.ends_with("</pre></details></section>"), "{page}");
        }
    }
}
