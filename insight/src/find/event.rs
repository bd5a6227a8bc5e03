//! An event as it is told: what its columns say, and its line.
//!
//! Promise: what is told of an event does not depend on where it was read.

use serde::{Serialize, Serializer};

use super::query::SESSIONS;
use crate::moment;
use crate::rows::Rows;

/// An event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// When, in microseconds since 1970 (UTC); written as in the audit log.
    #[serde(serialize_with = "written")]
    pub time: Option<i64>,
    /// Who was authenticated.
    pub user: String,
    /// As whom they acted; empty for themselves.
    pub impersonated_user: String,
    /// The verb.
    pub verb: String,
    /// The API group; empty for the core group.
    pub api_group: String,
    /// The resource; empty for a path.
    pub resource: String,
    /// The subresource.
    pub subresource: String,
    /// The namespace.
    pub namespace: String,
    /// The object's name.
    pub name: String,
    /// The path without its query, of what is no resource.
    pub path: String,
    /// The answer.
    pub code: Option<i32>,
    /// The answer's reason.
    pub reason: String,
    /// How long a session in a container took, in seconds; None for other requests.
    pub session_seconds: Option<i64>,
    /// What it changed, in a few words, where the level of the event tells; see [`super::Found::tell_changes`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<String>,
    /// The program, by its own word.
    pub client: String,
    /// From where.
    pub source_ip: String,
    /// The request.
    pub audit_id: String,
    /// The stage that was logged.
    pub stage: String,
    /// How much was logged.
    pub level: String,
    /// The line.
    #[serde(skip)]
    pub line: Vec<u8>,
}

impl Event {
    pub(super) const COLUMNS: &'static [&'static str] = &[
        "time",
        "latency_us",
        "audit_id",
        "stage",
        "level",
        "verb",
        "user",
        "impersonated_user",
        "api_group",
        "resource",
        "subresource",
        "namespace",
        "name",
        "code",
        "reason",
        "client",
        "source_ip",
        "request_uri",
        "raw",
    ];

    pub(super) fn of(rows: &Rows<'_>, row: usize) -> Event {
        let text = |column: &str| rows.words(column).at(row).unwrap_or_default().to_owned();
        let uri = text("request_uri");
        let path = uri.split(['?', '#']).next().unwrap_or_default();
        let (resource, subresource) = (text("resource"), text("subresource"));
        let session_seconds = session(rows, row, &subresource);
        Event {
            time: rows.times("time")(row),
            user: text("user"),
            impersonated_user: text("impersonated_user"),
            verb: text("verb"),
            api_group: text("api_group"),
            path: if resource.is_empty() { path.to_owned() } else { String::new() },
            resource,
            subresource,
            namespace: text("namespace"),
            name: text("name"),
            code: rows.codes()(row),
            reason: text("reason"),
            session_seconds,
            changed: Vec::new(),
            client: text("client"),
            source_ip: text("source_ip"),
            audit_id: text("audit_id"),
            stage: text("stage"),
            level: text("level"),
            line: rows.lines()(row).to_vec(),
        }
    }

    /// Oldest first.
    pub(super) fn order(&self) -> (Option<i64>, &str, &[u8]) {
        (self.time, &self.audit_id, &self.line)
    }
}

/// How long a session took that was begun.
fn session(rows: &Rows<'_>, row: usize, subresource: &str) -> Option<i64> {
    let was_begun = rows.codes()(row).is_some_and(|code| (100..300).contains(&code));
    let took = rows.numbers("latency_us")(row).filter(|_| was_begun && SESSIONS.contains(&subresource));
    took.map(|us| us / 1_000_000)
}

fn written<S: Serializer>(time: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
    Serialize::serialize(&time.map(moment::written), serializer)
}
