//! What the services say of themselves: what is wrong, how far behind each log is, and what became of what was read.
//!
//! Promises: problems come first and in words; every number has its place in the status as its `data-live`, so that the
//! script shows the same number later; all the rest is there as the JSON that it came as.

use std::fmt::{self, Write};

use serde_json::Value;

use crate::escape::{Escaped, Lines, Shown};

use super::text::{duration, grouped, size};

/// Most logs, and most destinations, of a service that are shown.
const MOST_ROWS: usize = 100;

/// How a value is written; the script knows the same words.
#[derive(Clone, Copy)]
enum As {
    Text,
    Number,
    Size,
    Milliseconds,
}

/// A column: its title, where its values are below the row's own place (`*` is for all of them, which are added), and
/// how they are written.
type Column = (&'static str, &'static str, As);

const SOURCES: [Column; 7] = [
    ("log", "origin/path", As::Text),
    ("state", "state", As::Text),
    ("events read", "read/events", As::Number),
    ("in the queue", "queued/events", As::Number),
    ("unread", "lag_bytes", As::Size),
    ("behind by", "lag_ms", As::Milliseconds),
    ("oldest without a receipt", "oldest_unacked_ms", As::Milliseconds),
];
const DESTINATIONS: [Column; 8] = [
    ("destination", "name", As::Text),
    ("state", "state", As::Text),
    ("delivered", "accounts/*/delivered/events", As::Number),
    ("filtered", "accounts/*/filtered/*/count/events", As::Number),
    ("dead", "accounts/*/dead/*/count/events", As::Number),
    ("shed", "accounts/*/shed/events", As::Number),
    ("spooled", "accounts/*/spooled/events", As::Number),
    ("retries", "retries", As::Number),
];

pub(super) fn write(page: &mut String, status: &Value) -> fmt::Result {
    page.write_str("<section><h2>Services</h2>")?;
    for (index, service) in status["services"].as_array().into_iter().flatten().enumerate() {
        write_service(page, index, service)?;
    }
    let json = serde_json::to_string_pretty(status).unwrap_or_default();
    write!(
        page,
        "<details><summary>everything they say</summary><pre>{}</pre></details></section>",
        Lines(&json)
    )
}

fn write_service(page: &mut String, index: usize, service: &Value) -> fmt::Result {
    let text = |key: &str| service[key].as_str().unwrap_or_default();
    let (name, version) = (Escaped(text("service")), Escaped(text("version")));
    write!(page, "<article><h3>{name} <small>{version}</small></h3>")?;
    let own = service["problems"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let rows = ["sources", "destinations"].into_iter().flat_map(|rows| service[rows].as_array());
    let of_rows = rows.flatten().filter_map(|row| row["problem"].as_str());
    let mut problems: Vec<&str> = own.chain(of_rows).filter(|problem| !problem.is_empty()).collect();
    problems.dedup();
    if problems.is_empty() {
        page.write_str("<p class=\"good\">no problem</p>")?;
    }
    for problem in problems.iter().take(MOST_ROWS) {
        write!(page, "<p class=\"bad\">{}</p>", Shown(problem))?;
    }
    table(page, service, &format!("services/{index}/sources"), "sources", &SOURCES)?;
    table(page, service, &format!("services/{index}/destinations"), "destinations", &DESTINATIONS)?;
    page.write_str("</article>")
}

fn table(page: &mut String, service: &Value, place: &str, rows: &str, columns: &[Column]) -> fmt::Result {
    let Some(rows) = service[rows].as_array().filter(|rows| !rows.is_empty()) else { return Ok(()) };
    page.write_str("<table><thead><tr>")?;
    for (title, _, kind) in columns {
        let class = if matches!(kind, As::Text) { "" } else { " class=\"n\"" };
        write!(page, "<th{class}>{title}</th>")?;
    }
    page.write_str("</tr></thead><tbody>")?;
    for (index, row) in rows.iter().take(MOST_ROWS).enumerate() {
        page.write_str("<tr>")?;
        for (_, path, kind) in columns {
            let class = if matches!(kind, As::Text) { "" } else { " class=\"n\"" };
            write!(
                page,
                "<td{class} data-live=\"{place}/{index}/{path}\" data-as=\"{}\">{}</td>",
                kind.name(),
                Shown(kind.written(row, path))
            )?;
        }
        page.write_str("</tr>")?;
    }
    page.write_str("</tbody></table>")
}

impl As {
    fn name(self) -> &'static str {
        match self {
            As::Text => "text",
            As::Number => "number",
            As::Size => "size",
            As::Milliseconds => "ms",
        }
    }

    fn written(self, row: &Value, path: &str) -> String {
        let path: Vec<&str> = path.split('/').collect();
        match self {
            As::Text => text(row, &path).unwrap_or_default().to_owned(),
            As::Number => grouped(sum(row, &path)),
            As::Size => size(sum(row, &path)),
            As::Milliseconds => match sum(row, &path) {
                0 => "0 s".to_owned(),
                ms => duration(i64::try_from(ms).unwrap_or(i64::MAX).saturating_mul(1000)),
            },
        }
    }
}

