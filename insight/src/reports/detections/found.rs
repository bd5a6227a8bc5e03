//! What a detection found, and how often.
//!
//! Law: adding is commutative and associative: of reasons the smallest are kept.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::catalogue::{Detection, Rule};
use super::counted::Counted;
use super::select::Kind;
use crate::clip::clip;
use crate::shares::{Owned, Sum};

/// Most reasons that are told of a finding.
pub(super) const REASONS: usize = 8;

/// What a detection found.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Found {
    pub(super) detection: String,
    pub(super) subject: String,
    /// Who acted as the subject; empty for themselves.
    pub(super) by: String,
    pub(super) verb: String,
    pub(super) api_group: String,
    pub(super) resource: String,
    pub(super) subresource: String,
    pub(super) namespace: String,
    pub(super) name: String,
}

impl Owned for Found {
    type Owner = String;

    fn owner(&self) -> &String {
        &self.subject
    }
}

/// How often, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seen {
    pub(super) counted: Counted,
    /// One more than is told, so that it is known whether there are more.
    pub(super) reasons: BTreeSet<String>,
}

impl Sum for Seen {
    fn add(&mut self, other: Seen) {
        self.counted.add(other.counted);
        self.reasons.extend(other.reasons);
        while self.reasons.len() > REASONS + 1 {
            self.reasons.pop_last();
        }
    }
}

impl Found {
    /// What a request of this kind is told as.
    pub(super) fn of(detection: &Detection, kind: &Kind<'_>, name: &str) -> Found {
        match detection.rule {
            Rule::Masters => Found::by_subject(detection, kind.user),
            Rule::Impersonated => Found::impersonation(detection, kind),
            _ => Found {
                by: kind.acts_as.map(|_| clip(kind.user)).unwrap_or_default(),
                verb: clip(kind.verb),
                api_group: clip(kind.group),
                resource: clip(kind.resource),
                subresource: clip(kind.subresource),
                namespace: clip(kind.namespace),
                name: clip(name),
                ..Found::by_subject(detection, kind.subject())
            },
        }
    }

    /// About nothing that has a name.
    pub(super) fn by_subject(detection: &Detection, subject: &str) -> Found {
        Found { detection: detection.id.to_owned(), subject: clip(subject), ..Found::default() }
    }

    /// The permission to act as somebody, as roles have it.
    fn impersonation(detection: &Detection, kind: &Kind<'_>) -> Found {
        let whom = kind.subject();
        let account = whom.strip_prefix("system:serviceaccount:").and_then(|account| account.split_once(':'));
        let (resource, namespace, name) = match account {
            Some((namespace, name)) => ("serviceaccounts", namespace, name),
            None => ("users", "", whom),
        };
        Found {
            verb: "impersonate".into(),
            resource: resource.into(),
            namespace: clip(namespace),
            name: clip(name),
            ..Found::by_subject(detection, kind.user)
        }
    }
}
