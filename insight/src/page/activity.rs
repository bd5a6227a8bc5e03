//! The page "Overview": what the services say, what is in the lake, and what was asked of the API server.

use std::fmt::{self, Write};
use std::ops::Range;

use serde_json::Value;

use crate::ask::Answer;
use crate::asked::Asked;
use crate::escape::{Escaped, Shown};
use crate::overview::{Overview, Unreadable};
use crate::reports::activity::{Activity, Ranked, Report};

use super::filters::{Search, events, spans, with_subresources};
use super::text::{grouped, size};
use super::{Progress, chart, page, page_of, services};

/// The page.
pub(crate) fn render(
    asked: &Asked,
    times: &Range<i64>,
    lake: &Overview,
    answer: &Answer<Activity>,
    status: &Value,
) -> String {
    page_of("/", "Overview", Progress::of(answer), |page| {
        spans(page, "/", asked, times, &[])?;
        write_activity(page, times, &answer.fold.report())?;
        unreadable(page, lake.unreadable.iter().chain(&answer.unreadable))?;
        services::write(page, status)?;
        write_lake(page, lake)
    })
}

/// The page when there is no lake to look at: what the services say is there all the same.
pub(crate) fn without_lake(why: &str, status: &Value) -> String {
    page("/", "Overview", |page| {
        write!(page, "<section><h2>Lake</h2><p class=\"bad\">{}</p></section>", Escaped(why))?;
        services::write(page, status)
    })
}

fn write_activity(page: &mut String, times: &Range<i64>, report: &Report) -> fmt::Result {
    page.write_str("<section><h2>Activity</h2>")?;
    if report.events == 0 {
        return page.write_str(
            "<p class=\"empty\">No events in this time. Choose another span above; an empty lake fills at most \
             10 s after the first events.</p></section>",
        );
    }
    page.write_str("<dl class=\"facts\">")?;
    let facts = [
        ("events", report.events),
        ("401 and 403", report.answered.refused),
        ("other 4xx", report.answered.faulty),
        ("5xx", report.answered.broken),
    ];
    for (name, events) in facts {
        fact(page, name, &grouped(events))?;
    }
    fact(page, "of log", &size(report.bytes))?;
    page.write_str("</dl>")?;
    chart::write(page, &report.over_time, times)?;
    page.write_str("<div class=\"tables\">")?;
    ranking(page, "user", &report.users, times)?;
    ranking(page, "client", &report.clients, times)?;
    ranking(page, "verb", &report.verbs, times)?;
    ranking(page, "resource", &report.resources, times)?;
    page.write_str("</div></section>")
}

fn ranking(page: &mut String, by: &'static str, rows: &[Ranked], times: &Range<i64>) -> fmt::Result {
    let most = rows.iter().map(|row| row.events).max().unwrap_or(0).max(1);
    write!(
        page,
        "<table><thead><tr><th>{by}</th><th></th><th>events</th><th>refused</th></tr></thead><tbody>"
    )?;
    for row in rows {
        page.write_str("<tr><td>")?;
        let link = match (by, row.name.as_str()) {
            ("resource", name) if !name.is_empty() => {
                Search(times, &[("resource", &with_subresources(name))]).to_string()
            }
            (by, name) => events(times, &[(by, name)], &[]),
        };
        let name = if row.name.is_empty() { "none" } else { &row.name };
        write!(page, "<a href=\"{link}\">{}</a>", Shown(name))?;
        write!(
            page,
            "</td><td><meter min=\"0\" max=\"{most}\" value=\"{}\"></meter></td><td>{}</td><td>{}</td></tr>",
            row.events,
            grouped(row.events),
            if row.answered.refused > 0 { grouped(row.answered.refused) } else { String::new() }
        )?;
    }
    page.write_str("</tbody></table>")
}

fn write_lake(page: &mut String, lake: &Overview) -> fmt::Result {
    write!(page, "<section><h2>Lake <code>{}</code></h2><dl class=\"facts\">", Shown(&lake.url))?;
    fact(page, "events", &grouped(lake.rows))?;
    fact(page, "files", &grouped(lake.files))?;
    fact(page, "on disk", &size(lake.bytes))?;
    fact(page, "oldest event", lake.oldest.as_deref().unwrap_or("none yet"))?;
    fact(page, "newest event", lake.newest.as_deref().unwrap_or("none yet"))?;
    page.write_str("</dl></section>")
}

pub(super) fn fact(page: &mut String, name: &str, value: &str) -> fmt::Result {
    write!(page, "<div><dt>{name}</dt><dd>{}</dd></div>", Escaped(value))
}

/// The files that could not be read, each once.
pub(super) fn unreadable<'u>(page: &mut String, files: impl Iterator<Item = &'u Unreadable>) -> fmt::Result {
    let mut why: Vec<&str> = files.map(|file| file.why.as_str()).collect();
    why.sort_unstable();
    why.dedup();
    if why.is_empty() {
        return Ok(());
    }
    write!(page, "<section><h2>{} files cannot be read; their events are missing</h2>", why.len())?;
    for why in why.iter().take(20) {
        write!(page, "<p class=\"bad\">{}</p>", Shown(why))?;
    }
    page.write_str("</section>")
}
