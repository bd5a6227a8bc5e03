//! What detections of other products look for in audit events, as far as their rules are public.
//!
//! Invariant: every detection looks for at least one kind of request, and every kind has a verb.

use super::super::reach::Scope::{self, AnyNamespace, Cluster, Namespaces};
use super::super::reach::Target;
use crate::{Level, Stage};

/// A detection, as far as a policy can make it blind.
pub(super) struct Detection {
    pub(super) name: &'static str,
    pub(super) products: &'static str,
    /// The level from which the event has what the detection reads.
    pub(super) needs: Level,
    /// The stages in which it can see the event.
    pub(super) stages: &'static [Stage],
    pub(super) looks_for: &'static [Target],
}

const END: &[Stage] = &[Stage::ResponseComplete];
const LONG: &[Stage] = &[Stage::ResponseStarted, Stage::ResponseComplete];
const CREATE: &[&str] = &["create"];
const CONNECT: &[&str] = &["create", "get"];
const CHANGE: &[&str] = &["update", "patch"];
const WRITE: &[&str] = &["create", "update", "patch"];
const DELETE: &[&str] = &["delete", "deletecollection"];
const ALL_WRITES: &[&str] = &["create", "update", "patch", "delete", "deletecollection"];
const READ: &[&str] = &["get", "list", "watch"];
const ANY: &[&str] = &["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];
const RBAC: &str = "rbac.authorization.k8s.io";
const ADMISSION: &str = "admissionregistration.k8s.io";
const SYSTEM: Scope = Namespaces(&["kube-system", "kube-public"]);

const fn on(
    verbs: &'static [&'static str],
    group: &'static str,
    resource: &'static str,
    scope: Scope,
) -> Target {
    Target { verbs, group, resource, subresource: "", scope, user: None }
}

const fn below(verbs: &'static [&'static str], resource: &'static str, subresource: &'static str) -> Target {
    Target { verbs, group: "", resource, subresource, scope: AnyNamespace, user: None }
}

const fn detection(
    name: &'static str,
    products: &'static str,
    needs: Level,
    looks_for: &'static [Target],
) -> Detection {
    Detection { name, products, needs, stages: END, looks_for }
}

const fn stream(name: &'static str, products: &'static str, looks_for: &'static [Target]) -> Detection {
    Detection { name, products, needs: Level::Metadata, stages: LONG, looks_for }
}

const ANONYMOUS: Target = Target {
    verbs: ANY,
    group: "",
    resource: "pods",
    subresource: "",
    scope: AnyNamespace,
    user: Some(("system:anonymous", "system:unauthenticated")),
};
const REPLICAS: [Target; 3] = [
    on(CREATE, "apps", "daemonsets", AnyNamespace),
    on(CREATE, "batch", "cronjobs", AnyNamespace),
    on(CREATE, "batch", "jobs", AnyNamespace),
];

