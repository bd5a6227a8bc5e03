//! The page "Search": a form, and the newest events that fit.

use std::fmt::{self, Write};
use std::ops::Range;

use crate::asked::Asked;
use crate::escape::{Escaped, Shown};
use crate::moment::exact;
use crate::search::{Found, Hit, Wanted};

use super::filters::Query;
use super::text::{duration, select};
use super::{activity, ends, page};

const VERBS: [&str; 8] = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];

/// The page.
pub(crate) fn render(asked: &Asked, times: &Range<i64>, found: &Found, most: usize) -> String {
    page("/search", "Search", |page| {
        form(page, &asked.wanted(), times)?;
        activity::unreadable(page, found.unreadable.iter())?;
        events(page, found, most)?;
        older(page, &asked.wanted(), times, found)
    })
}

fn form(page: &mut String, wanted: &Wanted, times: &Range<i64>) -> fmt::Result {
    page.write_str("<section><form class=\"filters\" action=\"/search\">")?;
    let fields = [
        ("user", &wanted.user, "system:serviceaccount:*"),
        ("client", &wanted.client, "kubectl*"),
        ("resource", &wanted.resource, "pods/log"),
        ("namespace", &wanted.namespace, "kube-*"),
        ("name", &wanted.name, "web-*"),
        ("code", &wanted.code, "403 or 4xx"),
        ("uri", &wanted.uri, "part of the request"),
        ("audit_id", &wanted.audit_id, ""),
    ];
    for (name, value, example) in fields {
        let search = if name == "user" { " data-search" } else { "" };
        let label = if name == "audit_id" { "audit ID" } else { name };
        write!(
            page,
            "<label>{label} <input name=\"{name}\" value=\"{}\" placeholder=\"{example}\" autocomplete=\"off\" \
             spellcheck=\"false\"{search}></label>",
            Escaped(value)
        )?;
    }
    if wanted.verb.is_empty() || VERBS.contains(&wanted.verb.as_str()) {
        select(page, "verb", &wanted.verb, &VERBS)?;
    } else {
        write!(page, "<label>verb <input name=\"verb\" value=\"{}\"></label>", Escaped(&wanted.verb))?;
    }
    select(page, "decision", &wanted.decision, &["allow", "forbid"])?;
    seldom(page, wanted)?;
    ends(page, times)?;
    page.write_str("<button>search</button> <a href=\"/search\">clear</a></form></section>")
}

/// What rows of reports ask for beside that; in the form only where it is asked for.
fn seldom(page: &mut String, wanted: &Wanted) -> fmt::Result {
    let exact = wanted.exact.join(",");
    for (name, label, value) in [
        ("subject", "subject", &wanted.subject),
        ("as", "acting as", &wanted.acting_as),
        ("scope", "scope", &wanted.scope),
        ("source_ip", "from", &wanted.source_ip),
        ("exact", "exactly these", &exact),
    ] {
        if !value.is_empty() {
            write!(page, "<label>{label} <input name=\"{name}\" value=\"{}\"></label>", Escaped(value))?;
        }
    }
    Ok(())
}

fn events(page: &mut String, found: &Found, most: usize) -> fmt::Result {
    if found.events.is_empty() {
        return page.write_str(
            "<section><p class=\"empty\">No event fits. Widen the time, or leave a filter out.</p></section>",
        );
    }
    let newest = if found.events.len() == most { "The newest " } else { "" };
    write!(
        page,
        "<section><h2>{newest}{} events</h2><table class=\"rows\"><thead><tr><th>time (UTC)</th><th>user</th>\
         <th class=\"verb\">verb</th><th>object</th><th>code</th><th class=\"n\">took</th></tr></thead><tbody>",
        found.events.len()
    )?;
    found.events.iter().try_for_each(|hit| row(page, hit))?;
    page.write_str("</tbody></table></section>")
}

