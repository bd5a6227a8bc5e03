//! The page of one event: who asked what, which rule of the policy is for it, where its time went, and the line itself.
//!
//! Promise: its links lead to events, however old it is.

use std::fmt::{self, Write};

use audit::{Attributes, Event, Policy, Stage};

use crate::escape::{Escaped, Shown};
use crate::filter::resource_name;

use super::filters::{Query, Search, with_subresources};
use super::page;
use super::text::{duration, json};

/// Most bytes of a line that are laid out.
const MOST_BYTES: usize = 1 << 20;
/// Before all events.
const EVER: &str = "1970-01-01";
/// The clocks of API servers that see one request do not differ by more.
const HOUR_US: i64 = 3_600_000_000;
/// No request takes longer.
const LONGEST_US: i64 = 24 * HOUR_US;
/// What annotations on latency begin with, and more of them than the API server writes.
const LATENCY: &str = "apiserver.latency.k8s.io/";
const PARTS: [&str; 9] = [
    "total",
    "apf-queue-wait",
    "authentication",
    "authorization",
    "mutating-webhook",
    "validating-webhook",
    "etcd",
    "serialize-response-object",
    "response-write",
];

/// The page; `policy` is the one that holds now, or why there is none; `lake` is where it is kept; `others` says that other events may have its audit
/// ID, which is all that was known.
pub(crate) fn render(
    line: &[u8],
    policy: Option<&Result<Policy, String>>,
    lake: &str,
    others: bool,
) -> String {
    page("/search", "Event", |page| {
        match Event::scan(line) {
            Ok(event) => {
                if others {
                    ambiguous(page, &event)?;
                }
                facts(page, &event)?;
                rule(page, &event, policy)?;
                latency(page, &event)?;
                proof(page, &event, lake)?;
            }
            Err(why) => {
                write!(
                    page,
                    "<section><h2>Event</h2><p class=\"bad\">{}</p></section>",
                    Shown(why.to_string())
                )?;
            }
        }
        whole(page, line)
    })
}

fn lasted(us: i64) -> String {
    let why = if us < 0 { " (the server's clock was set back meanwhile)" } else { "" };
    format!("{}{why}", duration(us))
}

fn ambiguous(page: &mut String, event: &Event<'_>) -> fmt::Result {
    let id = event.audit_id();
    let query = [("audit_id", &*id), ("from", EVER)];
    write!(
        page,
        "<section role=\"status\"><p>This is the newest event with this audit ID, and not the only one: a request has an \
         event for each stage, and clients choose IDs. <a href=\"/search?{}\">All of them</a></p></section>",
        Query(&query)
    )
}

fn facts(page: &mut String, event: &Event<'_>) -> fmt::Result {
    let object = event.object_ref();
    write!(page, "<section><h2>{} <code>{}</code></h2>", Shown(event.verb()), Shown(event.request_uri()))?;
    page.write_str("<dl class=\"facts\">")?;
    let took = event.request_received_micros().zip(event.stage_micros()).map(|(from, to)| to - from);
    let user = event.user();
    let (user, groups) = user.map_or_else(Default::default, |user| {
        (user.username().into_owned(), user.groups().take(64).collect::<Vec<_>>().join(", "))
    });
    let impersonated = event.impersonated_user().map(|user| user.username().into_owned());
    let code = event.code().map(|code| code.to_string());
    let facts = [
        ("time", Some(event.stage_timestamp().into_owned())),
        ("stage", Some(event.stage().name().to_owned())),
        ("level", Some(event.level().name().to_owned())),
        ("user", Some(user)),
        ("as", impersonated),
        ("groups", Some(groups)),
        ("code", code),
        ("took", took.map(lasted)),
        ("why", event.annotation("authorization.k8s.io/reason").map(Into::into)),
        ("message", event.message().map(Into::into)),
        ("from", Some(event.source_ips().take(8).collect::<Vec<_>>().join(", "))),
        ("client", Some(event.user_agent().into_owned())),
        ("audit ID", Some(event.audit_id().into_owned())),
    ];
    for (name, value) in facts {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            write!(page, "<div><dt>{name}</dt><dd>{}</dd></div>", Shown(value))?;
        }
    }
    page.write_str("</dl>")?;
    if let Some(object) = object {
        let resource = with_subresources(&resource_name(&object.api_group, &object.resource, ""));
        let query = [
            ("resource", resource.as_str()),
            ("namespace", &object.namespace),
            ("name", &object.name),
            ("from", EVER),
            ("exact", "namespace,name"),
        ];
        write!(page, "<p><a href=\"/search?{}\">all events of this object</a></p>", Query(&query))?;
    }
    write!(page, "<p><a href=\"{}\">all stages of this request</a></p></section>", stages(event))
}

