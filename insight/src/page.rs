//! The console's one page.
//!
//! Promises: it needs nothing but itself (no script, no image, no font, no other host); everything that comes
//! from a log, a file name or a service goes through [`Escaped`]; it is readable in light and dark, and on a
//! small screen; it renews itself.

mod hours;
mod services;

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use serde_json::Value;

use crate::escape::Escaped;
use crate::overview::Overview;

/// Rows of a table; the rest is summed up in its last row.
const MOST_ROWS: usize = 12;

/// The page for what was seen of the lake (or why nothing was) and what the services say.
pub(crate) fn render(lake: Result<&Overview, String>, services: &Value) -> String {
    let mut page = String::with_capacity(16 * 1024);
    write_page(&mut page, lake, services).expect("writing to a string does not fail");
    page
}

fn write_page(page: &mut String, lake: Result<&Overview, String>, services: &Value) -> fmt::Result {
    page.push_str("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Auditrail</title>");
    page.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
    page.push_str("<meta http-equiv=\"refresh\" content=\"15\"><style>");
    page.push_str(include_str!("page/style.css"));
    page.push_str(
        "</style></head><body><header><h1>Auditrail</h1><p>what the API server was asked</p></header><main>",
    );
    match lake {
        Ok(overview) => write_lake(page, overview)?,
        Err(why) => write!(page, "<section><h2>Lake</h2><p class=\"bad\">{}</p></section>", Escaped(why))?,
    }
    services::write(page, services)?;
    page.push_str(
        "</main><footer><a href=\"/api/lake\">/api/lake</a> <a href=\"/api/status\">/api/status</a> ",
    );
    page.push_str("<a href=\"/metrics\">/metrics</a></footer></body></html>\n");
    Ok(())
}

fn write_lake(page: &mut String, lake: &Overview) -> fmt::Result {
    write!(page, "<section><h2>Lake</h2><p><code>{}</code></p><dl class=\"facts\">", Escaped(&lake.url))?;
    fact(page, "events", &grouped(lake.rows))?;
    fact(page, "files", &grouped(lake.files))?;
    fact(page, "on disk", &size(lake.bytes))?;
    fact(page, "oldest event", lake.oldest.as_deref().unwrap_or("none yet"))?;
    fact(page, "newest event", lake.newest.as_deref().unwrap_or("none yet"))?;
    page.push_str("</dl>");
    for file in &lake.unreadable {
        write!(page, "<p class=\"bad\">{}</p>", Escaped(&file.why))?;
    }
    page.push_str("</section>");
    if lake.hours.is_empty() {
        return Ok(());
    }
    write!(
        page,
        "<section><h2>Newest {} with events</h2><p>{} events, {} of log</p>",
        if lake.hours.len() == 1 { "hour".to_owned() } else { format!("{} hours", lake.hours.len()) },
        grouped(lake.total.events),
        size(lake.total.bytes)
    )?;
    hours::write(page, &lake.hours)?;
    page.push_str("<div class=\"pair\">");
    table(page, "verb", &lake.total.verbs)?;
    table(page, "code", &lake.total.codes)?;
    page.push_str("</div></section>");
    Ok(())
}

fn fact(page: &mut String, name: &str, value: &str) -> fmt::Result {
    write!(page, "<div><dt>{name}</dt><dd>{}</dd></div>", Escaped(value))
}

/// The most frequent first, in the order of their names where equal.
fn table(page: &mut String, name: &str, counts: &BTreeMap<String, u64>) -> fmt::Result {
    let mut rows: Vec<(&str, u64)> = counts.iter().map(|(key, events)| (key.as_str(), *events)).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.1));
    let rest: u64 = rows.iter().skip(MOST_ROWS).map(|row| row.1).sum();
    let more = rows.len().saturating_sub(MOST_ROWS);
    write!(page, "<table><thead><tr><th>{name}</th><th>events</th></tr></thead><tbody>")?;
    for (key, events) in rows.into_iter().take(MOST_ROWS) {
        let key = if key.is_empty() { "(empty)" } else { key };
        write!(page, "<tr><td>{}</td><td>{}</td></tr>", Escaped(key), grouped(events))?;
    }
    if more > 0 {
        write!(page, "<tr><td>{more} more</td><td>{}</td></tr>", grouped(rest))?;
    }
    page.write_str("</tbody></table>")
}

