//! The page "Refused": who was refused what, since when, after which change of roles, and what would allow it.
//!
//! Promises: a role is offered only where nothing speaks against it, else the warning is; a change of roles is said to
//! come before refusals, not to be their cause.

use std::fmt::{self, Write};
use std::ops::Range;

use crate::ask::Answer;
use crate::asked::Asked;
use crate::escape::{Lines, Shown};
use crate::moment::Moment;
use crate::reports::activity::{Classes, Point};
use crate::reports::denied::{Before, CallerRow, Kind, Now, Report, Row};
use crate::tally::Tally;

use super::activity::{fact, unreadable};
use super::filters::{self, Query, Search, events, span};
use super::text::{grouped, length, second};
use super::{Progress, chart, page_of};

/// What the page can be narrowed by.
const FILTERS: [&str; 5] = ["user", "verb", "resource", "namespace", "name"];
/// Most rows of a table.
const MOST_ROWS: usize = 100;
/// The clocks of API servers that see one request do not differ by more.
const CLOCKS_US: i64 = 3_600_000_000;
/// Names that are told in a row.
const NAMES: usize = 3;

/// The page. `over_time` is of everybody, whatever was asked for.
pub(crate) fn render<F, G>(
    asked: &Asked,
    times: &Range<i64>,
    report: &Report,
    over_time: &[Point],
    (answer, other): (&Answer<F>, &Answer<G>),
) -> String {
    page_of("/refused", "Refused", Progress::of(answer).and(Progress::of(other)), |page| {
        filters::spans(page, "/refused", asked, times, &FILTERS)?;
        summary(page, times, report, over_time)?;
        let examples = ["system:serviceaccount:*", "list", "pods/log", "kube-*", "web-*"];
        let fields: Vec<_> = FILTERS.into_iter().zip(examples).collect();
        filters::form(page, "/refused", asked, &fields, |_| Ok(()))?;
        refused(page, asked, times, report)?;
        callers(
            page,
            times,
            ("401", "Not authenticated (401): from where it came is all that is known"),
            &report.unauthenticated,
        )?;
        callers(
            page,
            times,
            ("429", "Too many requests at once (429): no role would help"),
            &report.throttled,
        )?;
        unreadable(page, answer.unreadable.iter().chain(&other.unreadable))
    })
}

fn summary(page: &mut String, times: &Range<i64>, report: &Report, over_time: &[Point]) -> fmt::Result {
    let sum = |rows: &[CallerRow]| rows.iter().map(|row| row.tally.count).sum::<u64>();
    page.write_str("<section><h2>Refusals</h2><dl class=\"facts\">")?;
    fact(page, "requests in this time", &grouped(report.requests.count))?;
    fact(page, "403 below", &grouped(report.refused.iter().map(|row| row.tally.count).sum()))?;
    fact(page, "401 below", &grouped(sum(&report.unauthenticated)))?;
    fact(page, "429 below", &grouped(sum(&report.throttled)))?;
    if report.more > 0 {
        fact(page, "more that could not be told apart", &grouped(report.more))?;
    }
    page.write_str("</dl>")?;
    let only = |point: &Point| Point {
        answered: Classes { refused: point.answered.refused, ..Classes::default() },
        ..point.clone()
    };
    let points: Vec<Point> = over_time.iter().filter(|point| point.answered.refused > 0).map(only).collect();
    if !points.is_empty() {
        page.write_str("<p class=\"soft\">401 and 403 of everybody:</p>")?;
        chart::write(page, &points, times)?;
    }
    page.write_str("</section>")
}

fn refused(page: &mut String, asked: &Asked, times: &Range<i64>, report: &Report) -> fmt::Result {
    page.write_str("<section><h2>Refused (403)</h2>")?;
    if report.refused.is_empty() {
        return page.write_str(
            "<p class=\"empty\">Nothing was refused that fits. Widen the time, or leave a filter out.</p></section>",
        );
    }
    page.write_str(
        "<table class=\"rows\"><thead><tr><th>subject</th><th class=\"verb\">verb</th><th>what</th><th>namespace</th><th>names</th>\
         <th class=\"n\">count</th><th class=\"n\">per hour</th><th>first and last (UTC)</th><th>now</th></tr></thead><tbody>",
    )?;
    for (index, row) in report.refused.iter().take(MOST_ROWS).enumerate() {
        cells(page, asked, times, row)?;
        more(page, index, times, row)?;
    }
    page.write_str("</tbody></table>")?;
    beyond(page, report.refused.len())?;
    page.write_str("</section>")
}

