//! The page "RBAC": what each subject used and wanted, and for one of them the least roles, put to the test.
//!
//! Promise: what only the cluster's roles could tell is said to need them, and how to ask.

use std::fmt::{self, Write};
use std::ops::Range;

use audit::rbac::Uses;

use crate::ask::Answer;
use crate::asked::Asked;
use crate::escape::{Escaped, Lines, Shown};
use crate::proposed::{self, Proposed, Use, User};

use super::activity::{fact, unreadable};
use super::filters::{self, Query, events, span};
use super::text::{choice, grouped};
use super::{Progress, page_of};

/// Most rows of a table.
const MOST_ROWS: usize = 200;
pub(super) const MODES: [(&str, &str); 3] = [
    ("used", "used: what was allowed"),
    ("wanted", "wanted: what was refused too"),
    ("fix", "fix: only what was refused"),
];

/// The page.
pub(crate) fn render<F>(asked: &Asked, times: &Range<i64>, uses: &Uses, answer: &Answer<F>) -> String {
    page_of("/rbac", "RBAC", Progress::of(answer), |page| {
        filters::spans(page, "/rbac", asked, times, &["user", "mode"])?;
        filters::form(page, "/rbac", asked, &[("user", "system:serviceaccount:kube-system:*")], |page| {
            choice(page, "mode", asked.mode.trim(), &MODES)
        })?;
        let pattern = asked.whom(uses);
        let own = uses.only(|who| who.user == pattern);
        if pattern.is_empty() || own.subjects().next().is_none() {
            users(page, asked, &proposed::users(uses, pattern), &proposed::left(uses))?;
        } else {
            one(page, asked, times, &own)?;
        }
        with_roles(page)?;
        unreadable(page, answer.unreadable.iter())
    })
}

fn users(page: &mut String, asked: &Asked, users: &[User], left: &[String]) -> fmt::Result {
    write!(page, "<section><h2>{} subjects</h2>", grouped(users.len() as u64))?;
    if users.is_empty() {
        return page.write_str(
            "<p class=\"empty\">Nobody of this name asked in this time. Widen the time, or leave the name out.</p></section>",
        );
    }
    page.write_str(
        "<p class=\"soft\">Choose one for the least roles that allow what it does.</p>\
         <table class=\"rows\"><thead><tr><th>subject</th><th class=\"n\">kinds of requests used</th>\
         <th class=\"n\">requests allowed</th><th class=\"n\">kinds refused</th><th class=\"n\">requests refused</th>\
         <th>last (UTC)</th></tr></thead><tbody>",
    )?;
    for user in users.iter().take(MOST_ROWS) {
        write!(page, "<tr><td>")?;
        if user.user.is_empty() {
            page.write_str("<span class=\"soft\">nobody</span>")?;
        } else {
            let mut query = vec![("user", user.user.as_str()), ("mode", asked.mode.trim())];
            query.extend(span(asked));
            write!(page, "<a href=\"/rbac?{}\">{}</a>", Query(&query), Shown(&user.user))?;
        }
        if user.beyond_roles {
            page.write_str(" <small>needs no role</small>")?;
        }
        for (count, class) in
            [(user.used, "open"), (user.allowed, "open"), (user.wanted, "refused"), (user.refused, "refused")]
        {
            page.write_str("</td><td class=\"n\">")?;
            match count {
                0 => page.write_str("<span class=\"soft\">0</span>")?,
                count if class == "refused" => write!(page, "<i class=\"refused\">{}</i>", grouped(count))?,
                count => page.write_str(&grouped(count))?,
            }
        }
        let last: String = user.last.chars().take(19).collect();
        write!(page, "</td><td>{}</td></tr>", last.replace('T', " "))?;
    }
    page.write_str("</tbody></table>")?;
    beyond(page, users.len())?;
    left.iter().try_for_each(|left| write!(page, "<p class=\"soft\">In no row: {left}.</p>"))?;
    page.write_str("</section>")
}

fn beyond(page: &mut String, rows: usize) -> fmt::Result {
    match rows.saturating_sub(MOST_ROWS) {
        0 => Ok(()),
        more => write!(page, "<p class=\"soft\">{} more rows: narrow them above.</p>", grouped(more as u64)),
    }
}

