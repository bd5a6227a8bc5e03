//! What requests can be about that a rule matches.
//!
//! Promise: whatever could tell the rule from others is among it; for what the rule leaves open stands a word that the
//! policy does not mention.

use crate::policy::spec::{Names, PolicySpec, ResourcesSpec, RuleSpec, Spot};
use crate::{Attributes, Groups};
use std::collections::BTreeSet;
use std::rc::Rc;

/// What a request can be about.
#[derive(Debug, Clone)]
pub(super) struct What<'a> {
    pub(super) group: &'a str,
    pub(super) resource: &'a str,
    pub(super) subresource: &'a str,
    pub(super) names: Rc<[&'a str]>,
    /// Of a request that is about no resource.
    pub(super) path: Option<String>,
}

impl What<'_> {
    /// A request about it; by whom, where and what for is left open.
    pub(super) fn request<'a>(&'a self, name: &'a str) -> Attributes<'a> {
        Attributes {
            user: None,
            groups: Groups::Names(&[]),
            verb: "".into(),
            namespace: "".into(),
            api_group: self.group.into(),
            resource: self.resource.into(),
            subresource: self.subresource.into(),
            name: name.into(),
            path: self.path.as_deref().unwrap_or_default().into(),
            resource_request: self.path.is_none(),
        }
    }
}

/// What a rule is about.
pub(super) fn of<'a>(rule: &'a RuleSpec, fresh: &'a str) -> Vec<What<'a>> {
    if !rule.resources.value.is_empty() {
        return rule.resources.value.iter().flat_map(|entry| of_entry(&entry.value, fresh)).collect();
    }
    let anything = what(fresh, fresh, "", [fresh].into());
    let path = |path: String| What { path: Some(path), ..what("", "", "", [""].into()) };
    if !rule.namespaces.is_empty() {
        return vec![anything];
    }
    if rule.non_resource_urls.is_empty() {
        return vec![anything, path(fresh.to_owned())];
    }
    let paths = texts(&rule.non_resource_urls).map(|url| match url.strip_suffix('*') {
        Some(prefix) => prefix.trim_end_matches('*').to_owned() + fresh,
        None => url.to_owned(),
    });
    paths.map(path).collect()
}

/// The names that are given, or one that is not mentioned.
pub(super) fn or_fresh<'a>(names: &'a Names, fresh: &'a str) -> Vec<&'a str> {
    if names.is_empty() { vec![fresh] } else { texts(names).collect() }
}

pub(super) fn texts(names: &Names) -> impl Iterator<Item = &str> {
    names.value.iter().map(|name| name.value.as_str())
}

fn what<'a>(group: &'a str, resource: &'a str, subresource: &'a str, names: Rc<[&'a str]>) -> What<'a> {
    What { group, resource, subresource, names, path: None }
}

fn of_entry<'a>(entry: &'a ResourcesSpec, fresh: &'a str) -> Vec<What<'a>> {
    let group = if entry.group.value == "*" { fresh } else { &entry.group.value };
    if entry.resources.is_empty() {
        return vec![what(group, fresh, "", [fresh].into())];
    }
    let names: Rc<[&str]> = or_fresh(&entry.resource_names, fresh).into();
    let mut whats = Vec::new();
    for pattern in texts(&entry.resources) {
        let mut push = |resource, subresource| whats.push(what(group, resource, subresource, names.clone()));
        if pattern == "*" {
            push(fresh, "");
            continue;
        }
        // Everything that the pattern could be taken for; what it does not match is no harm. A resource is a part of a
        // path, so it has no slash.
        if !pattern.contains('/') {
            push(pattern, "");
        }
        pattern.match_indices('/').for_each(|(at, _)| push(&pattern[..at], &pattern[at + 1..]));
        pattern.strip_prefix("*/").into_iter().for_each(|subresource| push(fresh, subresource));
        pattern.strip_suffix("/*").into_iter().for_each(|resource| push(resource, fresh));
    }
    whats
}

/// A character that occurs in no name of the policy.
pub(super) fn unmentioned(spec: &PolicySpec) -> char {
    let mut mentioned = BTreeSet::new();
    for Spot { value: rule, .. } in &spec.rules.value {
        let lists = [&rule.users, &rule.user_groups, &rule.verbs, &rule.namespaces, &rule.non_resource_urls];
        mentioned.extend(lists.into_iter().flat_map(texts).flat_map(str::chars));
        for Spot { value: entry, .. } in &rule.resources.value {
            let lists = [&entry.resources, &entry.resource_names].into_iter().flat_map(texts);
            mentioned.extend(lists.chain([entry.group.value.as_str()]).flat_map(str::chars));
        }
    }
    let mut candidates = ('\u{1}'..).filter(|c| !mentioned.contains(c) && !matches!(c, '/' | '*'));
    candidates.next().expect("a policy is far smaller than the number of characters")
}
