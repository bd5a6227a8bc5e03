//! One audit event, seen through its line.
//!
//! Promises: [`Event::scan`] walks once over the top level, steps over what is nested, and allocates nothing for
//! an event with the fields that the API server writes. Nested values are read when asked for. Of a key that
//! occurs twice the last one counts, as for the API server. The bytes of the line are never changed, and any line
//! is survived: invalid UTF-8, unknown fields, any nesting.

mod field;
mod members;
mod object_ref;
mod user;

pub(crate) use field::{Field, plain_key, same_key};
pub(crate) use members::Span;
pub use object_ref::ObjectRef;
pub use user::User;

use crate::scan::{self, Step, Walk};
use crate::{Level, Stage, text, timestamp};
use members::Members;
use std::borrow::Cow;

/// The versions whose events are read. Those of v1beta1 have the fields of v1 and two more, which stay as they are;
/// those of v1alpha1 name the group of an object within its version, and their times differently.
const READ_VERSIONS: [&str; 2] = ["audit.k8s.io/v1", "audit.k8s.io/v1beta1"];

/// Why a line is no audit event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAnEvent {
    /// The line is no JSON object, or has something behind it.
    #[error("not a JSON object: unexpected text at byte {column}")]
    NotAnObject {
        /// The first byte that does not fit, counted from 1.
        column: usize,
    },
    /// A field that every event has is absent.
    #[error("field `{field}` is missing")]
    Missing {
        /// The field.
        field: &'static str,
    },
    /// A field has a value of another type or with another meaning than an event's.
    #[error("field `{field}` is not {expected}")]
    Wrong {
        /// The field.
        field: &'static str,
        /// What would be right.
        expected: &'static str,
    },
    /// The line is longer than 4 GiB.
    #[error("the line is longer than 4 GiB")]
    TooLong,
}

/// A lazily scanned view of one audit event line.
#[derive(Debug, Clone)]
pub struct Event<'a> {
    line: &'a [u8],
    members: Members,
    level: Level,
    stage: Stage,
}

impl<'a> Event<'a> {
    /// Looks over the top level of a line, with or without its newline.
    ///
    /// `level` and `stage` must be there; `kind`, when present, must be `Event`.
    ///
    /// # Errors
    /// [`NotAnEvent`] says what is missing or wrong. Nested values are stepped over, not checked.
    pub fn scan(line: &'a [u8]) -> Result<Event<'a>, NotAnEvent> {
        if u32::try_from(line.len()).is_err() {
            return Err(NotAnEvent::TooLong);
        }
        let members = scan_members(line)?;
        let value = |field| members.last(field).map(|span| &line[span.value()]);
        if value(Field::Kind).is_some_and(|kind| !text::is(kind, "Event")) {
            return Err(NotAnEvent::Wrong { field: "kind", expected: "`Event`" });
        }
        if value(Field::ApiVersion)
            .is_some_and(|version| !READ_VERSIONS.iter().any(|read| text::is(version, read)))
        {
            return Err(NotAnEvent::Wrong {
                field: "apiVersion",
                expected: "`audit.k8s.io/v1` or `audit.k8s.io/v1beta1`",
            });
        }
        let level = value(Field::Level).ok_or(NotAnEvent::Missing { field: "level" })?;
        let stage = value(Field::Stage).ok_or(NotAnEvent::Missing { field: "stage" })?;
        let level = Level::from_name(text::of_value(level).unwrap_or_default().as_bytes()).ok_or(
            NotAnEvent::Wrong { field: "level", expected: "None, Metadata, Request or RequestResponse" },
        )?;
        let stage = Stage::from_name(text::of_value(stage).unwrap_or_default().as_bytes()).ok_or(
            NotAnEvent::Wrong {
                field: "stage",
                expected: "RequestReceived, ResponseStarted, ResponseComplete or Panic",
            },
        )?;
        Ok(Event { line, members, level, stage })
    }

    /// The line as it was given.
    #[must_use]
    pub fn line(&self) -> &'a [u8] {
        self.line
    }

    /// The level at which the event was written.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }

