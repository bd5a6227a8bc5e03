//! Secrets of an event, replaced by fingerprints.
//!
//! Promises: what is not redacted stays byte for byte; equal secrets have equal fingerprints under one key, whatever
//! their escapes, and in `data` as in `stringData`; redacting twice is redacting once; an object that cannot be read
//! is redacted as a whole; nothing recurses on the input.

mod fingerprint;
mod place;
mod query;
mod walk;

pub use fingerprint::Key;

use crate::event::{Event, Field};
use crate::splice::Splice;
use place::{Kind, Place};
use walk::Redactor;

/// What is redacted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "Written")]
pub struct Redactions {
    secrets: bool,
    tokens: bool,
    env: bool,
    last_applied: bool,
    query_strings: bool,
}

/// A name that stands for no redaction.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` cannot be redacted; write secrets, tokens, env, lastApplied, queryStrings or all")]
pub struct BadRedaction(String);

/// As configuration writes it.
#[derive(serde::Deserialize)]
#[serde(
    untagged,
    expecting = "`redact` is a list of secrets, tokens, env, lastApplied and queryStrings, or the word all"
)]
enum Written {
    One(String),
    Several(Vec<String>),
}

impl TryFrom<Written> for Redactions {
    type Error = BadRedaction;

    fn try_from(written: Written) -> Result<Self, BadRedaction> {
        match written {
            Written::One(name) => Redactions::of([name]),
            Written::Several(names) => Redactions::of(names),
        }
    }
}

impl Redactions {
    /// Everything that can be redacted.
    pub const ALL: Redactions =
        Redactions { secrets: true, tokens: true, env: true, last_applied: true, query_strings: true };

    /// Those of these names: `secrets` (data of Secrets, in lists and patches too), `tokens` (of TokenRequest and
    /// TokenReview), `env` (values in lists called `env`), `lastApplied` (the annotation of `kubectl apply`),
    /// `queryStrings` (the values in requestURI's query), or `all`.
    ///
    /// # Errors
    /// [`BadRedaction`] for any other name.
    pub fn of<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Result<Redactions, BadRedaction> {
        let mut all = Redactions::default();
        for name in names {
            match name.as_ref() {
                "secrets" => all.secrets = true,
                "tokens" => all.tokens = true,
                "env" => all.env = true,
                "lastApplied" => all.last_applied = true,
                "queryStrings" => all.query_strings = true,
                "all" => all = Redactions::ALL,
                other => return Err(BadRedaction(other.to_owned())),
            }
        }
        Ok(all)
    }

    /// The names of what is redacted, each with that redaction alone.
    pub fn each(self) -> impl Iterator<Item = (&'static str, Redactions)> {
        let none = Redactions::default();
        let each = [
            ("secrets", self.secrets, Redactions { secrets: true, ..none }),
            ("tokens", self.tokens, Redactions { tokens: true, ..none }),
            ("env", self.env, Redactions { env: true, ..none }),
            ("lastApplied", self.last_applied, Redactions { last_applied: true, ..none }),
            ("queryStrings", self.query_strings, Redactions { query_strings: true, ..none }),
        ];
        each.into_iter().filter_map(|(name, on, alone)| on.then_some((name, alone)))
    }

    fn look_into_objects(self) -> bool {
        self.secrets || self.tokens || self.env || self.last_applied
    }

    /// Whether nothing is redacted.
    #[must_use]
    pub fn is_none(self) -> bool {
        self == Redactions::default()
    }
}

/// Redacts an event. When something was redacted, the line that remains is appended to `out`, and the answer is true.
pub fn redact(event: &Event<'_>, what: Redactions, key: &Key, out: &mut Vec<u8>) -> bool {
    let hint = Kind::of_request(event);
    let mut redactor = Redactor { what, key, splice: Splice::new(event.line(), out) };
    for span in event.spans() {
        match span.field {
            Field::RequestUri if what.query_strings => {
                query::redact(span.value(), key, &mut redactor.splice);
            }
            Field::RequestObject | Field::ResponseObject if what.look_into_objects() => {
                redactor.object(span.value(), Place::Root(hint))
            }
            _ => {}
        }
    }
    redactor.splice.finish()
}

/// What [`redact`] would find in an event: the name of each redaction, and the fields that it changes.
#[must_use]
pub fn redactions_found(event: &Event<'_>, what: Redactions) -> Vec<(&'static str, Vec<&'static str>)> {
    let key = Key::new(b"nobody sees these fingerprints");
    let each = what.each().filter_map(|(name, alone)| {
        let mut out = Vec::new();
        if !redact(event, alone, &key, &mut out) {
            return None;
        }
        let after = Event::scan(&out).ok()?;
        let changed = [
            ("requestURI", event.request_uri() != after.request_uri()),
            ("requestObject", event.request_object() != after.request_object()),
            ("responseObject", event.response_object() != after.response_object()),
        ];
        Some((name, changed.into_iter().filter_map(|(field, is)| is.then_some(field)).collect()))
    });
    each.collect()
}

#[cfg(test)]
mod tests;
