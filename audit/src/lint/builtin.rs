//! The resources that an API server has without anybody adding any, as of Kubernetes 1.36.
//!
//! Promise: what is said of a resource here is what the server's own discovery says; what is not here may still exist,
//! in the groups of others, or as an alpha that is off by default.

/// A built-in resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Builtin {
    pub(crate) group: &'static str,
    pub(crate) resource: &'static str,
    /// The kind, and the short name that kubectl takes; blank when there is none.
    kind: &'static str,
    short: &'static str,
    pub(crate) namespaced: bool,
    pub(crate) subresources: &'static [&'static str],
}

impl Builtin {
    fn goes_by(self, word: &str) -> bool {
        let is_word = |name: &str| !name.is_empty() && name.eq_ignore_ascii_case(word);
        is_word(self.resource) || is_word(self.kind) || is_word(self.short)
    }
}

const STATUS: &[&str] = &["status"];
const SCALE: &[&str] = &["scale", "status"];
const PODS: &[&str] = &[
    "attach",
    "binding",
    "ephemeralcontainers",
    "eviction",
    "exec",
    "log",
    "portforward",
    "proxy",
    "resize",
    "status",
];
const PROXY: &[&str] = &["proxy", "status"];
const NONE: &[&str] = &[];

/// A line of the table: resource, kind, short name, whether it lives in a namespace, subresources.
type Line = (&'static str, &'static str, &'static str, bool, &'static [&'static str]);

const CORE: &[Line] = &[
    ("bindings", "Binding", "", true, NONE),
    ("componentstatuses", "ComponentStatus", "cs", false, NONE),
    ("configmaps", "ConfigMap", "cm", true, NONE),
    ("endpoints", "Endpoints", "ep", true, NONE),
    ("events", "Event", "ev", true, NONE),
    ("limitranges", "LimitRange", "limits", true, NONE),
    ("namespaces", "Namespace", "ns", false, &["finalize", "status"]),
    ("nodes", "Node", "no", false, PROXY),
    ("persistentvolumeclaims", "PersistentVolumeClaim", "pvc", true, STATUS),
    ("persistentvolumes", "PersistentVolume", "pv", false, STATUS),
    ("pods", "Pod", "po", true, PODS),
    ("podtemplates", "PodTemplate", "", true, NONE),
    ("replicationcontrollers", "ReplicationController", "rc", true, SCALE),
    ("resourcequotas", "ResourceQuota", "quota", true, STATUS),
    ("secrets", "Secret", "", true, NONE),
    ("serviceaccounts", "ServiceAccount", "sa", true, &["token"]),
    ("services", "Service", "svc", true, PROXY),
];
const APPS: &[Line] = &[
    ("controllerrevisions", "ControllerRevision", "", true, NONE),
    ("daemonsets", "DaemonSet", "ds", true, STATUS),
    ("deployments", "Deployment", "deploy", true, SCALE),
    ("replicasets", "ReplicaSet", "rs", true, SCALE),
    ("statefulsets", "StatefulSet", "sts", true, SCALE),
];
const BATCH: &[Line] = &[("cronjobs", "CronJob", "cj", true, STATUS), ("jobs", "Job", "", true, STATUS)];
const AUTOSCALING: &[Line] = &[("horizontalpodautoscalers", "HorizontalPodAutoscaler", "hpa", true, STATUS)];
const POLICY: &[Line] = &[("poddisruptionbudgets", "PodDisruptionBudget", "pdb", true, STATUS)];
const NETWORKING: &[Line] = &[
    ("ingressclasses", "IngressClass", "", false, NONE),
    ("ingresses", "Ingress", "ing", true, STATUS),
    ("ipaddresses", "IPAddress", "ip", false, NONE),
    ("networkpolicies", "NetworkPolicy", "netpol", true, NONE),
    ("servicecidrs", "ServiceCIDR", "", false, STATUS),
];
const RBAC: &[Line] = &[
    ("clusterrolebindings", "ClusterRoleBinding", "", false, NONE),
    ("clusterroles", "ClusterRole", "", false, NONE),
    ("rolebindings", "RoleBinding", "", true, NONE),
    ("roles", "Role", "", true, NONE),
];
const AUTHENTICATION: &[Line] = &[
    ("selfsubjectreviews", "SelfSubjectReview", "", false, NONE),
    ("tokenreviews", "TokenReview", "", false, NONE),
];
const AUTHORIZATION: &[Line] = &[
    ("localsubjectaccessreviews", "LocalSubjectAccessReview", "", true, NONE),
    ("selfsubjectaccessreviews", "SelfSubjectAccessReview", "", false, NONE),
    ("selfsubjectrulesreviews", "SelfSubjectRulesReview", "", false, NONE),
    ("subjectaccessreviews", "SubjectAccessReview", "", false, NONE),
];
const ADMISSION: &[Line] = &[
    ("mutatingadmissionpolicies", "MutatingAdmissionPolicy", "", false, NONE),
    ("mutatingadmissionpolicybindings", "MutatingAdmissionPolicyBinding", "", false, NONE),
    ("mutatingwebhookconfigurations", "MutatingWebhookConfiguration", "", false, NONE),
    ("validatingadmissionpolicies", "ValidatingAdmissionPolicy", "", false, STATUS),
    ("validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding", "", false, NONE),
    ("validatingwebhookconfigurations", "ValidatingWebhookConfiguration", "", false, NONE),
];
const APIEXTENSIONS: &[Line] =
    &[("customresourcedefinitions", "CustomResourceDefinition", "crd", false, STATUS)];
const APIREGISTRATION: &[Line] = &[("apiservices", "APIService", "", false, STATUS)];
const CERTIFICATES: &[Line] = &[
    ("certificatesigningrequests", "CertificateSigningRequest", "csr", false, &["approval", "status"]),
    ("clustertrustbundles", "ClusterTrustBundle", "", false, NONE),
    ("podcertificaterequests", "PodCertificateRequest", "", true, STATUS),
];
const COORDINATION: &[Line] =
    &[("leasecandidates", "LeaseCandidate", "", true, NONE), ("leases", "Lease", "", true, NONE)];
const DISCOVERY: &[Line] = &[("endpointslices", "EndpointSlice", "", true, NONE)];
const EVENTS: &[Line] = &[("events", "Event", "ev", true, NONE)];
const FLOWCONTROL: &[Line] = &[
    ("flowschemas", "FlowSchema", "", false, STATUS),
    ("prioritylevelconfigurations", "PriorityLevelConfiguration", "", false, STATUS),
];
const NODE: &[Line] = &[("runtimeclasses", "RuntimeClass", "", false, NONE)];
const SCHEDULING: &[Line] = &[("priorityclasses", "PriorityClass", "pc", false, NONE)];
const STORAGE: &[Line] = &[
    ("csidrivers", "CSIDriver", "", false, NONE),
    ("csinodes", "CSINode", "", false, NONE),
    ("csistoragecapacities", "CSIStorageCapacity", "", true, NONE),
    ("storageclasses", "StorageClass", "sc", false, NONE),
    ("volumeattachments", "VolumeAttachment", "", false, STATUS),
    ("volumeattributesclasses", "VolumeAttributesClass", "vac", false, NONE),
];
const RESOURCE: &[Line] = &[
    ("deviceclasses", "DeviceClass", "", false, NONE),
    ("devicetaintrules", "DeviceTaintRule", "", false, STATUS),
    ("resourceclaims", "ResourceClaim", "", true, STATUS),
    ("resourceclaimtemplates", "ResourceClaimTemplate", "", true, NONE),
    ("resourceslices", "ResourceSlice", "", false, NONE),
];
const MIGRATION: &[Line] = &[("storageversionmigrations", "StorageVersionMigration", "", false, STATUS)];

/// The groups, and whether their list is settled: to the others a new version adds resources now and then.
const GROUPS: &[(&str, bool, &[Line])] = &[
    ("", true, CORE),
    ("apps", true, APPS),
    ("batch", true, BATCH),
    ("autoscaling", true, AUTOSCALING),
    ("policy", true, POLICY),
    ("networking.k8s.io", false, NETWORKING),
    ("rbac.authorization.k8s.io", true, RBAC),
    ("authentication.k8s.io", true, AUTHENTICATION),
    ("authorization.k8s.io", true, AUTHORIZATION),
    ("admissionregistration.k8s.io", true, ADMISSION),
    ("apiextensions.k8s.io", true, APIEXTENSIONS),
    ("apiregistration.k8s.io", true, APIREGISTRATION),
    ("certificates.k8s.io", false, CERTIFICATES),
    ("coordination.k8s.io", false, COORDINATION),
    ("discovery.k8s.io", true, DISCOVERY),
    ("events.k8s.io", true, EVENTS),
    ("flowcontrol.apiserver.k8s.io", true, FLOWCONTROL),
    ("node.k8s.io", true, NODE),
    ("scheduling.k8s.io", false, SCHEDULING),
    ("storage.k8s.io", false, STORAGE),
    ("resource.k8s.io", false, RESOURCE),
    ("internal.apiserver.k8s.io", false, &[]),
    ("storagemigration.k8s.io", false, MIGRATION),
];

/// Every built-in resource.
pub(super) fn all() -> impl Iterator<Item = Builtin> {
    GROUPS.iter().flat_map(|(group, _, lines)| {
        lines.iter().map(|(resource, kind, short, namespaced, subresources)| Builtin {
            group,
            resource,
            kind,
            short,
            namespaced: *namespaced,
            subresources,
        })
    })
}

/// Whether a group is built in.
pub(crate) fn is_group(group: &str) -> bool {
    GROUPS.iter().any(|(name, _, _)| *name == group)
}

/// Whether the table has all resources of a group.
pub(super) fn is_settled(group: &str) -> bool {
    GROUPS.iter().any(|(name, settled, _)| *name == group && *settled)
}

/// A resource of a group.
pub(crate) fn find(group: &str, resource: &str) -> Option<Builtin> {
    all().find(|builtin| builtin.group == group && builtin.resource == resource)
}

/// The resource of a group that goes by another word: its kind, its singular, its short name.
pub(crate) fn meant(group: &str, word: &str) -> Option<Builtin> {
    all().find(|builtin| builtin.group == group && builtin.goes_by(word))
}

/// The first built-in resource of any group that goes by this word.
pub(crate) fn anywhere(word: &str) -> Option<Builtin> {
    let exact = all().find(|builtin| builtin.resource == word);
    exact.or_else(|| all().find(|builtin| builtin.goes_by(word)))
}

/// The one built-in resource of any group that goes by this word, if there is only one.
pub(super) fn only(word: &str) -> Option<Builtin> {
    let first = all().find(|builtin| builtin.goes_by(word))?;
    let another = |builtin: &Builtin| builtin.group != first.group && builtin.goes_by(word);
    (!all().any(|builtin| another(&builtin))).then_some(first)
}

/// A group that sounds like a built-in one, and is that of the vertical pod autoscaler.
const OTHERS: &str = "autoscaling.k8s.io";

/// The Kubernetes version that has a group, or a resource of a group, no more.
pub(super) fn gone_since(group: &str, resource: Option<&str>) -> Option<&'static str> {
    match (group, resource) {
        ("extensions", None) => Some("1.22"),
        ("policy", Some("podsecuritypolicies")) => Some("1.25"),
        _ => None,
    }
}

/// The built-in group that goes by another word.
pub(crate) fn group_meant(word: &str) -> Option<&'static str> {
    if word == OTHERS {
        return None;
    }
    let plain = word.strip_suffix(".k8s.io").unwrap_or(word);
    if ["core", "v1", "api", "legacy"].contains(&plain) {
        return Some("");
    }
    let names = || GROUPS.iter().map(|(name, _, _)| *name);
    let begins =
        |name: &&str| !plain.is_empty() && !plain.contains('.') && name.split('.').next() == Some(plain);
    names().find(begins).or_else(|| names().find(|name| name.strip_suffix(".k8s.io") == Some(plain)))
}