fn text<'v>(value: &'v Value, path: &[&str]) -> Option<&'v str> {
    path.iter().try_fold(value, |value, part| value.get(part))?.as_str()
}

/// All numbers at a path, added.
fn sum(value: &Value, path: &[&str]) -> u64 {
    match path {
        [] => value.as_u64().unwrap_or_default(),
        ["*", rest @ ..] => {
            let sums = value.as_array().into_iter().flatten().map(|value| sum(value, rest));
            sums.fold(0, u64::saturating_add)
        }
        [part, rest @ ..] => value.get(part).map_or(0, |value| sum(value, rest)),
    }
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
    fn how_far_behind_a_log_is_and_what_became_of_it_is_told_with_its_place_in_the_status() {
        let count = |events: u64| json!({"events": events, "bytes": 0});
        let status = json!({"services": [
            {"service": "collector", "sources": [{"origin": {"path": "<a>"}, "state": "following", "lag_bytes": 2048,
                "read": count(1234), "lag_ms": 1500, "problem": "it <waits>"}]},
            {"service": "shipper", "destinations": [{"name": "lake", "state": "idle", "accounts": [
                {"delivered": count(7), "filtered": [{"count": count(2)}, {"count": count(1)}]}, {"delivered": count(3)}]}]},
        ]});
        let mut page = String::new();
        write(&mut page, &status).unwrap();
        for cell in [
            "data-live=\"services/0/sources/0/origin/path\" data-as=\"text\">&lt;a&gt;<",
            "data-live=\"services/0/sources/0/read/events\" data-as=\"number\">1\u{202f}234<",
            "data-live=\"services/0/sources/0/lag_bytes\" data-as=\"size\">2.0 KiB<",
            "data-live=\"services/0/sources/0/lag_ms\" data-as=\"ms\">1.50 s<",
            "data-live=\"services/1/destinations/0/accounts/*/delivered/events\" data-as=\"number\">10<",
            "data-live=\"services/1/destinations/0/accounts/*/filtered/*/count/events\" data-as=\"number\">3<",
            "<p class=\"bad\">it &lt;waits&gt;</p>",
        ] {
            assert!(page.contains(cell), "{cell} in {page}");
        }
    }

    #[test]
    fn a_status_of_another_shape_is_shown_as_it_is() {
        for status in [
            json!(null),
            json!([1]),
            json!({"services": 7}),
            json!({"services": [null, 3, {"sources": [7, null], "destinations": [{"accounts": 7}]}]}),
        ] {
            let mut page = String::new();
            write(&mut page, &status).unwrap();
            assert!(page.ends_with("</pre></details></section>"), "{page}");
        }
    }
}