fn beyond(page: &mut String, rows: usize) -> fmt::Result {
    match rows.saturating_sub(MOST_ROWS) {
        0 => Ok(()),
        more => write!(page, "<p class=\"soft\">{} more rows: narrow them above.</p>", grouped(more as u64)),
    }
}

fn cells(page: &mut String, asked: &Asked, times: &Range<i64>, row: &Row) -> fmt::Result {
    let what = what(row);
    let exactly = match row.path.as_str() {
        "" => vec![("resource", what.as_str()), ("namespace", &row.namespace)],
        path => vec![("resource", ""), ("uri", path)],
    };
    let exactly = [vec![("subject", row.subject.as_str()), ("verb", &row.verb)], exactly].concat();
    // An eviction may have been held back with 429.
    let code = if row.subresource == "eviction" { "" } else { "403" };
    write!(page, "<tr><td><a href=\"{}\">", events(times, &exactly, &[("code", code)]))?;
    named(page, &row.subject, "nobody")?;
    write!(page, "</a></td><td>{}</td><td>{}</td><td>", Shown(&row.verb), Shown(&what))?;
    if !row.namespace.is_empty() {
        let mut query = vec![("namespace", row.namespace.as_str())];
        query.extend(span(asked));
        write!(page, "<a href=\"/refused?{}\">{}</a>", Query(&query), Shown(&row.namespace))?;
    }
    page.write_str("</td><td>")?;
    names(page, row)?;
    let (class, now) = match row.now {
        Now::Ongoing => ("refused", "ongoing"),
        Now::Quiet => ("open", "quiet"),
        Now::AllowedAgain => ("fine", "allowed again"),
    };
    write!(
        page,
        "</td><td class=\"n\">{}</td><td class=\"n\">{:.1}</td><td class=\"time\">{}</td>\
         <td><i class=\"{class}\">{now}</i></td></tr>",
        grouped(row.tally.count),
        row.per_hour,
        ends(&row.tally)
    )
}

fn named(page: &mut String, name: &str, nobody: &str) -> fmt::Result {
    match name {
        "" => write!(page, "<span class=\"soft\">{nobody}</span>"),
        name => write!(page, "{}", Shown(name)),
    }
}

fn names(page: &mut String, row: &Row) -> fmt::Result {
    for (index, name) in row.names.iter().take(NAMES).enumerate() {
        write!(page, "{}{}", if index > 0 { ", " } else { "" }, Shown(name))?;
    }
    match row.names.len().saturating_sub(NAMES) {
        _ if row.many_names => page.write_str(", and many more"),
        0 => Ok(()),
        more => write!(page, ", and {more} more"),
    }
}

/// Why, since what, and what would help: below the row, to be opened.
fn more(page: &mut String, index: usize, times: &Range<i64>, row: &Row) -> fmt::Result {
    write!(page, "<tr class=\"more\"><td colspan=\"9\"><details><summary>{}", shortly(row.kind))?;
    if let Some(before) = row.after.first() {
        write!(
            page,
            " · began {} after {} of {} <b>{}</b>",
            length(before.seconds),
            Shown(&before.verb),
            Shown(&before.resource),
            Shown(&before.name)
        )?;
    }
    page.write_str(match (&row.fix, row.warnings.as_slice()) {
        (Some(_), _) => " · <span class=\"good\">a role would allow it</span>",
        (None, [_, ..]) => " · <span class=\"bad\">should not be allowed lightly</span>",
        _ => "",
    })?;
    page.write_str("</summary>")?;
    facts(page, times, row)?;
    for before in &row.after {
        let place =
            if before.namespace.is_empty() { String::new() } else { format!("{}/", before.namespace) };
        write!(
            page,
            "<p>It was allowed before. {} before the first refusal, {} did <b>{}</b> of {} <b>{}{}</b> \
             (<a href=\"{}\">event</a>){}.</p>",
            length(before.seconds),
            Shown(&before.user),
            Shown(&before.verb),
            Shown(&before.resource),
            Shown(&place),
            Shown(&before.name),
            change(before, times),
            if before.gave_it { "; by this it was allowed" } else { "" }
        )?;
    }
    for warning in &row.warnings {
        write!(page, "<p class=\"bad\">No role is proposed: {}.</p>", Shown(warning))?;
    }
    for careful in &row.careful {
        write!(page, "<p class=\"bad\">Careful: {}.</p>", Shown(careful))?;
    }
    if let Some(fix) = &row.fix {
        write!(
            page,
            "<h3>The smallest roles that allow it <button type=\"button\" data-copy=\"fix-{index}\" hidden>copy</button>\
             </h3><p class=\"soft\">For <code>kubectl apply -f -</code>, after a look.</p><pre id=\"fix-{index}\">{}</pre>",
            Lines(fix)
        )?;
    }
    page.write_str("</details></td></tr>")
}