fn row(page: &mut String, hit: &Hit) -> fmt::Result {
    let time: String = hit.time.trim_end_matches('Z').chars().take(23).collect();
    let (row, seq) = (hit.row.to_string(), hit.seq.to_string());
    // Files are merged, and clients choose audit IDs: where it came from names an event for good.
    let place = [
        ("file", hit.file.as_str()),
        ("row", &row),
        ("audit_id", &hit.audit_id),
        ("time", &hit.time),
        ("origin", &hit.origin),
        ("seq", &seq),
    ];
    write!(
        page,
        "<tr><td class=\"time\"><a href=\"/event?{}\">{}</a></td><td>{}</td><td>{}</td><td>",
        Query(&place),
        time.replace('T', " "),
        Shown(&hit.user),
        Shown(&hit.verb)
    )?;
    object(page, hit)?;
    let (class, code) = match hit.code {
        None => ("open", hit.stage.clone()),
        Some(code @ (401 | 403)) => ("refused", code.to_string()),
        Some(code @ 400..=499) => ("faulty", code.to_string()),
        Some(code @ 500..) => ("broken", code.to_string()),
        Some(code) => ("fine", code.to_string()),
    };
    let took = hit.latency_us.map(duration).unwrap_or_default();
    write!(page, "</td><td><i class=\"{class}\">{}</i></td><td class=\"n\">{took}</td></tr>", Shown(code))
}

/// What the request was for: the object, or the path where there is none.
fn object(page: &mut String, hit: &Hit) -> fmt::Result {
    if hit.resource.is_empty() {
        return write!(page, "<code>{}</code>", Shown(&hit.request_uri));
    }
    write!(page, "{}", Shown(&hit.resource))?;
    match (hit.namespace.as_str(), hit.name.as_str()) {
        ("", "") => Ok(()),
        ("", name) => write!(page, " <b>{}</b>", Shown(name)),
        (namespace, "") => write!(page, " <span class=\"soft\">{}</span>", Shown(namespace)),
        (namespace, name) => {
            write!(page, " <span class=\"soft\">{}/</span><b>{}</b>", Shown(namespace), Shown(name))
        }
    }
}

/// All that is asked for, as parameters.
fn words(wanted: &Wanted) -> [(&'static str, &str); 14] {
    [
        ("user", &wanted.user),
        ("subject", &wanted.subject),
        ("as", &wanted.acting_as),
        ("client", &wanted.client),
        ("verb", &wanted.verb),
        ("resource", &wanted.resource),
        ("namespace", &wanted.namespace),
        ("name", &wanted.name),
        ("code", &wanted.code),
        ("decision", &wanted.decision),
        ("audit_id", &wanted.audit_id),
        ("uri", &wanted.uri),
        ("scope", &wanted.scope),
        ("source_ip", &wanted.source_ip),
    ]
}

/// The way on, where not everything was looked through.
fn older(page: &mut String, wanted: &Wanted, times: &Range<i64>, found: &Found) -> fmt::Result {
    let Some(next) = &found.next else { return Ok(()) };
    let back_to = found.looked_back_to.as_deref().unwrap_or(&next.to);
    let (from, past) = (exact(times.start), next.past.as_ref().map(ToString::to_string));
    let ends = [("from", from.as_str()), ("to", &next.to), ("past", past.as_deref().unwrap_or_default())];
    let taken = wanted.exact.join(",");
    let query = [&ends[..], &words(wanted), &[("exact", taken.as_str())]].concat();
    if let Some(hour) = &found.in_part {
        write!(
            page,
            "<p class=\"bad\">The hour from {} on has too many events to look through in time: not all of it was. Narrow \
             the time.</p>",
            Escaped(hour)
        )?;
    }
    let what = if past.is_some() { "These go back to" } else { "Looked back to" };
    write!(
        page,
        "<p>{what} {}. <a href=\"/search?{}\">Look further back</a></p>",
        Escaped(back_to),
        Query(&query)
    )
}
