//! The detections, as data: what each is called, why it matters, what to do, and which requests it is about.
//!
//! Promises: an identifier stands for one meaning for ever; whose everyday work it is is left out by a rule that is
//! written here, never by what was seen.

use serde::Serialize;

use super::looks::{self, Look};
use super::select::Kind;

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

const RBAC: [&str; 4] = [
    "roles.rbac.authorization.k8s.io",
    "clusterroles.rbac.authorization.k8s.io",
    "rolebindings.rbac.authorization.k8s.io",
    "clusterrolebindings.rbac.authorization.k8s.io",
];
const ROLES: &[&str] = RBAC.split_at(2).0;
const BINDINGS: &[&str] = RBAC.split_at(2).1;
/// What makes pods.
const WORKLOADS: &[&str] = &[
    "pods",
    "podtemplates",
    "replicationcontrollers",
    "deployments.apps",
    "daemonsets.apps",
    "statefulsets.apps",
    "replicasets.apps",
    "jobs.batch",
    "cronjobs.batch",
];
const WRITES: &[&str] = &["create", "update", "patch"];
const CHANGES: &[&str] = &["create", "update", "patch", "delete", "deletecollection"];
/// What stands between a request and what is stored.
const GUARDS: &[&str] = &["*.admissionregistration.k8s.io"];

/// Requests for resources.
const fn requests(
    verbs: &'static [&'static str],
    resources: &'static [&'static str],
    look: Option<Look>,
) -> Rule {
    Rule::Requests { verbs, resources, namespaces: &[], look }
}

