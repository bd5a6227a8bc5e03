//! Requests that no rule matches are not logged at all.

use super::{Findings, rules};
use crate::policy::spec::{PolicySpec, RuleSpec};

/// Whether the rules together leave nothing out, as far as single rules show it.
pub(super) fn check(spec: &PolicySpec, findings: &mut Findings) {
    let any = |is: fn(&RuleSpec) -> bool| rules(spec).any(|(_, rule)| is(&rule.value));
    if any(takes_everything) || (any(takes_all_resources) && any(takes_all_urls)) {
        return;
    }
    let Some((_, last)) = rules(spec).last() else {
        return;
    };
    let message = "no rule matches everything: requests that none of the rules matches are not logged at all";
    let fix = "end the rules with one without conditions, such as `- level: Metadata`, or `- level: None` if it is meant";
    findings.warning("no-catch-all", last.place, None, message.to_owned(), fix.to_owned());
}

fn anybody(rule: &RuleSpec) -> bool {
    rule.users.is_empty() && rule.user_groups.is_empty() && rule.verbs.is_empty()
}

fn takes_everything(rule: &RuleSpec) -> bool {
    let unrestricted =
        rule.resources.value.is_empty() && rule.namespaces.is_empty() && rule.non_resource_urls.is_empty();
    anybody(rule) && unrestricted
}

fn takes_all_resources(rule: &RuleSpec) -> bool {
    let all = rule.resources.value.iter().any(|entry| {
        let entry = &entry.value;
        let every =
            entry.resources.is_empty() || entry.resources.value.iter().any(|pattern| pattern.value == "*");
        entry.group.value == "*" && every && entry.resource_names.is_empty()
    });
    anybody(rule) && rule.namespaces.is_empty() && all
}

fn takes_all_urls(rule: &RuleSpec) -> bool {
    anybody(rule) && rule.non_resource_urls.value.iter().any(|url| matches!(url.value.as_str(), "*" | "/*"))
}
