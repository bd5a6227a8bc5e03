//! Which parameters each path has, and which words some of them take.
//!
//! Promise: what is not in here is refused by its name; docs/console.md names the same.

use audit::rbac::Mode;

use crate::reports::slow::{By, Preset};

/// The span of time.
const SPAN: [&str; 3] = ["range", "from", "to"];
const REFUSED: [&str; 8] = ["range", "from", "to", "user", "verb", "resource", "namespace", "name"];
const RBAC: [&str; 5] = ["range", "from", "to", "user", "mode"];
const SLOW: [&str; 9] = ["range", "from", "to", "user", "client", "verb", "resource", "by", "slo"];
const SEARCH: [&str; 19] = [
    "range",
    "from",
    "to",
    "user",
    "client",
    "verb",
    "resource",
    "namespace",
    "name",
    "code",
    "decision",
    "audit_id",
    "uri",
    "subject",
    "as",
    "scope",
    "source_ip",
    "exact",
    "past",
];
const EVENT: [&str; 6] = ["file", "row", "audit_id", "time", "origin", "seq"];

/// The paths that take a question, with their parameters.
pub(crate) const KNOWN: [(&str, &[&str]); 15] = [
    ("/", &SPAN),
    ("/refused", &REFUSED),
    ("/rbac", &RBAC),
    ("/slow", &SLOW),
    ("/search", &SEARCH),
    ("/event", &EVENT),
    ("/policy", &[]),
    ("/api/overview", &SPAN),
    ("/api/denied", &REFUSED),
    ("/api/rbac", &RBAC),
    ("/api/slow", &SLOW),
    ("/api/search", &SEARCH),
    ("/api/event", &EVENT),
    ("/api/lake", &["hours"]),
    ("/api/status", &[]),
];

/// What rows of slow requests may have in common.
pub(crate) const BY: [(&str, By); 5] = [
    ("verb", By::Verb),
    ("resource", By::Resource),
    ("scope", By::Scope),
    ("client", By::Client),
    ("user", By::User),
];
/// Whose objectives there are; the first is the usual one.
pub(crate) const SLO: [(&str, Preset); 2] =
    [("k8s-official", Preset::KubernetesOfficial), ("mixin", Preset::Mixin)];
/// From which uses roles are made; the first is the usual one.
pub(crate) const MODES: [(&str, Mode); 3] =
    [("used", Mode::Used), ("wanted", Mode::Wanted), ("fix", Mode::Fix)];
/// What was decided.
pub(crate) const DECISIONS: [(&str, ()); 2] = [("allow", ()), ("forbid", ())];

/// How wide requests reach.
pub(crate) const SCOPES: [(&str, ()); 4] =
    [("resource", ()), ("namespace", ()), ("cluster", ()), ("nonresource", ())];

/// The parameters of a path.
pub(crate) fn parameters(path: &str) -> &'static [&'static str] {
    KNOWN.iter().find(|(known, _)| *known == path).map_or(&[], |(_, names)| names)
}

/// What a word means.
pub(crate) fn named<T: Copy>(words: &[(&str, T)], word: &str) -> Option<T> {
    words.iter().find(|(known, _)| *known == word.trim()).map(|(_, meant)| *meant)
}
