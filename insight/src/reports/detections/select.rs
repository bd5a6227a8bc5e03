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
    /// Whether it is a cluster's own.
    pub(super) of_component: bool,
    /// The resource with its group.
    named: String,
}

impl<'b> Kinds<'b> {
    pub(super) fn of(rows: &Rows<'b>) -> Kinds<'b> {
        let columns =
            ["user", "impersonated_user", "verb", "api_group", "resource", "subresource", "namespace"];
        Kinds { texts: columns.map(|column| rows.words(column)) }
    }

    pub(super) fn at(&self, row: usize) -> Kind<'b> {
        let text = |column: usize| self.texts[column].at(row).unwrap_or_default();
        let (user, acts_as, group, resource) = (text(0), self.texts[1].at(row), text(3), text(4));
        Kind {
            of_component: is_component(user, acts_as),
            named: resource_name(group, resource, ""),
            user,
            acts_as,
            verb: text(2),
            group,
            resource,
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

    /// The detections that may be about it, by their places.
    pub(super) fn detections(&self) -> impl Iterator<Item = (u8, &'static Detection)> {
        (0..)
            .zip(&DETECTIONS)
            .filter(|(_, detection)| self.is_meant(&detection.rule) && detection.by.is(self))
    }

    fn is_meant(&self, rule: &Rule) -> bool {
        match rule {
            Rule::Masters => !self.resource.is_empty(),
            Rule::Impersonated => self.acts_as.is_some(),
            Rule::ManyRefusals => false,
            Rule::ForbiddenLater(resources) => self.is_one_of(resources),
            Rule::Requests { verbs, resources, namespaces, .. } => {
                let any = |wanted: &[&str], text: &str| wanted.is_empty() || wanted.contains(&text);
                any(verbs, self.verb)
                    && any(namespaces, self.namespace)
                    && (resources.is_empty() || self.is_one_of(resources))
            }
        }
    }

    fn is_one_of(&self, patterns: &[&str]) -> bool {
        !self.named.is_empty()
            && patterns.iter().any(|pattern| {
                let (pattern, below) = pattern.split_once('/').unwrap_or((pattern, ""));
                below == self.subresource && fits(pattern, &self.named)
            })
    }
}

impl Rule {
    /// Whether a request of the kind that is meant, with this answer, is one.
    pub(super) fn is_answered(&self, code: i32, decision: &str) -> bool {
        match self {
            Rule::ForbiddenLater(_) => code == 403 && decision == "allow",
            _ => (100..300).contains(&code),
        }
    }
}
