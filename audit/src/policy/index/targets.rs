//! `resources`: which values of group, resource and subresource a rule can accept.
//!
//! Promise: never too narrow. Together the three sets of a rule may hold more than the rule does (the resource of one
//! entry and the subresource of another); [`is_exact`] says for which rules they do not.

use super::column::Accepted;
use crate::policy::matching::{Conditions, GroupResources};

/// The groups.
pub(super) fn api_groups(rule: &Conditions) -> Accepted<'_> {
    let open = rule.resources.is_empty() || rule.resources.iter().any(|entry| entry.group == "*");
    (!open).then(|| rule.resources.iter().map(|entry| entry.group.as_str()).collect())
}

/// The resources, of requests whose resource has no slash.
pub(super) fn resources(rule: &Conditions) -> Accepted<'_> {
    halves(rule, |(resource, _)| resource)
}

/// The subresources, of requests whose subresource has no slash.
pub(super) fn subresources(rule: &Conditions) -> Accepted<'_> {
    halves(rule, |(_, subresource)| subresource)
}

/// Whether a rule accepts every request that its three sets accept.
pub(super) fn is_exact(rule: &Conditions) -> bool {
    let plain = |pattern: &String| pattern != "*" && !pattern.contains('/');
    match rule.resources.as_slice() {
        [GroupResources { resource_names, resources, .. }] if resource_names.is_empty() => {
            resources.iter().all(plain) || resources.iter().any(|pattern| pattern == "*")
        }
        entries => entries.iter().all(|entry| entry.resources.is_empty()),
    }
}

/// One half of each pattern; a star stands for everything.
fn halves<'r>(rule: &'r Conditions, half: fn((&'r str, &'r str)) -> &'r str) -> Accepted<'r> {
    let mut found = Vec::new();
    if rule.resources.is_empty() {
        return None;
    }
    for entry in &rule.resources {
        if entry.resources.is_empty() {
            return None;
        }
        for pattern in &entry.resources {
            let whole = if pattern == "*" { ("*", "*") } else { (pattern.as_str(), "") };
            match half(pattern.split_once('/').unwrap_or(whole)) {
                "*" => return None,
                name => found.push(name),
            }
        }
    }
    Some(found)
}
