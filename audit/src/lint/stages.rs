//! Omitting `ResponseStarted` hides every failed authentication.

use super::{Findings, rules};
use crate::policy::spec::{Names, PolicySpec, RuleSpec};

const FIX: &str =
    "omit RequestReceived only; ResponseStarted costs one event per watch, exec and port-forward";

/// A rule that asks for a user or a group cannot match a request without a user, so it hides none.
pub(super) fn check(spec: &PolicySpec, findings: &mut Findings) {
    hides(&spec.omit_stages, None, findings);
    for (index, rule) in rules(spec) {
        if may_match_nobody(&rule.value) {
            hides(&rule.value.omit_stages, Some(index), findings);
        }
    }
}

fn may_match_nobody(rule: &RuleSpec) -> bool {
    rule.users.is_empty() && rule.user_groups.is_empty() && rule.level.value != "None"
}

fn hides(stages: &Names, rule: Option<usize>, findings: &mut Findings) {
    if let Some(stage) = stages.value.iter().find(|stage| stage.value == "ResponseStarted") {
        let which = if rule.is_some() { "those that this rule matches" } else { "all of them" };
        let message = format!(
            "a failed authentication (401) is only ever logged at ResponseStarted, so omitting that stage hides {which}"
        );
        findings.warning("hidden-401", stage.place, rule, message, FIX.to_owned());
    }
}
