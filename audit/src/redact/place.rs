//! Where in an API object a value stands, as far as redaction cares.
//!
//! Promise: a place is known by the way to it alone, so that the pointer of a JSON patch leads to the same places as
//! the object that it changes.

use super::Redactions;
use crate::Event;
use crate::event::member_value;
use crate::text;

/// The annotation in which `kubectl apply` keeps a copy of the whole object.
const LAST_APPLIED: &[u8] = b"kubectl.kubernetes.io/last-applied-configuration";

/// What is known of an object's kind.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Kind {
    secret: bool,
    token: bool,
}

impl Kind {
    /// What the request is about; patches do not name their kind.
    pub(super) fn of_request(event: &Event<'_>) -> Kind {
        let Some(object) = event.object_ref() else { return Kind::default() };
        let of_account = object.resource == "serviceaccounts" && object.subresource == "token";
        Kind { secret: object.resource == "secrets", token: object.resource == "tokenreviews" || of_account }
    }

    /// What the object that begins `text` says, besides what is known.
    fn said_by(self, text: &[u8]) -> Kind {
        let kind = member_value(text, b"kind").and_then(text::of_value).unwrap_or_default();
        Kind {
            secret: self.secret || matches!(&*kind, "Secret" | "SecretList"),
            token: self.token || matches!(&*kind, "TokenRequest" | "TokenReview"),
        }
    }
}

/// A place.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    /// Nothing at or below is redacted.
    Beside,
    /// It is redacted.
    Hidden,
    /// It is redacted, and its text may be base64.
    HiddenData,
    /// It is redacted if it speaks of environment variables.
    HiddenWithEnv,
    /// Every value in it is redacted.
    Each(Data),
    /// `requestObject` or `responseObject`: an object, or a JSON patch.
    Root(Kind),
    /// An operation of a JSON patch, or an API object.
    Operation(Kind),
    /// An API object, whose kind is not known before it is entered.
    Object(Kind),
    /// An API object of this kind.
    Entered(Kind),
    /// Elements are API objects.
    Items(Kind),
    /// Elements are the rows of a Table.
    Rows(Kind),
    /// A row of a Table.
    Row(Kind),
    /// `metadata`.
    Metadata(Kind),
    /// `metadata.annotations`.
    Annotations(Kind),
    /// What holds a `token`.
    Token,
    /// Something in which lists called `env` are looked for.
    Anywhere,
    /// A list called `env`.
    Env,
    /// One of its elements.
    Variable,
}

/// How the values of a Secret are written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Data {
    /// In base64.
    Encoded,
    /// As they are.
    Plain,
}

impl Place {
    /// This place, when the container that begins `text` stands there.
    pub(super) fn entered(self, text: &[u8]) -> Place {
        match self {
            Place::Root(kind) | Place::Operation(kind) | Place::Object(kind) => {
                Place::Entered(kind.said_by(text))
            }
            other => other,
        }
    }

    /// Whether a container here is walked through.
    pub(super) fn leads_on(self) -> bool {
        !matches!(self, Place::Beside | Place::Hidden | Place::HiddenData | Place::HiddenWithEnv)
    }

    /// The place of the value under `key`.
    pub(super) fn member(self, key: &[u8], what: Redactions) -> Place {
        let rest = if what.env { Place::Anywhere } else { Place::Beside };
        match (self, key) {
            (Place::Hidden | Place::HiddenData | Place::HiddenWithEnv, _) => self,
            (Place::Each(Data::Encoded), _) => Place::HiddenData,
            (Place::Each(Data::Plain), _) => Place::Hidden,
            (Place::Root(kind) | Place::Operation(kind) | Place::Object(kind) | Place::Entered(kind), _) => {
                match key {
                    b"data" if kind.secret && what.secrets => Place::Each(Data::Encoded),
                    b"stringData" if kind.secret && what.secrets => Place::Each(Data::Plain),
                    b"metadata" => Place::Metadata(kind),
                    b"items" => Place::Items(kind),
                    b"rows" => Place::Rows(kind),
                    b"spec" | b"status" if kind.token && what.tokens => Place::Token,
                    b"env" if what.env => Place::Env,
                    _ => rest,
                }
            }
            (Place::Row(kind), b"object") => Place::Object(kind),
            (Place::Metadata(kind), b"annotations") => Place::Annotations(kind),
            (Place::Annotations(kind), LAST_APPLIED) => match what {
                Redactions { last_applied: true, .. } => Place::Hidden,
                Redactions { secrets: true, .. } if kind.secret => Place::Hidden,
                Redactions { env: true, .. } => Place::HiddenWithEnv,
                _ => Place::Beside,
            },
            (Place::Token, b"token") => Place::Hidden,
            (Place::Variable, b"value") => Place::Hidden,
            (Place::Anywhere | Place::Env | Place::Variable, b"env") => Place::Env,
            (Place::Anywhere | Place::Env | Place::Variable, _) => Place::Anywhere,
            _ => Place::Beside,
        }
    }

    /// The place of an element, when this is a list.
    pub(super) fn element(self) -> Place {
        match self {
            Place::Items(kind) => Place::Object(kind),
            Place::Rows(kind) => Place::Row(kind),
            Place::Env => Place::Variable,
            Place::Anywhere | Place::Variable => Place::Anywhere,
            Place::Each(Data::Encoded) => Place::HiddenData,
            Place::Each(Data::Plain) => Place::Hidden,
            Place::Root(kind) => Place::Operation(kind),
            _ => Place::Beside,
        }
    }

    /// The place that a JSON pointer leads to from here.
    pub(super) fn at(self, pointer: &str, what: Redactions) -> Place {
        pointer.split('/').skip(1).fold(self, |place, token| {
            let key = token.replace("~1", "/").replace("~0", "~");
            match place {
                Place::Items(_) | Place::Rows(_) | Place::Env => place.element(),
                _ => place.member(key.as_bytes(), what),
            }
        })
    }
}