    /// The stage at which the event was written.
    #[must_use]
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// `auditID`; chosen by the client if it likes, so of any content and length, and not unique.
    #[must_use]
    pub fn audit_id(&self) -> Cow<'a, str> {
        self.text(Field::AuditId)
    }

    /// `requestURI`: the encoded path with its query, which may hold secrets.
    #[must_use]
    pub fn request_uri(&self) -> Cow<'a, str> {
        self.text(Field::RequestUri)
    }

    /// `verb`, which may be empty.
    #[must_use]
    pub fn verb(&self) -> Cow<'a, str> {
        self.text(Field::Verb)
    }

    /// `userAgent`, empty when absent.
    #[must_use]
    pub fn user_agent(&self) -> Cow<'a, str> {
        self.text(Field::UserAgent)
    }

    /// The authenticated user, before any impersonation; `None` when nobody was authenticated (`{}`).
    #[must_use]
    pub fn user(&self) -> Option<User<'a>> {
        self.raw(Field::User).and_then(User::read)
    }

    /// The user that the request acted as, if it asked for impersonation.
    #[must_use]
    pub fn impersonated_user(&self) -> Option<User<'a>> {
        self.raw(Field::ImpersonatedUser).and_then(User::read)
    }

    /// The addresses of the request. Only the last one is the server's own observation; clients can forge the others.
    pub fn source_ips(&self) -> impl Iterator<Item = Cow<'a, str>> + use<'a> {
        let list = self.raw(Field::SourceIps).unwrap_or_default();
        scan::elements(list).filter_map(move |element| text::of_value(&list[element]))
    }

    /// `objectRef`; `None` for requests that are not about a resource.
    #[must_use]
    pub fn object_ref(&self) -> Option<ObjectRef<'a>> {
        self.raw(Field::ObjectRef).map(ObjectRef::read)
    }

    /// The HTTP status code of the answer.
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        std::str::from_utf8(self.response_status(b"code")?).ok()?.parse().ok()
    }

    /// `responseStatus.reason`, such as `Forbidden`.
    #[must_use]
    pub fn reason(&self) -> Option<Cow<'a, str>> {
        text::of_value(self.response_status(b"reason")?)
    }

    /// `responseStatus.message`.
    #[must_use]
    pub fn message(&self) -> Option<Cow<'a, str>> {
        text::of_value(self.response_status(b"message")?)
    }

    /// What the API server answered: newer ones write it as `responseStatus.message` at every level, older ones only
    /// with the response's body, where that is of a request that failed.
    #[must_use]
    pub fn answer(&self) -> Option<Cow<'a, str>> {
        let told = |message: &Cow<'_, str>| !message.is_empty();
        let of_body = || {
            let body = self.response_object().filter(|_| self.code().is_some_and(|code| code >= 400))?;
            member_value(body, b"message").and_then(text::of_value)
        };
        self.message().filter(told).or_else(|| of_body().filter(told))
    }

    /// `requestReceivedTimestamp` as written; empty when absent.
    #[must_use]
    pub fn request_received(&self) -> Cow<'a, str> {
        self.text(Field::RequestReceivedTimestamp)
    }

    /// `stageTimestamp` as written; empty when absent.
    #[must_use]
    pub fn stage_timestamp(&self) -> Cow<'a, str> {
        self.text(Field::StageTimestamp)
    }

    /// `requestReceivedTimestamp` in microseconds since the Unix epoch.
    #[must_use]
    pub fn request_received_micros(&self) -> Option<i64> {
        timestamp::unix_micros(&self.request_received())
    }

    /// `stageTimestamp` in microseconds since the Unix epoch.
    #[must_use]
    pub fn stage_micros(&self) -> Option<i64> {
        timestamp::unix_micros(&self.stage_timestamp())
    }

    /// The value of an annotation; of a key that occurs twice, the last one.
    #[must_use]
    pub fn annotation(&self, key: &str) -> Option<Cow<'a, str>> {
        member_value(self.raw(Field::Annotations)?, key.as_bytes()).and_then(text::of_value)
    }

    /// All annotations, in the order of the line.
    pub fn annotations(&self) -> impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)> + use<'a> {
        let object = self.raw(Field::Annotations).unwrap_or_default();
        scan::members(object).filter_map(move |(member, value)| {
            Some((text::unescape(member.raw_key(object)), text::of_value(&object[value])?))
        })
    }

    /// The JSON of `requestObject`, as it stands in the line.
    #[must_use]
    pub fn request_object(&self) -> Option<&'a [u8]> {
        self.raw(Field::RequestObject)
    }

    /// The JSON of `responseObject`, as it stands in the line.
    #[must_use]
    pub fn response_object(&self) -> Option<&'a [u8]> {
        self.raw(Field::ResponseObject)
    }

    /// The bytes of the last value of a field that is not null.
    pub(crate) fn raw(&self, field: Field) -> Option<&'a [u8]> {
        self.members.last(field).map(|span| &self.line[span.value()])
    }

    /// Where the last value of a field that is not null is.
    pub(crate) fn last(&self, field: Field) -> Option<Span> {
        self.members.last(field)
    }

    /// Where all members of the top level are, in order.
    pub(crate) fn spans(&self) -> impl Iterator<Item = Span> {
        self.members.iter()
    }

    fn text(&self, field: Field) -> Cow<'a, str> {
        self.raw(field).and_then(text::of_value).unwrap_or_default()
    }

    fn response_status(&self, key: &[u8]) -> Option<&'a [u8]> {
        member_value(self.raw(Field::ResponseStatus)?, key)
    }
}

/// The last value of a key in an object that is not null, since null leaves what was said before.
pub(crate) fn member_value<'a>(object: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    scan::members(object)
        .filter(|(member, value)| {
            same_key(member.raw_key(object), key) && object[value.clone()] != b"null"[..]
        })
        .last()
        .map(|(_, value)| &object[value])
}

fn scan_members(line: &[u8]) -> Result<Members, NotAnEvent> {
    let mut members = Members::default();
    let start = scan::skip_space(line, 0);
    let fault = |at: usize| NotAnEvent::NotAnObject { column: at + 1 };
    let mut walk = Walk::object(line, start).ok_or(fault(start))?;
    let mut at = start;
    loop {
        let member = match walk.next_member().ok_or(fault(at))? {
            Step::Item(member) => member,
            Step::End(end) => {
                let rest = scan::skip_space(line, end);
                return if rest == line.len() { Ok(members) } else { Err(fault(rest)) };
            }
        };
        at = scan::skip_value(line, member.value_start).ok_or(fault(member.value_start))?;
        let field = Field::of_key(member.raw_key(line));
        let value = &line[member.value_start..at];
        field.check(value)?;
        members.push(Span::new(field, &member, at), value == b"null");
        walk.resume(at);
    }
}

#[cfg(test)]
mod tests;