fn one(page: &mut String, asked: &Asked, times: &Range<i64>, own: &Uses) -> fmt::Result {
    let user = asked.whom(own);
    let roles = proposed::roles(user, own, asked.mode());
    let beyond_roles = proposed::users(own, "").first().is_some_and(|user| user.beyond_roles);
    write!(page, "<section><h2>Least roles for {}</h2>", Shown(user))?;
    if beyond_roles {
        page.write_str(
            "<p class=\"bad\">It is a node, or a member of system:masters, whose requests need no role.</p>",
        )?;
    }
    replay(page, &roles)?;
    if roles.yaml.is_empty() {
        page.write_str(
            "<p class=\"empty\">There is nothing to give: no request of this kind was recorded.</p>",
        )?;
    } else {
        write!(
            page,
            "<p class=\"soft\">For <code>kubectl apply -f -</code>, after a look. \
             <button type=\"button\" data-copy=\"roles\" hidden>copy</button></p><pre id=\"roles\">{}</pre>",
            Lines(&roles.yaml)
        )?;
    }
    page.write_str("</section>")?;
    uses(page, user, times, &proposed::uses_of(own))
}

/// What became of the recorded requests.
fn replay(page: &mut String, roles: &Proposed) -> fmt::Result {
    page.write_str("<dl class=\"facts\">")?;
    fact(page, "permissions", &grouped(roles.permissions))?;
    fact(page, "recorded requests, asked again", &grouped(roles.requests))?;
    let class = if roles.allowed == roles.requests { "good" } else { "bad" };
    write!(
        page,
        "<div><dt>allowed by these roles</dt><dd class=\"{class}\">{}</dd></div></dl>",
        grouped(roles.allowed)
    )?;
    for request in &roles.not_allowed {
        write!(page, "<p class=\"bad\">not allowed: {}</p>", Shown(request))?;
    }
    for careful in &roles.careful {
        write!(page, "<p class=\"bad\">careful: {}</p>", Shown(careful))?;
    }
    Ok(())
}

fn uses(page: &mut String, user: &str, times: &Range<i64>, uses: &[Use]) -> fmt::Result {
    page.write_str(
        "<section><h2>What it did and wanted to do</h2><table class=\"rows\"><thead><tr><th>what</th><th class=\"verb\">verb</th>\
         <th>namespace</th><th>names</th><th class=\"n\">allowed</th><th class=\"n\">refused</th><th>by</th></tr></thead>\
         <tbody>",
    )?;
    for row in uses.iter().take(MOST_ROWS) {
        write!(
            page,
            "<tr><td><a href=\"{}\">{}</a></td><td>{}</td><td>{}</td><td>{}",
            link(user, times, row),
            Shown(&row.what),
            Shown(&row.verb),
            Shown(&row.namespace),
            Shown(row.names.join(", "))
        )?;
        match row.more_names {
            None => page.write_str("many")?,
            Some(0) => {}
            Some(more) => write!(page, ", and {more} more")?,
        }
        write!(page, "</td><td class=\"n\">{}</td><td class=\"n\">", grouped(row.allowed))?;
        if row.refused > 0 {
            write!(page, "<i class=\"refused\">{}</i>", grouped(row.refused))?;
        }
        write!(page, "</td><td>{}</td></tr>", Shown(row.by.join(", ")))?;
    }
    page.write_str("</tbody></table>")?;
    beyond(page, uses.len())?;
    page.write_str("</section>")
}

/// Where the events of a use are found. To act as somebody else is no request of its own: those that did are.
fn link(user: &str, times: &Range<i64>, row: &Use) -> String {
    if row.verb == "impersonate" {
        let name = match row.names.as_slice() {
            [name] if row.more_names == Some(0) => name,
            _ => "*",
        };
        let of_account = format!("system:serviceaccount:{}:{name}", row.namespace);
        return match row.what.as_str() {
            "users" if name != "*" => events(times, &[("user", user), ("as", name)], &[]),
            "serviceaccounts" => events(times, &[("user", user)], &[("as", &of_account)]),
            _ => events(times, &[("user", user)], &[("as", "*")]),
        };
    }
    let whose = [("subject", user), ("verb", row.verb.as_str())];
    let exactly = match row.what.starts_with('/') {
        true => [("resource", ""), ("uri", row.what.as_str())],
        false => [("resource", row.what.as_str()), ("namespace", &row.namespace)],
    };
    events(times, &[whose, exactly].concat(), &[])
}

/// What needs more than a log.
fn with_roles(page: &mut String) -> fmt::Result {
    const GET: &str =
        "kubectl get roles,rolebindings,clusterroles,clusterrolebindings -A -o yaml > roles.yaml";
    const ASK: [(&str, &str); 2] = [
        ("which bindings, rules and verbs nobody uses", "auditrail rbac unused --roles roles.yaml"),
        ("whether somebody could do something, and by which binding", "auditrail rbac check --help"),
    ];
    write!(
        page,
        "<section><h2>With the cluster's roles</h2><p class=\"soft\">A log tells what was used, not what is given. With \
         <code>{}</code> the command line tells more:</p><ul>",
        Escaped(GET)
    )?;
    for (what, command) in ASK {
        write!(page, "<li>{what}: <code>{command}</code></li>")?;
    }
    page.write_str("</ul></section>")
}
