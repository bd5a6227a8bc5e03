//! Secrets that would end up in the log.
//!
//! Promise: only a rule that is the first for such a request is named; configmaps that a rule gives by name are meant to
//! be logged, as `aws-auth` is.

use super::reach::{Answer, Reach, Scope, Target};
use super::{Findings, rules};
use crate::Level;
use crate::policy::spec::{PolicySpec, RuleSpec};

/// Verbs whose request has the object, and those whose response has it.
const SENT: &[&str] = &["create", "update", "patch"];
const RETURNED: &[&str] = &["create", "update", "patch", "get", "list", "deletecollection"];

const fn target(verbs: &'static [&'static str], group: &'static str, resource: &'static str) -> Target {
    Target { verbs, group, resource, subresource: "", scope: Scope::AnyNamespace, user: None }
}

const TOKEN: Target = Target { subresource: "token", ..target(&["create"], "", "serviceaccounts") };
const REVIEW: Target =
    Target { scope: Scope::Cluster, ..target(&["create"], "authentication.k8s.io", "tokenreviews") };

/// What to look for from which level on, and what it is called.
const SENSITIVE: [(Level, Target, &str); 6] = [
    (Level::Request, target(SENT, "", "secrets"), "secrets"),
    (Level::RequestResponse, target(RETURNED, "", "secrets"), "secrets"),
    (Level::Request, target(SENT, "", "configmaps"), "configmaps"),
    (Level::RequestResponse, target(RETURNED, "", "configmaps"), "configmaps"),
    (Level::Request, REVIEW, "tokenreviews"),
    (Level::RequestResponse, TOKEN, "serviceaccounts/token"),
];

/// Rules that write the content of secrets, or tokens, into the log.
pub(super) fn check(spec: &PolicySpec, reach: &Reach<'_>, findings: &mut Findings) {
    for (index, rule) in rules(spec) {
        let Some(level) = Level::from_name(rule.value.level.value.as_bytes()) else {
            continue;
        };
        let mut shown: Vec<&str> = SENSITIVE
            .iter()
            .filter(|(_, target, _)| target.resource != "configmaps" || !by_name(&rule.value))
            .filter(|(from, target, _)| level >= *from && reach.target(index, target) == Answer::Reached)
            .map(|(_, _, name)| *name)
            .collect();
        shown.dedup();
        if shown.is_empty() {
            continue;
        }
        let names = shown.join(", ");
        let message = format!(
            "rules[{index}] writes the content of {names} into the log, in plain text for whoever can read it: it is \
             the first rule that matches them, with level {}",
            level.name()
        );
        let fix = format!("before rules[{index}], put a rule with `level: Metadata` for {names}");
        findings.warning("secrets-in-log", rule.value.level.place, Some(index), message, fix);
    }
}

/// Whether a rule asks for names, whatever it is about.
fn by_name(rule: &RuleSpec) -> bool {
    let entries = &rule.resources.value;
    !entries.is_empty() && entries.iter().all(|entry| !entry.value.resource_names.is_empty())
}
