//! The page in place of one whose question cannot be used.
//!
//! Promises: it says in words which value is wrong and what it may be, right above a form that holds everything as it was
//! given; it shows no answer, so that none is taken for the one that was asked for.

use std::fmt::{self, Write};

use crate::asked::{Asked, Unusable, parameters};
use crate::escape::{Escaped, Quoted, Shown};

use super::{page, rbac, slow, text};

/// The page; `path` is the one that was asked.
pub(crate) fn render(path: &str, unusable: &Unusable) -> String {
    let title = super::PAGES.iter().find(|(known, ..)| *known == path).map_or("Event", |(_, name, _)| name);
    page(path, title, |page| {
        write!(
            page,
            "<section><h2>This cannot be answered</h2><p class=\"bad\" role=\"alert\" id=\"wrong\">{}: {}.</p>",
            Escaped(Quoted(&unusable.name).to_string()),
            Shown(&unusable.why)
        )?;
        form(page, path, unusable)?;
        write!(page, "<p><a href=\"{}\">Begin anew</a></p></section>", Escaped(path))
    })
}

fn form(page: &mut String, path: &str, unusable: &Unusable) -> fmt::Result {
    if parameters(path).is_empty() {
        return Ok(());
    }
    write!(page, "<form class=\"filters\" action=\"{}\">", Escaped(path))?;
    for name in parameters(path) {
        field(page, &unusable.asked, name, unusable.name == *name)?;
    }
    page.write_str("<span><button>show</button></span></form>")
}

fn field(page: &mut String, asked: &Asked, name: &'static str, is_wrong: bool) -> fmt::Result {
    let marks = if is_wrong { " aria-invalid=\"true\" aria-describedby=\"wrong\" autofocus" } else { "" };
    let value = asked.given(name);
    let label = match name {
        "from" => "from (UTC)",
        "to" => "to (UTC)",
        "audit_id" => "audit ID",
        name => name,
    };
    if let Some(options) = options(name) {
        write!(page, "<label>{label} <select name=\"{name}\"{marks}>")?;
        text::options(page, value.trim(), &options)?;
        return page.write_str("</select></label>");
    }
    write!(
        page,
        "<label>{label} <input name=\"{name}\" value=\"{}\" autocomplete=\"off\" spellcheck=\"false\"{marks}></label>",
        Escaped(value)
    )
}

/// What there is to choose from, where there is a choice.
fn options(name: &str) -> Option<Vec<(&'static str, &'static str)>> {
    let spans = crate::asked::SPANS.iter().map(|(name, _)| (*name, *name));
    Some(match name {
        "range" => [("", "usual")].into_iter().chain(spans).collect(),
        "by" => slow::BY.to_vec(),
        "slo" => slow::OBJECTIVES.to_vec(),
        "mode" => rbac::MODES.to_vec(),
        "decision" => vec![("", "any"), ("allow", "allow"), ("forbid", "forbid")],
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(path: &str) -> String {
        let uri: axum::http::Uri = path.parse().unwrap();
        render(uri.path(), &Asked::read(&uri).unwrap_err())
    }

    #[test]
    fn the_form_holds_what_was_given_and_the_field_that_is_wrong_is_marked_and_described() {
        let page = rendered("/slow?by=foo&user=alice&from=2h");
        assert!(page.contains("<option value=\"foo\" selected>foo</option>"), "{page}");
        assert!(
            page.contains("<select name=\"by\" aria-invalid=\"true\" aria-describedby=\"wrong\""),
            "{page}"
        );
        assert!(
            page.contains("name=\"user\" value=\"alice\"") && page.contains("name=\"from\" value=\"2h\"")
        );
        assert_eq!(page.matches("aria-invalid").count(), 1);
        assert!(page.contains("id=\"wrong\">`by`: `foo` is none of verb, resource"), "{page}");
    }

    #[test]
    fn nothing_that_was_given_becomes_markup() {
        let evil = "%22%3E%3Cscript%3Ex()%3C/script%3E";
        for asked in ["from", "by", "range", "mode", "x%3Cb%3E", "code"] {
            for path in ["/", "/slow", "/rbac", "/search", "/event", "/policy"] {
                let page = rendered(&format!("{path}?{evil}=1&{asked}={evil}"));
                assert!(!page.contains("<script>") && !page.contains("<b>"), "{page}");
            }
        }
    }
}