/// Those that read more than who did what come first.
pub(super) const DETECTIONS: &[Detection] = &[
    detection(
        "Privileged pod created",
        "Datadog, Falco, Sigma, Panther, Elastic",
        Level::Request,
        &[on(CREATE, "", "pods", AnyNamespace)],
    ),
    detection(
        "Pod with the host's network, PIDs or paths",
        "Datadog, Falco, Panther, Elastic",
        Level::Request,
        &[on(CREATE, "", "pods", AnyNamespace)],
    ),
    detection(
        "Service of type NodePort",
        "Datadog, Falco, Panther, Elastic",
        Level::Request,
        &[on(WRITE, "", "services", AnyNamespace)],
    ),
    detection(
        "Cluster administrator bound",
        "Datadog, Falco, Panther, Elastic",
        Level::Request,
        &[on(CREATE, RBAC, "clusterrolebindings", Cluster)],
    ),
    detection(
        "Role with wildcards or sensitive verbs",
        "Falco, Panther, Elastic",
        Level::Request,
        &[on(WRITE, RBAC, "clusterroles", Cluster), on(WRITE, RBAC, "roles", AnyNamespace)],
    ),
    detection(
        "ConfigMap with credentials",
        "Falco",
        Level::Request,
        &[on(WRITE, "", "configmaps", AnyNamespace)],
    ),
    detection(
        "Client certificate requested",
        "Panther, Elastic",
        Level::Request,
        &[on(CREATE, "certificates.k8s.io", "certificatesigningrequests", Cluster)],
    ),
    detection(
        "Ingress without TLS",
        "Falco, Panther",
        Level::Request,
        &[on(CREATE, "networking.k8s.io", "ingresses", AnyNamespace)],
    ),
    detection(
        "Anonymous request about pods",
        "Datadog, Falco, Panther, Elastic",
        Level::Metadata,
        &[ANONYMOUS],
    ),
    stream("Exec into a pod", "Datadog, Falco, Sigma, Panther, Elastic", &[below(CONNECT, "pods", "exec")]),
    stream("Attach to a pod", "Datadog, Falco", &[below(CONNECT, "pods", "attach")]),
    stream("Port-forward", "Falco", &[below(CONNECT, "pods", "portforward")]),
    detection(
        "Ephemeral container added",
        "Falco, Elastic",
        Level::Metadata,
        &[below(CHANGE, "pods", "ephemeralcontainers")],
    ),
    detection(
        "Pod created in a system namespace",
        "Datadog, Falco, Sigma, Panther",
        Level::Metadata,
        &[on(CREATE, "", "pods", SYSTEM)],
    ),
    detection(
        "Service account created",
        "Datadog, Falco, Sigma",
        Level::Metadata,
        &[on(CREATE, "", "serviceaccounts", SYSTEM), on(CREATE, "", "serviceaccounts", AnyNamespace)],
    ),
    detection(
        "Service account token minted",
        "Panther, Elastic",
        Level::Metadata,
        &[below(CREATE, "serviceaccounts", "token")],
    ),
    detection(
        "Namespace created",
        "Datadog, Falco",
        Level::Metadata,
        &[on(CREATE, "", "namespaces", Cluster)],
    ),
    detection(
        "Admission webhook created or changed",
        "Datadog, Sigma, Panther, Elastic",
        Level::Metadata,
        &[
            on(ALL_WRITES, ADMISSION, "mutatingwebhookconfigurations", Cluster),
            on(ALL_WRITES, ADMISSION, "validatingwebhookconfigurations", Cluster),
        ],
    ),
    detection(
        "Own permissions enumerated",
        "Datadog, Sigma, Elastic",
        Level::Metadata,
        &[on(CREATE, "authorization.k8s.io", "selfsubjectrulesreviews", Cluster)],
    ),
    detection(
        "RoleBinding changed",
        "Falco, Sigma",
        Level::Metadata,
        &[
            on(ALL_WRITES, RBAC, "rolebindings", AnyNamespace),
            on(ALL_WRITES, RBAC, "clusterrolebindings", Cluster),
        ],
    ),
    detection(
        "Secrets read",
        "Sigma, Panther, Elastic",
        Level::Metadata,
        &[on(READ, "", "secrets", AnyNamespace)],
    ),
    detection(
        "Secret changed or deleted",
        "Falco, Sigma",
        Level::Metadata,
        &[on(ALL_WRITES, "", "secrets", AnyNamespace)],
    ),
    detection(
        "Events deleted",
        "Sigma, Elastic",
        Level::Metadata,
        &[on(DELETE, "", "events", AnyNamespace), on(DELETE, "events.k8s.io", "events", AnyNamespace)],
    ),
    detection("DaemonSet, CronJob or Job created", "Sigma, Panther", Level::Metadata, &REPLICAS),
    detection(
        "Deployment deleted",
        "Falco, Sigma",
        Level::Metadata,
        &[on(DELETE, "apps", "deployments", AnyNamespace)],
    ),
    detection("Untrusted node joins", "Falco", Level::Metadata, &[on(CREATE, "", "nodes", Cluster)]),
];
