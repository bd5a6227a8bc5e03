//! Rules about a resource whose telling subresources nobody logs.
//!
//! Promise: a rule is named only when a request for a subresource, by somebody and somewhere that the rule is about,
//! is matched by no rule at all.

use super::reach::{Reach, Scope, Target};
use super::{Findings, rules};
use crate::policy::spec::PolicySpec;

const CONNECT: &[&str] = &["create", "get"];

const fn target(verbs: &'static [&'static str], resource: &'static str, subresource: &'static str) -> Target {
    let scope = if matches!(resource.as_bytes(), b"nodes") { Scope::Cluster } else { Scope::AnyNamespace };
    Target { verbs, group: "", resource, subresource, scope, user: None }
}

/// What somebody who wants a resource logged hardly means to leave out.
const TELLING: [Target; 6] = [
    target(CONNECT, "pods", "exec"),
    target(CONNECT, "pods", "attach"),
    target(CONNECT, "pods", "portforward"),
    target(&["get"], "pods", "log"),
    target(CONNECT, "nodes", "proxy"),
    target(&["create"], "serviceaccounts", "token"),
];

/// Looks at every rule that names such a resource and tells of it.
pub(super) fn check(spec: &PolicySpec, reach: &Reach<'_>, findings: &mut Findings) {
    for (index, rule) in rules(spec).filter(|(_, rule)| rule.value.level.value != "None") {
        let core = rule.value.resources.value.iter().filter(|entry| entry.value.group.value.is_empty());
        for pattern in core.flat_map(|entry| &entry.value.resources.value) {
            let missed: Vec<String> = TELLING
                .iter()
                .filter(|target| target.resource == pattern.value && reach.is_unmatched(index, target))
                .map(|target| format!("`{}/{}`", target.resource, target.subresource))
                .collect();
            if missed.is_empty() {
                continue;
            }
            let (resource, list) = (&pattern.value, missed.join(", "));
            let message =
                format!("`{resource}` does not cover {list}, which no rule matches, so they are not logged");
            let fix = format!(
                "add {list} here, or `{resource}/*`, which covers `{resource}` and all its subresources"
            );
            findings.warning("uncovered-subresource", pattern.place, Some(index), message, fix);
        }
    }
}
