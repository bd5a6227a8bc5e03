//! The fields of an audit event's top level.
//!
//! Invariant: names, of nested members too, are compared case-sensitively and after unescaping, as the API server's
//! codec does.

use super::NotAnEvent;
use crate::text;
use std::borrow::Cow;

/// A field that an event of `audit.k8s.io/v1` can have, or `Other`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Kind,
    ApiVersion,
    Level,
    AuditId,
    Stage,
    RequestUri,
    Verb,
    User,
    ImpersonatedUser,
    SourceIps,
    UserAgent,
    ObjectRef,
    ResponseStatus,
    RequestObject,
    ResponseObject,
    RequestReceivedTimestamp,
    StageTimestamp,
    Annotations,
    Other,
}

impl Field {
    /// How many fields there are, `Other` included.
    pub(crate) const COUNT: usize = Field::Other as usize + 1;

    /// The field with this key, as it stands between its quotes.
    #[inline]
    pub(crate) fn of_key(raw: &[u8]) -> Field {
        let field = Field::of_name(raw);
        if field == Field::Other && memchr::memchr(b'\\', raw).is_some() {
            return Field::of_name(text::unescape(raw).as_bytes());
        }
        field
    }

    fn of_name(name: &[u8]) -> Field {
        match name {
            b"kind" => Field::Kind,
            b"apiVersion" => Field::ApiVersion,
            b"level" => Field::Level,
            b"auditID" => Field::AuditId,
            b"stage" => Field::Stage,
            b"requestURI" => Field::RequestUri,
            b"verb" => Field::Verb,
            b"user" => Field::User,
            b"impersonatedUser" => Field::ImpersonatedUser,
            b"sourceIPs" => Field::SourceIps,
            b"userAgent" => Field::UserAgent,
            b"objectRef" => Field::ObjectRef,
            b"responseStatus" => Field::ResponseStatus,
            b"requestObject" => Field::RequestObject,
            b"responseObject" => Field::ResponseObject,
            b"requestReceivedTimestamp" => Field::RequestReceivedTimestamp,
            b"stageTimestamp" => Field::StageTimestamp,
            b"annotations" => Field::Annotations,
            _ => Field::Other,
        }
    }

    /// Whether a value can stand in this field; null stands for absence everywhere.
    pub(crate) fn check(self, value: &[u8]) -> Result<(), NotAnEvent> {
        let (first, field, expected) = match self {
            Field::RequestObject | Field::ResponseObject | Field::Other => return Ok(()),
            Field::User => (b'{', "user", "an object"),
            Field::ImpersonatedUser => (b'{', "impersonatedUser", "an object"),
            Field::ObjectRef => (b'{', "objectRef", "an object"),
            Field::ResponseStatus => (b'{', "responseStatus", "an object"),
            Field::Annotations => (b'{', "annotations", "an object"),
            Field::SourceIps => (b'[', "sourceIPs", "a list"),
            Field::Kind => (b'"', "kind", "a string"),
            Field::ApiVersion => (b'"', "apiVersion", "a string"),
            Field::Level => (b'"', "level", "a string"),
            Field::AuditId => (b'"', "auditID", "a string"),
            Field::Stage => (b'"', "stage", "a string"),
            Field::RequestUri => (b'"', "requestURI", "a string"),
            Field::Verb => (b'"', "verb", "a string"),
            Field::UserAgent => (b'"', "userAgent", "a string"),
            Field::RequestReceivedTimestamp => (b'"', "requestReceivedTimestamp", "a string"),
            Field::StageTimestamp => (b'"', "stageTimestamp", "a string"),
        };
        match value.first() {
            Some(byte) if *byte == first => Ok(()),
            _ if value == b"null" => Ok(()),
            _ => Err(NotAnEvent::Wrong { field, expected }),
        }
    }
}

/// A key, as it stands between its quotes, without escapes.
#[inline]
pub(crate) fn plain_key(raw: &[u8]) -> Cow<'_, [u8]> {
    match memchr::memchr(b'\\', raw) {
        None => Cow::Borrowed(raw),
        Some(_) => Cow::Owned(text::unescape(raw).into_owned().into_bytes()),
    }
}

/// Whether a key, as it stands between its quotes, is this name.
#[inline]
pub(crate) fn same_key(raw: &[u8], name: &[u8]) -> bool {
    raw == name || (memchr::memchr(b'\\', raw).is_some() && text::unescape(raw).as_bytes() == name)
}