/// All of them, the worst first.
pub static DETECTIONS: [Detection; 20] = [
    Detection {
        id: "anonymous-allowed",
        severity: Severity::High,
        title: "a request of nobody was allowed",
        why: "whoever reaches the API server can do this without logging in",
        todo: "find the binding for system:anonymous or system:unauthenticated that allows it, and delete it",
        by: By::Anonymous,
        rule: requests(&[], &[], Some(Look::Path(looks::anonymous))),
    },
    Detection {
        id: "cluster-admin-bound",
        severity: Severity::High,
        title: "somebody was made administrator of the cluster",
        why: "cluster-admin and system:masters may do everything, secrets and nodes included",
        todo: "ask who asked for it; give a role for the task instead, and delete the binding",
        by: By::Others,
        rule: requests(WRITES, BINDINGS, Some(Look::Body(looks::cluster_admin))),
    },
    Detection {
        id: "bound-to-everybody",
        severity: Severity::High,
        title: "a role was given to everybody",
        why: "system:anonymous and system:unauthenticated are whoever reaches the API server, system:authenticated is \
              every user and every pod",
        todo: "bind the role to those who need it, and delete this binding",
        by: By::Others,
        rule: requests(WRITES, BINDINGS, Some(Look::Body(looks::everybody))),
    },
    Detection {
        id: "dangerous-role",
        severity: Severity::High,
        title: "a role was written that leads to every other one",
        why: "escalate, bind and impersonate, or all verbs on everything, are administration by another name",
        todo: "see who is bound to the role (`auditrail rbac`), and take these verbs out of it",
        by: By::Others,
        rule: requests(WRITES, ROLES, Some(Look::Body(looks::dangerous_role))),
    },
    Detection {
        id: "node-proxy",
        severity: Severity::High,
        title: "a node's kubelet was reached through the API server",
        why: "the kubelet runs commands in every pod of the node, past admission, and logs none of it here",
        todo: "take nodes/proxy out of the subject's roles; metrics need nodes/metrics only",
        by: By::Others,
        rule: requests(&[], &["nodes/proxy"], Some(Look::Path(looks::node_proxy))),
    },
    Detection {
        id: "webhook-changed",
        severity: Severity::High,
        title: "admission was changed",
        why: "an admission webhook sees and changes every object, secrets included; without it its checks are gone",
        todo: "compare the configuration with the one that you deploy, above all its address and failurePolicy",
        by: By::Others,
        rule: requests(CHANGES, GUARDS, None),
    },
    Detection {
        id: "privileged-pod",
        severity: Severity::High,
        title: "a pod with the rights of its node was made",
        why: "a privileged container, or one with such capabilities, is root on the node",
        todo: "see what runs in it; enforce the Pod Security Standard `baseline` in the namespace",
        by: By::Others,
        rule: requests(WRITES, WORKLOADS, Some(Look::Body(looks::privileged))),
    },
    Detection {
        id: "host-access-pod",
        severity: Severity::High,
        title: "a pod with a way into its node was made",
        why: "the host's network, processes or files hold the kubelet's and other pods' credentials",
        todo: "see what runs in it; enforce the Pod Security Standard `baseline` in the namespace",
        by: By::Others,
        rule: requests(WRITES, WORKLOADS, Some(Look::Body(looks::host_access))),
    },
    Detection {
        id: "impersonation",
        severity: Severity::Medium,
        title: "somebody acted as somebody else",
        why: "whoever may impersonate has the permissions of all whom they may act as",
        todo: "see what was done (`auditrail who --user NAME`), and whether the subject needs impersonate",
        by: By::Anybody,
        rule: Rule::Impersonated,
    },
    Detection {
        id: "escalation-refused",
        severity: Severity::Medium,
        title: "giving more than one has was refused",
        why: "a role or binding was to give what its author does not have",
        todo: "ask its author; a program that does this is broken or taken over",
        by: By::Others,
        rule: Rule::ForbiddenLater(&RBAC),
    },
    Detection {
        id: "exec-into-pod",
        severity: Severity::Medium,
        title: "somebody went into a container",
        why: "what is done in there is in no audit log, and the pod's credentials are at hand",
        todo: "ask who it was; see the sessions (`auditrail who pods/NAME exec`)",
        by: By::Anybody,
        rule: requests(&["create", "get"], &["pods/exec", "pods/attach"], None),
    },
    Detection {
        id: "ephemeral-container",
        severity: Severity::Medium,
        title: "a container was added to a running pod",
        why: "it shares what the pod has, with an image of one's choice, and stays until the pod goes",
        todo: "ask who it was (kubectl debug does this); delete the pod when done",
        by: By::Others,
        rule: requests(&["update", "patch"], &["pods/ephemeralcontainers"], None),
    },
    Detection {
        id: "secrets-listed",
        severity: Severity::Medium,
        title: "secrets were listed",
        why: "a list holds what is in the secrets, as does a watch",
        todo: "see whether the subject needs list; get with names is enough for most",
        by: By::Others,
        rule: requests(&["list", "watch"], &["secrets"], None),
    },
    Detection {
        id: "token-created",
        severity: Severity::Medium,
        title: "a token of a service account was made by hand",
        why: "whoever has the token is the service account, from anywhere, until it expires",
        todo: "ask who it was; bound tokens in pods are asked for by kubelets, which are left out here",
        by: By::Others,
        rule: requests(&["create"], &["serviceaccounts/token"], None),
    },
    Detection {
        id: "csr-approved",
        severity: Severity::Medium,
        title: "a client certificate was approved",
        why: "the certificate is a user of the name in it, and cannot be taken back",
        todo: "see whose name is in it: kubectl get csr NAME -o yaml",
        by: By::Others,
        rule: requests(
            &["update", "patch"],
            &["certificatesigningrequests.certificates.k8s.io/approval"],
            None,
        ),
    },
    Detection {
        id: "system-masters",
        severity: Severity::Medium,
        title: "a member of system:masters was at work",
        why: "no role limits this group, and its certificates cannot be taken back",
        todo: "keep it for emergencies; give people users of their own with roles",
        by: By::Others,
        rule: Rule::Masters,
    },
    Detection {
        id: "kube-system-write",
        severity: Severity::Medium,
        title: "somebody wrote in kube-system",
        why: "what runs there has the cluster's own rights",
        todo: "ask who it was; let deployments there be made by programs only",
        by: By::People,
        rule: Rule::Requests {
            verbs: CHANGES,
            // Other subresources have detections of their own.
            resources: &["*", "*/scale"],
            namespaces: &["kube-system"],
            look: None,
        },
    },
    Detection {
        id: "many-refusals",
        severity: Severity::Medium,
        title: "many different requests of one subject were refused",
        why: "somebody, or a program with a stolen credential, tries what it may do",
        todo: "see what was tried (`auditrail denied --user NAME`), and renew the subject's credentials",
        by: By::Others,
        rule: Rule::ManyRefusals,
    },
    Detection {
        id: "secrets-read",
        severity: Severity::Low,
        title: "secrets were read by name",
        why: "credentials are known to whoever read them",
        todo: "see whether the subject needs them; service accounts that read in their own namespace are left out",
        by: By::OthersElsewhere,
        rule: requests(&["get"], &["secrets"], None),
    },
    Detection {
        id: "permissions-asked",
        severity: Severity::Low,
        title: "somebody asked for all that they may do",
        why: "it is the first thing to do with a credential that one found",
        todo: "ask who it was (kubectl auth can-i --list does this, and some consoles do)",
        by: By::Others,
        rule: requests(&["create"], &["selfsubjectrulesreviews.authorization.k8s.io"], None),
    },
];
