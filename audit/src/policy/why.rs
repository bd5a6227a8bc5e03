//! Why rules did not apply, in words.
//!
//! Promise: one sentence per rule, naming the first condition that failed, what the request had, and what the rule
//! asked for; long lists are cut.

use super::matching::{Conditions, GroupResources, Unmet};
use crate::Attributes;

/// Why one rule did not match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The index of the rule.
    pub rule: usize,
    /// The first condition that did not hold, in words.
    pub why: String,
}

/// How many names of a list are shown.
const SHOWN: usize = 5;

pub(super) fn sentence(unmet: Unmet, conditions: &Conditions, attributes: &Attributes<'_>) -> String {
    match unmet {
        Unmet::Users => format!("{} is not one of users {}", user(attributes), list(&conditions.users)),
        Unmet::UserGroups => {
            format!("no group of {} is one of userGroups {}", user(attributes), list(&conditions.user_groups))
        }
        Unmet::Verbs => format!("verb {:?} is not one of verbs {}", attributes.verb, list(&conditions.verbs)),
        Unmet::ResourceRequest => {
            format!(
                "{:?} is not a resource request, and the rule asks for resources or namespaces",
                attributes.path
            )
        }
        Unmet::Namespaces => {
            format!(
                "namespace {:?} is not one of namespaces {}",
                attributes.namespace,
                list(&conditions.namespaces)
            )
        }
        Unmet::Resources => {
            format!("{} is not covered by resources {}", resource(attributes), entries(&conditions.resources))
        }
        Unmet::NonResourceRequest => {
            format!("{} is a resource, and the rule asks for nonResourceURLs", resource(attributes))
        }
        Unmet::NonResourceUrls => {
            format!(
                "path {:?} matches none of nonResourceURLs {}",
                attributes.path,
                list(&conditions.non_resource_urls)
            )
        }
    }
}

fn user(attributes: &Attributes<'_>) -> String {
    attributes
        .user
        .as_ref()
        .map_or_else(|| "a request without a user".to_owned(), |user| format!("user {user:?}"))
}

fn resource(attributes: &Attributes<'_>) -> String {
    let mut text = attributes.resource.to_string();
    if !attributes.subresource.is_empty() {
        text = format!("{text}/{}", attributes.subresource);
    }
    if !attributes.api_group.is_empty() {
        text = format!("{text} of {}", attributes.api_group);
    }
    if !attributes.name.is_empty() {
        text = format!("{text} named {:?}", attributes.name);
    }
    text
}

fn list(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("{name:?}")).collect();
    let more =
        if names.len() > SHOWN { format!(", and {} more", names.len() - SHOWN) } else { String::new() };
    format!("[{}{more}]", shown.join(", "))
}

fn entries(entries: &[GroupResources]) -> String {
    let text = |entry: &GroupResources| {
        let group = if entry.group.is_empty() { "core".to_owned() } else { entry.group.clone() };
        let resources =
            if entry.resources.is_empty() { "everything".to_owned() } else { list(&entry.resources) };
        let names = if entry.resource_names.is_empty() {
            String::new()
        } else {
            format!(" named {}", list(&entry.resource_names))
        };
        format!("{group}: {resources}{names}")
    };
    let shown: Vec<String> = entries.iter().take(SHOWN).map(text).collect();
    let more = if entries.len() > SHOWN { "; and more" } else { "" };
    format!("({}{more})", shown.join("; "))
}