#[cfg(test)]
mod tests {
    use super::{Builtin, all, find, group_meant, is_group, meant};
    use std::collections::BTreeSet;

    #[test]
    fn the_table_says_what_the_servers_own_discovery_says() {
        let discovery = include_str!("../../tests/recorded/resources-1.36.txt");
        let mut known = BTreeSet::new();
        for line in discovery.lines().filter(|line| !line.starts_with('#')) {
            let words: Vec<&str> = line.split(' ').collect();
            let [group, versions, resource, kind, scope, short, subresources] = words[..] else {
                panic!("{line}")
            };
            let group = if group == "-" { "" } else { group };
            assert!(is_group(group), "{line}");
            let Some(builtin) = find(group, resource) else {
                assert!(
                    versions.split(',').all(|version| version.contains("alpha")),
                    "not in the table: {line}"
                );
                continue;
            };
            let Builtin { kind: own_kind, short: own_short, namespaced, subresources: own, .. } = builtin;
            let own_short = if own_short.is_empty() { "-" } else { own_short };
            let own = if own.is_empty() { "-".to_owned() } else { own.join(",") };
            let own_scope = if namespaced { "namespace" } else { "cluster" };
            assert_eq!((own_kind, own_scope, own.as_str()), (kind, scope, subresources), "{line}");
            assert!(short.split(',').any(|short| short == own_short), "{line}");
            known.insert((group, resource));
        }
        let made_up = all().find(|builtin| !known.contains(&(builtin.group, builtin.resource)));
        assert_eq!(made_up, None);
    }

