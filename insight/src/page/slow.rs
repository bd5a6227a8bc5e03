//! The page "Slow": what takes the API server's time, for whom, where the time goes, and whether objectives are kept.
//!
//! Promise: requests that are meant to last are told apart, and where nothing says where the time went, the page says so.

mod objectives;
mod requests;

use std::fmt::{self, Write};
use std::ops::Range;

use crate::ask::Answer;
use crate::asked::Asked;
use crate::escape::Shown;
use crate::reports::slow::{By, Culprit, Group, Objectives, Report};

use super::activity::{fact, unreadable};
use super::filters::{self, events};
use super::text::{choice, grouped, percent, took};
use super::{Progress, lines, page_of};

/// What the page can be narrowed by.
const FILTERS: [&str; 6] = ["user", "client", "verb", "resource", "by", "slo"];
/// Most rows of a table.
const MOST_ROWS: usize = 50;

/// What rows may have in common.
pub(super) const BY: [(&str, &str); 6] = [
    ("", "verb, resource, scope"),
    ("resource", "resource"),
    ("client", "client"),
    ("user", "user"),
    ("verb", "verb"),
    ("user,client,verb,resource", "all of it"),
];
pub(super) const OBJECTIVES: [(&str, &str); 2] = [("", "Kubernetes"), ("mixin", "kubernetes-mixin")];

/// The page.
pub(crate) fn render<F>(asked: &Asked, times: &Range<i64>, report: &Report, answer: &Answer<F>) -> String {
    page_of("/slow", "Slow", Progress::of(answer), |page| {
        filters::spans(page, "/slow", asked, times, &FILTERS)?;
        summary(page, report)?;
        let fields = [
            ("user", "system:serviceaccount:*"),
            ("client", "kubectl*"),
            ("verb", "list"),
            ("resource", "pods*"),
        ];
        filters::form(page, "/slow", asked, &fields, |page| {
            choice(page, "by", asked.by.trim(), &BY)?;
            choice(page, "slo", asked.slo.trim(), &OBJECTIVES)
        })?;
        if report.requests == 0 {
            page.write_str("<section><p class=\"empty\">No request of this time fits. Widen the time, or leave a filter out.</p></section>")?;
        } else {
            groups(page, asked, times, report)?;
            requests::slowest(page, times, report)?;
        }
        objectives::write(page, &report.objectives)?;
        requests::lists(page, times, report)?;
        requests::long_running(page, times, report)?;
        unreadable(page, answer.unreadable.iter())
    })
}

fn summary(page: &mut String, report: &Report) -> fmt::Result {
    page.write_str("<section><h2>How long requests took</h2><dl class=\"facts\">")?;
    fact(page, "requests", &grouped(report.requests))?;
    fact(page, "together", &took(report.total_us))?;
    let objectives = &report.objectives;
    fact(page, "of 5 minutes were good", &good(objectives))?;
    for (name, count) in [
        ("could not be told apart", report.beyond),
        ("ended by their client", report.left),
        ("ended before they began, by the server's clock", report.clock_set_back),
    ] {
        if count > 0 {
            fact(page, name, &grouped(count))?;
        }
    }
    page.write_str("</dl>")?;
    lines::write(page, &report.over_time)?;
    culprits(page, report)?;
    page.write_str("</section>")
}

fn good(objectives: &Objectives) -> String {
    match objectives.windows {
        0 => "none counts".to_owned(),
        windows => percent(objectives.good_windows * 1000 / windows),
    }
}

fn culprits(page: &mut String, report: &Report) -> fmt::Result {
    if report.annotated == 0 {
        return page.write_str(
            "<p class=\"soft\">Nothing says where the time went: only events of requests over 500 ms do, from \
             Kubernetes 1.24 on.</p>",
        );
    }
    write!(
        page,
        "<h3>Where the time of {} requests over 500 ms went</h3><table class=\"bars\"><tbody>",
        grouped(report.annotated)
    )?;
    for Culprit { name, us, per_mille } in report.culprits.iter().take(12) {
        write!(
            page,
            "<tr><td>{}</td><td><meter min=\"0\" max=\"1000\" value=\"{per_mille}\"></meter></td>\
             <td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            Shown(name),
            took(*us),
            percent(*per_mille)
        )?;
    }
    page.write_str("</tbody></table>")
}

