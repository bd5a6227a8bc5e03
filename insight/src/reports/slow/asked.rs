//! Which requests are asked for, and how they are put together.
//!
//! Promise: filters read what is kept of a state, so that they cost nothing and work on kept hours.

use serde::Serialize;

use super::cost::Kind;
use super::objectives::Preset;
use crate::filter::{Filter, fits};

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
    /// Only these users, verbs and resources. Requests are kept without their namespaces and names, so that these are not
    /// asked for.
    pub filter: Filter,
    /// Only these programs; `*` stands for any text.
    pub client: Option<String>,
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
        Asked { by, filter: Filter::default(), client: None, preset, include_custom, most }
    }
}

impl Asked {
    pub(super) fn wants(&self, kind: &Kind) -> bool {
        self.filter.user(&kind.user)
            && self.client.as_ref().is_none_or(|pattern| fits(pattern, &kind.client))
            && self.wants_subject(&kind.verb, &kind.api_group, &kind.resource, &kind.subresource)
    }

    pub(super) fn wants_subject(&self, verb: &str, group: &str, resource: &str, subresource: &str) -> bool {
        self.filter.verb(verb) && self.filter.resource(group, resource, subresource)
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
