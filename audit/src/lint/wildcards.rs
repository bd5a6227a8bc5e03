//! Wildcards where kube-apiserver knows none.

use super::{Findings, rules};
use crate::policy::spec::{Names, PolicySpec};

/// `*` means something in `resources`, in `group`, and at the end of a URL only.
pub(super) fn check(spec: &PolicySpec, findings: &mut Findings) {
    for (index, rule) in rules(spec) {
        let rule = &rule.value;
        let lists = [
            ("verbs", &rule.verbs),
            ("users", &rule.users),
            ("userGroups", &rule.user_groups),
            ("namespaces", &rule.namespaces),
        ];
        for (field, names) in lists {
            star(field, names, index, true, findings);
        }
        for entry in &rule.resources.value {
            patterns(&entry.value.resources, index, findings);
            let only = rule.resources.value.len() == 1;
            star("resourceNames", &entry.value.resource_names, index, only, findings);
        }
    }
}

/// A star among names is a name. Alone, or with other patterns, it leaves a rule that can match nothing, if the rule
/// `needs` the list.
fn star(field: &str, names: &Names, rule: usize, needs: bool, findings: &mut Findings) {
    let starred = |name: &str| name.contains('*');
    let Some(name) = names.value.iter().find(|name| starred(&name.value)) else {
        return;
    };
    let dead = needs && names.value.iter().all(|name| starred(&name.value));
    let end = if dead { ", so the rule matches nothing" } else { "" };
    let message = format!("`{field}` knows no wildcards: `{}` is compared as it is{end}", name.value);
    let fix = if name.value == "*" {
        format!("remove `{field}`: a rule without it matches all of them")
    } else {
        format!("name every one of `{field}` in full, or remove the field to match all of them")
    };
    findings.warning("literal-wildcard", name.place, Some(rule), message, fix);
}

/// Patterns of resources that look as if they matched something.
fn patterns(patterns: &Names, rule: usize, findings: &mut Findings) {
    for pattern in &patterns.value {
        let text = pattern.value.as_str();
        let every = text == "*/*";
        let (why, fix) = if every {
            (
                "it would need a resource or a subresource called `*`",
                "write `*`, which covers every resource and subresource",
            )
        } else if is_partial_glob(text) {
            ("a star stands for a whole resource or a whole subresource only", "name the resources in full")
        } else {
            continue;
        };
        let message = format!("resource pattern `{text}` matches nothing: {why}");
        findings.warning("dead-pattern", pattern.place, Some(rule), message, fix.to_owned());
        if every {
            findings.mended_by("*");
        }
    }
}

fn is_partial_glob(pattern: &str) -> bool {
    let rest = pattern.strip_prefix("*/").unwrap_or(pattern);
    let rest = rest.strip_suffix("/*").unwrap_or(rest);
    pattern != "*" && rest.contains('*')
}
