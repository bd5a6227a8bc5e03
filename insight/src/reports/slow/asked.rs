//! Which requests are asked for, and how they are put together.
//!
//! Promise: filters read what is kept of a state, so that they cost nothing and work on kept hours.

use serde::Serialize;

use super::cost::Kind;
use super::objectives::Preset;

/// What groups have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// The verb.
    Verb,
    /// The resource with its group and subresource.
    Resource,
    /// How wide the request reaches: resource, namespace, cluster, nonresource.
    Scope,
    /// The program, by its own word.
    Client,
    /// Who asked; all nodes are one.
    User,
}

/// A question.
#[derive(Debug, Clone)]
pub struct Asked {
    /// What groups have in common.
    pub by: Vec<By>,
    /// Only these users; a `*` stands for any text, here and below.
    pub user: Option<String>,
    /// Only these programs.
    pub client: Option<String>,
    /// Only these verbs.
    pub verb: Option<String>,
    /// Only these resources: `pods`, `pods/log`, `deployments.apps`.
    pub resource: Option<String>,
    /// Which objectives.
    pub preset: Preset,
    /// Whether objectives include custom, aggregated and virtual resources.
    pub include_custom: bool,
    /// Most single requests and lists that are named.
    pub most: usize,
}

impl Default for Asked {
    fn default() -> Self {
        let by = vec![By::Verb, By::Resource, By::Scope];
        let (preset, include_custom, most) = (Preset::KubernetesOfficial, false, 50);
        Asked { by, user: None, client: None, verb: None, resource: None, preset, include_custom, most }
    }
}

impl Asked {
    pub(super) fn wants(&self, kind: &Kind) -> bool {
        let fits = |pattern: &Option<String>, text: &str| pattern.as_ref().is_none_or(|p| matches(p, text));
        fits(&self.user, &kind.user)
            && fits(&self.client, &kind.client)
            && self.wants_subject(&kind.verb, &kind.api_group, &kind.resource, &kind.subresource)
    }

    pub(super) fn wants_subject(&self, verb: &str, group: &str, resource: &str, subresource: &str) -> bool {
        let plain = resource_name("", resource, subresource);
        let resource = |pattern: &String| {
            matches(pattern, &plain) || matches(pattern, &resource_name(group, resource, subresource))
        };
        self.verb.as_ref().is_none_or(|pattern| matches(pattern, verb))
            && self.resource.as_ref().is_none_or(resource)
    }

    /// The kind without what groups do not have in common.
    pub(super) fn group(&self, kind: &Kind) -> Kind {
        let keep = |by: By, text: &String| if self.by.contains(&by) { text.clone() } else { String::new() };
        Kind {
            user: keep(By::User, &kind.user),
            client: keep(By::Client, &kind.client),
            verb: keep(By::Verb, &kind.verb),
            api_group: keep(By::Resource, &kind.api_group),
            resource: keep(By::Resource, &kind.resource),
            subresource: keep(By::Resource, &kind.subresource),
            scope: keep(By::Scope, &kind.scope),
        }
    }
}

/// `deployments.apps/scale`, as kubectl writes it; empty for no object.
pub(super) fn resource_name(group: &str, resource: &str, subresource: &str) -> String {
    let mut name = resource.to_owned();
    for (mark, part) in [(".", group), ("/", subresource)] {
        if !part.is_empty() {
            name.push_str(mark);
            name.push_str(part);
        }
    }
    name
}

/// Whether the text is like the pattern, in which `*` stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match text.find(part) {
            Some(at) => text = &text[at + part.len()..],
            None => return false,
        }
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, fits) in [
            ("pods", "pods", true),
            ("pods", "pods/log", false),
            ("pods*", "pods/log", true),
            ("*:kube-system:*", "system:serviceaccount:kube-system:x", true),
            ("a*b*c", "abc", true),
            ("a*b*c", "acb", false),
            ("*a", "", false),
            ("ab*b", "ab", false),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }
}
