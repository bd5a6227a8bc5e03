//! What a detection is: what it is called, why it matters, what to do, and which requests it is about.
//!
//! Promises: an identifier stands for one meaning for ever; whose everyday work it is is left out by a rule that is
//! written here, never by what was seen.

mod entries;

use serde::Serialize;

use super::looks::Look;
use super::select::Kind;

pub use entries::DETECTIONS;

/// Who does what a detection is about every day, so that it says nothing about an attack: parts of Kubernetes, and of
/// the clouds' and distributions' own control planes. `*` at the end stands for any text.
pub const COMPONENTS: [&str; 14] = [
    "system:apiserver",
    "system:kube-*",
    "system:node:*",
    "system:serviceaccount:kube-system:*",
    "system:addon-manager",
    "system:cloud-controller-manager",
    "system:cluster-autoscaler",
    "system:konnectivity-server",
    "system:gke-*",
    "system:k3s-*",
    "system:rke2-*",
    "eks:*",
    "aksService",
    "system:cloud-node-manager",
];

/// More different requests of one subject than these, refused within [`MINUTES`], are a search for what is allowed.
pub const MANY: usize = 10;
/// Within so many minutes.
pub const MINUTES: i64 = 5;

/// How bad it would be, if it was not meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Low,
    /// Look at who it was.
    Medium,
    /// Look at once.
    High,
}

impl Severity {
    /// In a word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
        }
    }
}

/// A detection.
#[derive(Debug)]
pub struct Detection {
    /// What it is called, for ever.
    pub id: &'static str,
    /// How bad it would be.
    pub severity: Severity,
    /// What happened.
    pub title: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// What to do.
    pub todo: &'static str,
    pub(super) by: By,
    pub(super) rule: Rule,
}

/// Whose requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// Anybody's.
    Anybody,
    /// Nobody's: who did not log in.
    Anonymous,
    /// Those of all but [`COMPONENTS`].
    Others,
    /// Those of all but [`COMPONENTS`] and service accounts in their own namespace.
    OthersElsewhere,
    /// Those of people: no component, no service account, not nobody.
    People,
}

/// Which requests.
#[derive(Debug)]
pub(super) enum Rule {
    /// Those for resources that succeeded.
    Requests {
        /// Empty for any.
        verbs: &'static [&'static str],
        /// As `pods/exec` or `roles.rbac.authorization.k8s.io`, where the core group has no name and `*` stands for any
        /// text but subresources. Empty for all, and for what is no resource.
        resources: &'static [&'static str],
        /// Empty for any.
        namespaces: &'static [&'static str],
        /// What else must hold, that only the line tells.
        look: Option<Look>,
    },
    /// Those for these resources that authorization allowed and that were forbidden nevertheless.
    ForbiddenLater(&'static [&'static str]),
    /// All for resources that succeeded, of members of `system:masters`.
    Masters,
    /// All that succeeded, as somebody else.
    Impersonated,
    /// Many different ones that were refused.
    ManyRefusals,
}

impl Detection {
    /// What else must hold, that only the line tells.
    pub(super) fn look(&self) -> Option<Look> {
        match &self.rule {
            Rule::Requests { look, .. } => *look,
            _ => None,
        }
    }

    /// Whether it is told by object, not only by who it was.
    pub(super) fn is_of_objects(&self) -> bool {
        !matches!(self.rule, Rule::Masters | Rule::Impersonated | Rule::ManyRefusals)
    }
}

impl By {
    /// Whether a request is meant. Acting as somebody else is nobody's everyday work.
    pub(super) fn is(self, kind: &Kind<'_>) -> bool {
        self.is_them(kind, kind.is_component()) && self.is_there(kind)
    }

    /// Whether somebody's requests are meant, as far as that does not depend on what they are for.
    pub(super) fn is_them(self, kind: &Kind<'_>, is_component: bool) -> bool {
        let subject = kind.subject();
        match self {
            By::Anybody => true,
            By::Anonymous => subject == "system:anonymous",
            By::Others | By::OthersElsewhere => !is_component,
            By::People => {
                !is_component
                    && !subject.starts_with("system:serviceaccount:")
                    && !matches!(subject, "" | "system:anonymous")
            }
        }
    }

    /// Whether the requests that are meant are those in this namespace.
    pub(super) fn is_there(self, kind: &Kind<'_>) -> bool {
        let home = || {
            let account = kind.user.strip_prefix("system:serviceaccount:");
            account.and_then(|account| account.split(':').next())
        };
        self != By::OthersElsewhere || kind.acts_as.is_some() || home() != Some(kind.namespace)
    }
}

/// Whether these requests are a cluster's own.
pub(super) fn is_component(user: &str, acts_as: Option<&str>) -> bool {
    let fits = |component: &&str| match component.strip_suffix('*') {
        Some(beginning) => user.starts_with(beginning),
        None => user == *component,
    };
    acts_as.is_none() && COMPONENTS.iter().any(fits)
}