    #[test]
    fn other_words_for_a_resource_are_understood() {
        for (group, word, resource) in [
            ("", "pod", Some("pods")),
            ("", "Pod", Some("pods")),
            ("", "cm", Some("configmaps")),
            ("apps", "Deployment", Some("deployments")),
            ("", "deployment", None),
        ] {
            assert_eq!(meant(group, word).map(|builtin| builtin.resource), resource, "{group} {word}");
        }
    }

    #[test]
    fn other_words_for_a_group_are_understood() {
        for (word, group) in [
            ("core", Some("")),
            ("rbac", Some("rbac.authorization.k8s.io")),
            ("rbac.k8s.io", Some("rbac.authorization.k8s.io")),
            ("networking", Some("networking.k8s.io")),
            ("apps.k8s.io", Some("apps")),
            ("metrics.k8s.io", None),
            ("autoscaling.k8s.io", None),
            ("gateway.networking.k8s.io", None),
            ("policy.networking.k8s.io", None),
            ("extensions", None),
        ] {
            assert_eq!(group_meant(word), group, "{word}");
        }
    }

    #[test]
    fn every_resource_is_lower_case_and_listed_once() {
        let mut seen = std::collections::HashSet::new();
        for builtin in all() {
            assert!(builtin.resource.bytes().all(|byte| byte.is_ascii_lowercase()), "{builtin:?}");
            assert!(seen.insert((builtin.group, builtin.resource)), "{builtin:?}");
        }
    }
}
