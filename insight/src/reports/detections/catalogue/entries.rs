//! All detections, as data.
//!
//! Promise: each is made by an event in the tests, and by no everyday work in them.

use super::super::commands;
use super::super::looks::{self, Look};
use super::{By, Detection, Rule, Severity};

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
pub static DETECTIONS: [Detection; 28] = [
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
        rule: requests(CHANGES, GUARDS, Some(Look::Path(looks::done))),
    },
    Detection {
        id: "cluster-config-changed",
        severity: Severity::High,
        title: "who may log in, or where names lead, was changed for the whole cluster",
        why: "aws-auth makes any identity of the cloud an administrator; coredns sends the cluster's traffic elsewhere",
        todo: "compare the ConfigMap with the one that you deploy",
        by: By::Others,
        rule: Rule::Requests {
            verbs: CHANGES,
            resources: &["configmaps"],
            namespaces: &["kube-system"],
            look: Some(Look::Path(looks::cluster_config)),
        },
    },
    Detection {
        id: "suspicious-command",
        severity: Severity::High,
        title: "a command of an attack was run in a container",
        why: "it opens a shell to elsewhere, reads credentials, asks the cloud for some, or runs what it downloads",
        todo: "see the session (`auditrail who pods/NAME exec`), and renew the credentials of the pod",
        by: By::Anybody,
        rule: requests(&["create", "get"], &["pods/exec"], Some(Look::Path(commands::suspicious))),
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
        id: "port-forward",
        severity: Severity::Medium,
        title: "somebody opened a way to a pod's ports",
        why: "it goes past network policies and whatever the service in front of the pod checks",
        todo: "ask who it was; see what listens there",
        by: By::Anybody,
        rule: requests(&["create", "get"], &["pods/portforward"], None),
    },
    Detection {
        id: "service-proxy",
        severity: Severity::Medium,
        title: "a pod or a service was reached through the API server",
        why: "it goes past network policies, and the API server's address is the one that is seen there",
        todo: "see which paths (`auditrail who --user NAME`), and whether the subject needs pods/proxy or services/proxy",
        by: By::Others,
        rule: requests(&[], &["pods/proxy", "services/proxy"], None),
    },
    Detection {
        id: "ephemeral-container",
        severity: Severity::Medium,
        title: "a container was added to a running pod",
        why: "it shares what the pod has, with an image of one's choice, and stays until the pod goes",
        todo: "ask who it was (kubectl debug does this); delete the pod when done",
        by: By::Others,
        rule: requests(&["update", "patch"], &["pods/ephemeralcontainers"], Some(Look::Path(looks::done))),
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
        rule: requests(&["create"], &["serviceaccounts/token"], Some(Look::Path(looks::done))),
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
            Some(Look::Path(looks::done)),
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
        id: "system-role-changed",
        severity: Severity::Medium,
        title: "a role or a binding of Kubernetes itself was changed",
        why: "parts of the cluster, and groups that everybody is in, are bound to these",
        todo: "compare it with that of a new cluster; the API server writes its own again when it starts",
        by: By::Others,
        rule: requests(CHANGES, &RBAC, Some(Look::Path(looks::system_role))),
    },
    Detection {
        id: "events-deleted",
        severity: Severity::Medium,
        title: "events of the cluster were deleted",
        why: "they tell what happened to pods; nobody needs to delete them, since they expire after an hour",
        todo: "ask who it was, and see what else they did (`auditrail who --user NAME`)",
        by: By::Others,
        rule: requests(
            &["delete", "deletecollection"],
            &["events", "events.events.k8s.io"],
            Some(Look::Path(looks::done)),
        ),
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
            look: Some(Look::Path(looks::done)),
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
        id: "node-port",
        severity: Severity::Low,
        title: "a service was opened on every node",
        why: "whoever reaches a node reaches the service, past an ingress and what it checks",
        todo: "ask who it was; a service of type ClusterIP behind an ingress is enough for most",
        by: By::Others,
        rule: requests(WRITES, &["services"], Some(Look::Body(looks::node_port))),
    },
    Detection {
        id: "namespace-created",
        severity: Severity::Low,
        title: "a namespace was made",
        why: "in a new one no quota, network policy or pod security standard holds yet",
        todo: "ask who it was; let namespaces be made by programs only",
        by: By::Others,
        rule: requests(&["create"], &["namespaces"], Some(Look::Path(looks::done))),
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
