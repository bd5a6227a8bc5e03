//! Single slow requests, lists of everything, and requests that are meant to last.
//!
//! Promise: each row leads to its events.

use std::fmt::{self, Write};
use std::ops::Range;

use crate::escape::Shown;
use crate::page::filters::{Search, events};
use crate::page::text::{grouped, size, took};
use crate::reports::slow::Report;

use super::mostly;

/// Most rows of a table.
const MOST_ROWS: usize = 20;

pub(super) fn slowest(page: &mut String, times: &Range<i64>, report: &Report) -> fmt::Result {
    if report.slowest.is_empty() {
        return Ok(());
    }
    page.write_str(
        "<section><h2>The slowest requests</h2><table class=\"rows\"><thead><tr><th>ended (UTC)</th>\
         <th class=\"n\">took</th><th class=\"verb\">verb</th><th>resource</th><th>object</th><th>user</th><th>client</th>\
         <th>by</th><th>code</th></tr></thead><tbody>",
    )?;
    for one in report.slowest.iter().take(MOST_ROWS) {
        let time: String = one.time.chars().take(19).collect();
        let place = if one.namespace.is_empty() { String::new() } else { format!("{}/", one.namespace) };
        write!(
            page,
            "<tr><td><a href=\"{}\">{}</a></td><td class=\"n\">{}</td><td>{}</td><td>{}</td>\
             <td><span class=\"soft\">{}</span>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            Search(times, &[("audit_id", &one.audit_id)]),
            time.replace('T', " "),
            took(one.us),
            Shown(&one.verb),
            Shown(&one.resource),
            Shown(&place),
            Shown(&one.name),
            Shown(&one.user),
            Shown(&one.client),
            Shown(mostly(&one.culprits)),
            one.code.map(|code| code.to_string()).unwrap_or_default()
        )?;
    }
    page.write_str("</tbody></table></section>")
}

pub(super) fn lists(page: &mut String, times: &Range<i64>, report: &Report) -> fmt::Result {
    if report.lists.is_empty() {
        return Ok(());
    }
    page.write_str(
        "<section><h2>Lists of everything at once</h2><p class=\"soft\">Without <code>limit</code> and \
         <code>resourceVersion</code> everything is read at once (before Kubernetes 1.31 from etcd) and is sent as \
         one answer: use resourceVersion=0 where older data will do, or watch instead of listing again.</p>\
         <table class=\"rows\"><thead><tr><th>user</th><th>client</th><th>resource</th>\
         <th class=\"verb\">scope</th><th class=\"n\">lists</th><th class=\"n\">total</th><th class=\"n\">longest</th>\
         <th class=\"n\">answers</th></tr></thead><tbody>",
    )?;
    for list in report.lists.iter().take(MOST_ROWS) {
        let exactly = [
            ("user", list.user.as_str()),
            ("client", &list.client),
            ("verb", "list"),
            ("resource", &list.resource),
            ("scope", &list.scope),
        ];
        write!(
            page,
            "<tr><td><a href=\"{}\">{}</a></td><td>{}</td><td>{}</td><td>{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            events(times, &exactly, &[]),
            Shown(&list.user),
            Shown(&list.client),
            Shown(&list.resource),
            Shown(&list.scope),
            grouped(list.requests),
            took(list.total_us),
            took(list.max_us),
            if list.bytes == 0 { String::new() } else { size(list.bytes) }
        )?;
    }
    page.write_str("</tbody></table></section>")
}

pub(super) fn long_running(page: &mut String, times: &Range<i64>, report: &Report) -> fmt::Result {
    if report.long_running.is_empty() {
        return Ok(());
    }
    page.write_str(
        "<section><h2>Meant to last: watches, logs, exec, proxies</h2><p class=\"soft\">In no number above. Many short \
         watches of one client are a storm: each costs as much as a list.</p><table class=\"rows\"><thead><tr>\
         <th>user</th><th>client</th><th class=\"verb\">verb</th><th>resource</th><th class=\"n\">started</th><th class=\"n\">ended</th>\
         <th class=\"n\">watches &lt; 10 s</th><th class=\"n\">p50</th><th class=\"n\">longest</th></tr></thead><tbody>",
    )?;
    for row in report.long_running.iter().take(MOST_ROWS) {
        let exactly = [
            ("user", row.user.as_str()),
            ("client", &row.client),
            ("verb", &row.verb),
            ("resource", &row.resource),
        ];
        write!(
            page,
            "<tr><td><a href=\"{}\">{}</a></td><td>{}</td><td>{}</td><td>{}</td>",
            events(times, &exactly, &[]),
            Shown(&row.user),
            Shown(&row.client),
            Shown(&row.verb),
            Shown(&row.resource)
        )?;
        for count in [row.started, row.ended, row.short] {
            write!(page, "<td class=\"n\">{}</td>", grouped(count))?;
        }
        write!(
            page,
            "<td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            took(row.p50_us),
            took(row.max_us)
        )?;
    }
    page.write_str("</tbody></table></section>")
}