/// A word that a group may have, by its name.
type Word = (&'static str, fn(&Group) -> &String);

/// Which words of [`Group`] the rows have in common.
fn words(report: &Report) -> Vec<Word> {
    let all: [Word; 5] = [
        ("resource", |group| &group.resource),
        ("verb", |group| &group.verb),
        ("scope", |group| &group.scope),
        ("client", |group| &group.client),
        ("user", |group| &group.user),
    ];
    all.into_iter().filter(|(_, of)| report.groups.iter().any(|group| !of(group).is_empty())).collect()
}

fn groups(page: &mut String, asked: &Asked, times: &Range<i64>, report: &Report) -> fmt::Result {
    let words = words(report);
    page.write_str("<section><h2>What takes the time</h2><table class=\"rows\"><thead><tr>")?;
    words.iter().try_for_each(|(name, _)| {
        let class = if matches!(*name, "verb" | "scope") { " class=\"verb\"" } else { "" };
        write!(page, "<th{class}>{name}</th>")
    })?;
    for name in ["requests", "total", "", "p50", "p90", "p99", "longest", "429", "504", "other 5xx"] {
        write!(page, "<th class=\"n\">{name}</th>")?;
    }
    page.write_str("<th>slow ones by</th></tr></thead><tbody>")?;
    for group in report.groups.iter().take(MOST_ROWS) {
        page.write_str("<tr>")?;
        for (index, (_, of)) in words.iter().enumerate() {
            match (index, of(group).as_str()) {
                (0, word) => write!(
                    page,
                    "<td><a href=\"{}\">{}</a></td>",
                    link(asked, times, group),
                    Shown(if word.is_empty() { "none" } else { word })
                )?,
                (_, word) => write!(page, "<td>{}</td>", Shown(word))?,
            }
        }
        numbers(page, group)?;
    }
    page.write_str("</tbody></table>")?;
    beyond(page, report.groups.len())?;
    page.write_str("</section>")
}

/// Where the requests of a group are found: by what they have in common, and by what the page was narrowed by.
fn link(asked: &Asked, times: &Range<i64>, group: &Group) -> String {
    let chosen = asked.by();
    let by: &[By] = if chosen.is_empty() { &[By::Verb, By::Resource, By::Scope] } else { &chosen };
    let words = [
        (By::User, "user", &group.user),
        (By::Client, "client", &group.client),
        (By::Verb, "verb", &group.verb),
        (By::Resource, "resource", &group.resource),
        (By::Scope, "scope", &group.scope),
    ];
    let in_common = words.iter().filter(|(by_this, ..)| by.contains(by_this));
    let exactly: Vec<_> = in_common.map(|(_, name, value)| (*name, value.as_str())).collect();
    let mut others = asked.chosen(&["user", "client", "verb", "resource"]);
    others.retain(|(name, _)| exactly.iter().all(|(exact, _)| exact != name));
    events(times, &exactly, &others)
}

fn numbers(page: &mut String, group: &Group) -> fmt::Result {
    write!(
        page,
        "<td class=\"n\">{}</td><td class=\"n\">{}</td>",
        grouped(group.requests),
        took(group.total_us)
    )?;
    write!(
        page,
        "<td class=\"n\"><meter min=\"0\" max=\"1000\" value=\"{}\"></meter></td>",
        group.per_mille
    )?;
    for us in [group.p50_us, group.p90_us, group.p99_us, group.max_us] {
        write!(page, "<td class=\"n\">{}</td>", took(us))?;
    }
    for (class, count) in
        [("refused", group.throttled), ("broken", group.timed_out), ("broken", group.failed)]
    {
        page.write_str("<td class=\"n\">")?;
        if count > 0 {
            write!(page, "<i class=\"{class}\">{}</i>", grouped(count))?;
        }
        page.write_str("</td>")?;
    }
    write!(page, "<td>{}</td></tr>", Shown(mostly(&group.culprits)))
}

/// The part that took most.
fn mostly(culprits: &[Culprit]) -> String {
    culprits.first().map(|most| format!("{} ({})", most.name, percent(most.per_mille))).unwrap_or_default()
}

fn beyond(page: &mut String, rows: usize) -> fmt::Result {
    match rows.saturating_sub(MOST_ROWS) {
        0 => Ok(()),
        more => write!(page, "<p class=\"soft\">{} more rows: narrow them above.</p>", grouped(more as u64)),
    }
}
