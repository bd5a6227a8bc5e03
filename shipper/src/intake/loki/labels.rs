//! The labels of a stream: `{name="value", ...}` as Loki's query language writes them.
//!
//! Promise: a label taken from an event has a few dozen values at most, whatever clients ask for.

use std::fmt::Write;

use audit::Event;
use proto::Origin;

/// Verbs that the API server gives to requests; what a client makes up is `other`.
const VERBS: [&str; 14] = [
    "get",
    "list",
    "watch",
    "create",
    "update",
    "patch",
    "delete",
    "deletecollection",
    "connect",
    "post",
    "put",
    "head",
    "options",
    "proxy",
];

/// A field of an event that is a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EventLabel {
    Verb,
    Stage,
    Level,
    CodeClass,
}

impl EventLabel {
    /// As the configuration names it.
    pub(super) fn named(name: &str) -> Option<EventLabel> {
        match name {
            "verb" => Some(EventLabel::Verb),
            "stage" => Some(EventLabel::Stage),
            "audit_level" => Some(EventLabel::Level),
            "code_class" => Some(EventLabel::CodeClass),
            _ => None,
        }
    }

    /// Name and value; None where the event has none.
    fn of(self, event: &Event<'_>) -> Option<(&'static str, &'static str)> {
        match self {
            EventLabel::Verb => {
                let verb = event.verb();
                Some(("verb", VERBS.into_iter().find(|known| *known == verb).unwrap_or("other")))
            }
            EventLabel::Stage => Some(("stage", event.stage().name())),
            EventLabel::Level => Some(("audit_level", event.level().name())),
            EventLabel::CodeClass => {
                let classes = ["1xx", "2xx", "3xx", "4xx", "5xx"];
                let class = classes.get(usize::from(event.code()? / 100).checked_sub(1)?);
                Some(("code_class", class.copied().unwrap_or("other")))
            }
        }
    }
}

/// The labels of an origin and the operator's own, without braces.
pub(super) fn of(origin: &Origin, labels: &[(String, String)]) -> Vec<u8> {
    let mut text = String::new();
    let own = [
        ("cluster", &origin.cluster),
        ("node", &origin.node),
        ("source", &origin.source),
        ("service_name", &origin.service),
    ];
    let own = own.into_iter().filter(|(_, value)| !value.is_empty());
    for (name, value) in own.chain(labels.iter().map(|(name, value)| (name.as_str(), value))) {
        put(name, value, &mut text);
    }
    if text.is_empty() {
        put("source", "auditrail", &mut text); // a stream has a label at least
    }
    text.into_bytes()
}

/// All labels of an event, with braces.
pub(super) fn with(frame: &[u8], chosen: &[EventLabel], event: Option<&Event<'_>>) -> Vec<u8> {
    let mut text = String::new();
    for (name, value) in event.into_iter().flat_map(|event| chosen.iter().filter_map(|label| label.of(event)))
    {
        put(name, value, &mut text);
    }
    let between = if text.is_empty() { &b""[..] } else { b", " };
    [b"{", frame, between, text.as_bytes(), b"}"].concat()
}

fn put(name: &str, value: &str, text: &mut String) {
    let between = if text.is_empty() { "" } else { ", " };
    let _ = write!(text, "{between}{name}=\"");
    for c in value.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            '\n' => text.push_str("\\n"),
            c if c.is_control() => text.push('\u{fffd}'),
            c => text.push(c),
        }
    }
    text.push('"');
}