/// `1 234 567`, with thin spaces.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() * 2);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1.4 GiB`.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 1024.0 && unit < UNITS.len() - 1 {
        (value, unit) = (value / 1024.0, unit + 1);
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::counts::Counts;
    use crate::overview::{Hour, Unreadable};

    fn overview() -> Overview {
        let verbs = [("get".to_owned(), 3), ("<script>alert(1)</script>".to_owned(), 2)].into();
        let codes = [("200".to_owned(), 3), ("none".to_owned(), 2)].into();
        let counts = Counts { events: 5, bytes: 5000, verbs, codes };
        Overview {
            url: "file:///srv/\"lake\"".into(),
            rows: 1_234_567,
            bytes: 3 << 20,
            oldest: Some("2026-11-23T06:12:09.336001Z".into()),
            hours: vec![Hour { hour: "2026-11-23T06:00:00Z".into(), counts: counts.clone() }],
            total: counts,
            unreadable_files: 1,
            unreadable: vec![Unreadable {
                path: "x".into(),
                why: "lake file <b>x</b> cannot be read".into(),
            }],
            ..Overview::default()
        }
    }

    #[test]
    fn the_page_shows_the_lake_and_the_services() {
        let services = json!({"services": [{"service": "collector", "version": "1", "problems": []}]});
        let page = render(Ok(&overview()), &services);
        for text in
            ["1\u{202f}234\u{202f}567", "3.0 MiB", "2026-11-23T06:12:09.336001Z", "none yet", "collector"]
        {
            assert!(page.contains(text), "{text} is missing in {page}");
        }
    }

    #[test]
    fn nothing_from_outside_becomes_markup() {
        let evil = "<img src=x onerror=alert(1)>\"'";
        let services = json!({"services": [{"service": evil, "version": evil, "problems": [evil], evil: evil}], "x": evil});
        for page in [render(Ok(&overview()), &services), render(Err(evil.into()), &json!(evil))] {
            assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("<b>"), "{page}");
        }
    }

    #[test]
    fn the_page_needs_nothing_but_itself() {
        let page = render(Ok(&overview()), &json!({}));
        for outside in ["http:", "https:", "//", "src=", "url(", "@import"] {
            let found = page.replace("file:///srv/", "").contains(outside);
            assert!(!found, "{outside} in {page}");
        }
    }

    #[test]
    fn an_empty_lake_and_one_that_cannot_be_read_have_a_page_too() {
        assert!(render(Ok(&Overview::default()), &Value::Null).contains("none yet"));
        assert!(render(Err("cannot list its files".into()), &Value::Null).contains("cannot list its files"));
    }

    #[test]
    fn a_long_table_is_summed_up() {
        let mut page = String::new();
        let counts = (0..20u64).map(|number| (format!("verb{number:02}"), 100 - number)).collect();
        table(&mut page, "verb", &counts).unwrap();
        assert!(page.contains("<td>8 more</td><td>676</td>"), "{page}");
    }

    #[test]
    fn numbers_are_grouped_and_sizes_have_units() {
        assert_eq!(
            (grouped(0).as_str(), grouped(999).as_str(), grouped(1000).as_str()),
            ("0", "999", "1\u{202f}000")
        );
        assert_eq!(
            (size(0).as_str(), size(1536).as_str(), size(u64::MAX).as_str()),
            ("0 B", "1.5 KiB", "16384.0 PiB")
        );
    }
}
