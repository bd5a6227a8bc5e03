//! An event as it is told: what its columns say, and its line.
//!
//! Promise: what is told of an event does not depend on where it was read.

use serde::{Serialize, Serializer};

use super::query::SESSIONS;
use super::tried;
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
    /// In which groups, where they named some.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub impersonated_groups: Vec<String>,
    /// In which cluster; empty where the events that are told are of one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cluster: String,
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
    /// The object's name: of one that was created without a name, the one that it got, where the event has the answer.
    pub name: String,
    /// The path without its query, of what is no resource.
    pub path: String,
    /// The answer.
    pub code: Option<i32>,
    /// The answer's reason.
    pub reason: String,
    /// How long a session in a container took, in seconds; None for other requests.
    pub session_seconds: Option<i64>,
    /// Whether it had begun to be answered and was not over at the end of what was read: of a session in a container, a
    /// watch and what else is meant to last.
    pub open: bool,
    /// Whether it was only tried (`dryRun`), so that nothing came of it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// What it changed, or would have, in a few words, where the level of the event tells; see [`super::Found::tell_changes`].
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
    /// When the request arrived, which is the same at every stage, in microseconds since 1970 (UTC).
    #[serde(skip)]
    pub(super) received: Option<i64>,
}

/// What the stages of one request have in common and no two requests do. Clients choose audit IDs, so that these alone
/// would let one request hide another one.
type Request<'e> = (&'e str, Option<i64>, [&'e str; 8]);

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
        "impersonated_groups",
        "cluster",
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
        let line = rows.lines()(row).to_vec();
        let logged = audit::Event::scan(&line).ok();
        let received = logged.as_ref().and_then(audit::Event::request_received_micros);
        let dry_run = tried::is_dry_run(&uri, logged.as_ref());
        let (name, verb) = (text("name"), text("verb"));
        let is_unnamed =
            name.is_empty() && verb == "create" && !resource.is_empty() && subresource.is_empty();
        let given = logged.as_ref().filter(|_| is_unnamed).and_then(tried::given_name);
        let mut event = Event {
            time: rows.times("time")(row),
            user: text("user"),
            impersonated_user: text("impersonated_user"),
            impersonated_groups: rows.lists("impersonated_groups").at(row).map(str::to_owned).collect(),
            cluster: text("cluster"),
            verb,
            api_group: text("api_group"),
            path: if resource.is_empty() { path.to_owned() } else { String::new() },
            resource,
            subresource,
            namespace: text("namespace"),
            name: given.unwrap_or(name),
            code: rows.codes()(row),
            reason: text("reason"),
            session_seconds,
            open: false,
            dry_run,
            changed: Vec::new(),
            client: text("client"),
            source_ip: text("source_ip"),
            audit_id: text("audit_id"),
            stage: text("stage"),
            level: text("level"),
            line,
            received,
        };
        event.open = event.is_start() && was_begun(event.code);
        event
    }

    /// Oldest first; a beginning before its end.
    pub(super) fn order(&self) -> (Option<i64>, bool, &str, &[u8]) {
        (self.time, !self.is_start(), &self.audit_id, &self.line)
    }

    /// Whether it is the beginning of a request that is meant to last.
    pub(super) fn is_start(&self) -> bool {
        self.stage == "ResponseStarted" && !self.user.is_empty()
    }

    /// Which request it is of.
    pub(super) fn request(&self) -> Request<'_> {
        let Event { user, impersonated_user, verb, api_group, .. } = self;
        let Event { resource, subresource, namespace, name, .. } = self;
        let texts = [user, impersonated_user, verb, api_group, resource, subresource, namespace, name];
        (&self.audit_id, self.received, texts.map(String::as_str))
    }
}

/// How long a session took that was begun.
fn session(rows: &Rows<'_>, row: usize, subresource: &str) -> Option<i64> {
    let is_one = was_begun(rows.codes()(row)) && SESSIONS.contains(&subresource);
    rows.numbers("latency_us")(row).filter(|_| is_one).map(|us| us / 1_000_000)
}

fn was_begun(code: Option<i32>) -> bool {
    code.is_some_and(|code| (100..300).contains(&code))
}

fn written<S: Serializer>(time: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
    Serialize::serialize(&time.map(moment::written), serializer)
}
