//! Which requests a detection is about, by their columns.
//!
//! Promise: only columns that repeat are read for it, once per kind of request.

use super::catalogue::{DETECTIONS, Detection, Rule, is_component};
use crate::filter::{fits, resource_name};
use crate::rows::{Rows, Words};

/// The columns that say what kind of request it is.
pub(super) struct Kinds<'b> {
    texts: [Words<'b>; 7],
}

/// One kind of request.
#[derive(Debug)]
pub(super) struct Kind<'b> {
    pub(super) user: &'b str,
    pub(super) acts_as: Option<&'b str>,
    pub(super) verb: &'b str,
    pub(super) group: &'b str,
    pub(super) resource: &'b str,
    pub(super) subresource: &'b str,
    pub(super) namespace: &'b str,
}

impl<'b> Kinds<'b> {
    pub(super) fn of(rows: &Rows<'b>) -> Kinds<'b> {
        let columns =
            ["user", "impersonated_user", "verb", "api_group", "resource", "subresource", "namespace"];
        Kinds { texts: columns.map(|column| rows.words(column)) }
    }

    pub(super) fn at(&self, row: usize) -> Kind<'b> {
        let text = |column: usize| self.texts[column].at(row).unwrap_or_default();
        Kind {
            user: text(0),
            acts_as: self.texts[1].at(row),
            verb: text(2),
            group: text(3),
            resource: text(4),
            subresource: text(5),
            namespace: text(6),
        }
    }
}

impl<'b> Kind<'b> {
    /// Whose permissions decided.
    pub(super) fn subject(&self) -> &'b str {
        self.acts_as.unwrap_or(self.user)
    }

    /// Whether it is a cluster's own.
    pub(super) fn is_component(&self) -> bool {
        is_component(self.user, self.acts_as)
    }

    /// The detections that may be about it.
    pub(super) fn detections(&self) -> impl Iterator<Item = &'static Detection> {
        DETECTIONS.iter().filter(|detection| {
            let rule = &detection.rule;
            rule.may_be_of(self)
                && rule.may_be_in(self.namespace)
                && rule.may_be_about(self)
                && detection.by.is(self)
        })
    }

    fn is_one_of(&self, patterns: &[&str]) -> bool {
        // Most patterns are for other resources, which is seen at once.
        let may_be = |pattern: &&&str| pattern.starts_with('*') || pattern.starts_with(self.resource);
        !self.resource.is_empty() && patterns.iter().filter(may_be).any(|pattern| self.fits(pattern))
    }

    fn fits(&self, pattern: &str) -> bool {
        let (pattern, below) = pattern.split_once('/').unwrap_or((pattern, ""));
        below == self.subresource && fits(pattern, &resource_name(self.group, self.resource, ""))
    }
}

impl Rule {
    /// Whether it may be about requests of these.
    pub(super) fn may_be_of(&self, kind: &Kind<'_>) -> bool {
        !matches!(self, Rule::Impersonated) || kind.acts_as.is_some()
    }

    /// Whether it may be about requests in this namespace.
    pub(super) fn may_be_in(&self, namespace: &str) -> bool {
        match self {
            Rule::Requests { namespaces, .. } => namespaces.is_empty() || namespaces.contains(&namespace),
            _ => true,
        }
    }

    /// Whether it may be about requests to do this.
    pub(super) fn may_be_about(&self, kind: &Kind<'_>) -> bool {
        match self {
            Rule::Masters => !kind.resource.is_empty(),
            Rule::Impersonated => true,
            Rule::ManyRefusals => false,
            Rule::ForbiddenLater(resources) => kind.is_one_of(resources),
            Rule::Requests { verbs, resources, .. } => {
                (verbs.is_empty() || verbs.contains(&kind.verb))
                    && (resources.is_empty() || kind.is_one_of(resources))
            }
        }
    }

    /// Whether a request of the kind that is meant, with this answer, is one.
    pub(super) fn is_answered(&self, code: i32, decision: &str) -> bool {
        match self {
            Rule::ForbiddenLater(_) => code == 403 && decision == "allow",
            _ => (100..300).contains(&code),
        }
    }
}