/// Where the stages of the event's request are found.
fn stages(event: &Event<'_>) -> String {
    let id = event.audit_id();
    let times = event.request_received_micros().into_iter().chain(event.stage_micros());
    let is_last = matches!(event.stage(), Stage::ResponseComplete | Stage::Panic);
    let rest = if is_last { HOUR_US } else { LONGEST_US };
    match times.clone().min().zip(times.max()) {
        Some((first, last)) => Search(&(first - HOUR_US..last + rest), &[("audit_id", &id)]).to_string(),
        None => format!("/search?{}", Query(&[("audit_id", &id), ("from", EVER)])),
    }
}

/// What the policy decides about the request.
pub(super) fn rule(
    page: &mut String,
    event: &Event<'_>,
    policy: Option<&Result<Policy, String>>,
) -> fmt::Result {
    let policy = match policy {
        None => return Ok(()),
        Some(Err(why)) => {
            return write!(page, "<section><h2>Policy</h2><p class=\"bad\">{}</p></section>", Shown(why));
        }
        Some(Ok(policy)) => policy,
    };
    let attributes = Attributes::of(event);
    let decision = policy.decide(&attributes);
    let rule = match decision.rule {
        None => "no rule is for it".to_owned(),
        Some(rule) => match policy.rule_line(rule) {
            Some(line) => format!("rule {rule} (line {line}) is for it"),
            None => format!("rule {rule} is for it"),
        },
    };
    write!(
        page,
        "<section><h2>Policy</h2><p>{}; its level is <b>{}</b>.</p>",
        Escaped(&rule),
        decision.level.name()
    )?;
    let reasons = policy.why(&attributes);
    if !reasons.is_empty() {
        write!(page, "<details><summary>why not the {} rules before it</summary><ul>", reasons.len())?;
        for reason in reasons.iter().take(200) {
            let line = policy.rule_line(reason.rule).unwrap_or_default();
            write!(page, "<li>rule {} (line {line}): {}</li>", reason.rule, Shown(&reason.why))?;
        }
        page.write_str("</ul></details>")?;
    }
    page.write_str("</section>")
}

/// Where the time went, as far as the server says it: only of requests of more than half a second.
fn latency(page: &mut String, event: &Event<'_>) -> fmt::Result {
    let part = |part: &&'static str| Some((*part, event.annotation(&format!("{LATENCY}{part}"))?));
    let parts: Vec<_> = PARTS.iter().filter_map(part).collect();
    if parts.is_empty() {
        return Ok(());
    }
    page.write_str("<section><h2>Where the time went</h2><dl class=\"facts\">")?;
    for (part, value) in parts {
        write!(page, "<div><dt>{part}</dt><dd>{}</dd></div>", Shown(value))?;
    }
    page.write_str("</dl></section>")
}

fn proof(page: &mut String, event: &Event<'_>, lake: &str) -> fmt::Result {
    let id = event.audit_id();
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Ok(()); // a command line with anything else in it could be one that nobody means
    }
    write!(
        page,
        "<section><h2>Proof of delivery</h2><p><code id=\"prove\">auditrail prove --audit-id {id} --lake {}</code> \
         <button type=\"button\" data-copy=\"prove\" hidden>copy</button></p><p class=\"soft\">Where the services run: \
         with their <code>--config</code>, or the <code>--data</code> of <code>up</code>, which tells where receipts \
         are.</p></section>",
        Escaped(word(lake))
    )
}

/// A word of a command line, whatever is in it.
fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/:._-@".contains(c);
    if text.chars().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

fn whole(page: &mut String, line: &[u8]) -> fmt::Result {
    page.write_str(
        "<section><h2>The line <button type=\"button\" data-copy=\"line\" data-whole hidden>copy</button></h2>\
         <pre id=\"line\" class=\"json\">",
    )?;
    json(page, &String::from_utf8_lossy(&line[..line.len().min(MOST_BYTES)]))?;
    page.write_str("</pre>")?;
    if line.len() > MOST_BYTES {
        write!(page, "<p>The first {MOST_BYTES} of {} bytes.</p>", line.len())?;
    }
    page.write_str("</section>")
}