/// Where a change of roles is found: around its own time, which may be before those of the page.
fn change(before: &Before, times: &Range<i64>) -> String {
    let around = |Moment(us)| us - CLOCKS_US..us + CLOCKS_US;
    let times = before.time.parse().map_or_else(|_| times.clone(), around);
    Search(&times, &[("audit_id", &before.audit_id)]).to_string()
}

fn facts(page: &mut String, times: &Range<i64>, row: &Row) -> fmt::Result {
    page.write_str("<dl class=\"facts\">")?;
    fact(page, "why", row.why)?;
    let groups = row.groups.join(", ");
    for (name, value) in [
        ("the server's words", &row.message),
        ("the authorizer's words", &row.reason),
        ("acting as the subject", &row.impersonated_by),
        ("groups", &groups),
        ("client", &row.client),
        ("from", &row.source_ip),
    ] {
        if !value.is_empty() {
            write!(page, "<div><dt>{name}</dt><dd>{}</dd></div>", Shown(value))?;
        }
    }
    if let Some(allowed) = &row.last_allowed {
        fact(page, "last allowed", allowed)?;
    }
    if !row.tally.sample.is_empty() {
        let link = Search(times, &[("audit_id", &row.tally.sample)]).to_string();
        write!(
            page,
            "<div><dt>the first</dt><dd><a href=\"{link}\">{}</a></dd></div>",
            Shown(&row.tally.sample)
        )?;
    }
    page.write_str("</dl>")
}

fn callers(
    page: &mut String,
    times: &Range<i64>,
    (code, title): (&str, &str),
    rows: &[CallerRow],
) -> fmt::Result {
    if rows.is_empty() {
        return Ok(());
    }
    write!(
        page,
        "<section><h2>{title}</h2><table class=\"rows\"><thead><tr><th>from</th><th>user</th><th>client</th>\
         <th class=\"n\">count</th><th>first and last (UTC)</th></tr></thead><tbody>"
    )?;
    for row in rows.iter().take(MOST_ROWS) {
        let exactly = [("user", row.user.as_str()), ("client", &row.client), ("source_ip", &row.source_ip)];
        write!(page, "<tr><td><a href=\"{}\">", events(times, &exactly, &[("code", code)]))?;
        named(page, &row.source_ip, "unknown")?;
        page.write_str("</a></td><td>")?;
        named(page, &row.user, "nobody")?;
        write!(
            page,
            "</td><td>{}</td><td class=\"n\">{}</td><td class=\"time\">{}</td></tr>",
            Shown(&row.client),
            grouped(row.tally.count),
            ends(&row.tally)
        )?;
    }
    page.write_str("</tbody></table>")?;
    beyond(page, rows.len())?;
    page.write_str("</section>")
}

/// From when to when; once where that is one moment.
fn ends(tally: &Tally) -> String {
    let [first, last] = [tally.first, tally.last].map(second);
    if first == last { first } else { format!("{first}<br>{last}") }
}

/// Who refused, in a few words; [`Kind::why`] says more.
fn shortly(kind: Kind) -> &'static str {
    match kind {
        Kind::NotAllowed => "no role allows it",
        Kind::RefusedLater => "authorization allowed it, what comes after refused it",
        Kind::Undecided => "refused before authorization decided",
    }
}

/// `deployments.apps/scale`, or a path.
fn what(row: &Row) -> String {
    let after =
        |mark: &str, text: &str| if text.is_empty() { String::new() } else { format!("{mark}{text}") };
    match row.path.as_str() {
        "" => format!("{}{}{}", row.resource, after(".", &row.api_group), after("/", &row.subresource)),
        path => path.to_owned(),
    }
}
