//! What only the line of a request tells: its path, and what was written.
//!
//! Promises: a body is read wherever it stands (an object, a merge patch, a JSON patch); where the line has none, that is
//! told, and with which level it would have one; what was only tried (`dryRun`) did not happen.

use std::cell::OnceCell;

use audit::{Event, Level};
use serde_json::Value;

use crate::clip::clip;
use crate::find::tried::asks_to_try;

/// Looks at a request that may match.
#[derive(Debug, Clone, Copy)]
pub(super) enum Look {
    /// At its path.
    Path(fn(&Request<'_>) -> Told),
    /// At what was written, which an event at Metadata does not have: then its line need not be read.
    Body(fn(&Request<'_>) -> Told),
}

impl Look {
    /// Whether it is at what was written, which nothing that lasts has.
    pub(super) fn is_of_body(self) -> bool {
        matches!(self, Look::Body(_))
    }

    pub(super) fn at(self, request: &Request<'_>) -> Told {
        match self {
            Look::Path(see) | Look::Body(see) => see(request),
        }
    }
}

/// What the line tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    /// It is not meant.
    No,
    /// It is, for these reasons.
    Yes(Vec<String>),
    /// The log does not say.
    Untold(Need),
}

/// What the log would have to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Need {
    /// The body of the request.
    Request,
    /// The body of the answer: a patch does not say what it was applied to.
    RequestResponse,
    /// The whole event: the API server cut it, since it was too large.
    Whole,
}

/// A request.
pub(super) struct Request<'a> {
    pub(super) verb: &'a str,
    pub(super) resource: &'a str,
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
    /// Path and query.
    pub(super) uri: &'a str,
    event: Option<Event<'a>>,
    body: OnceCell<Option<Value>>,
}

impl<'a> Request<'a> {
    pub(super) fn new([verb, resource, namespace, name, uri]: [&'a str; 5], line: &'a [u8]) -> Request<'a> {
        let event = Event::scan(line).ok();
        Request { verb, resource, namespace, name, uri, event, body: OnceCell::new() }
    }

    /// One whose line is not looked at.
    pub(super) fn without_line([verb, resource, namespace, name, uri]: [&'a str; 5]) -> Request<'a> {
        Request { verb, resource, namespace, name, uri, event: None, body: OnceCell::new() }
    }

    fn path(&self) -> &'a str {
        self.uri.split(['?', '#']).next().unwrap_or_default()
    }

    fn is_only_tried(&self) -> bool {
        asks_to_try(self.uri)
    }

    /// What was written: of a patch what came of it, where the log has that.
    fn body(&self) -> Option<&Value> {
        self.body.get_or_init(|| {
            let event = self.event.as_ref()?;
            let (request, response) = (event.request_object(), event.response_object());
            let body = if self.verb == "patch" { response.or(request) } else { request.or(response) };
            serde_json::from_str(&String::from_utf8_lossy(body?)).ok()
        });
        self.body.get()?.as_ref()
    }

    /// Why there is no body.
    fn needs(&self) -> Told {
        let level = self.event.as_ref().map(Event::level);
        Told::Untold(match level {
            Some(Level::Request | Level::RequestResponse) => Need::Whole,
            _ => Need::Request,
        })
    }

    /// Reasons to find in the body.
    fn look(&self, see: impl Fn(&mut Vec<String>, &str, &Value)) -> Told {
        let Some(body) = self.body() else { return self.needs() };
        let mut reasons = Vec::new();
        each(body, &mut |key, value| see(&mut reasons, key, value));
        reasons.sort();
        reasons.dedup();
        if reasons.is_empty() { Told::No } else { Told::Yes(reasons) }
    }
}

/// Everything in a body with the name that it has: of a JSON patch, the last one of the path.
fn each(value: &Value, see: &mut impl FnMut(&str, &Value)) {
    match value {
        Value::Object(fields) => {
            if let (Some(Value::String(path)), Some(value)) = (fields.get("path"), fields.get("value")) {
                let name = path.rsplit('/').find(|name| !is_place(name)).unwrap_or_default();
                see(name, value);
            }
            for (name, value) in fields {
                see(name, value);
                each(value, see);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| each(value, see)),
        _ => {}
    }
}

/// Whether this part of a JSON pointer is a place in a list.
fn is_place(part: &str) -> bool {
    part == "-" || part.bytes().all(|byte| byte.is_ascii_digit())
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    value.as_str().into_iter().chain(list.iter().filter_map(Value::as_str))
}

/// Paths that say nothing about the cluster but whether it is well, how it is called, and its public keys.
const PUBLIC: [&str; 6] =
    ["/healthz", "/livez", "/readyz", "/version", "/openid/v1/jwks", "/.well-known/openid-configuration"];
/// What metrics agents read from kubelets.
const METRICS: [&str; 3] = ["/metrics", "/healthz", "/stats"];

/// The place, or what is below it.
fn is_at(path: &str, place: &str) -> bool {
    path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The same of a request's path, which may be written so that it means another one.
fn asks_at(path: &str, places: &[&str]) -> bool {
    !path.contains("..") && !path.contains('%') && places.iter().any(|place| is_at(path, place))
}

pub(super) fn anonymous(request: &Request<'_>) -> Told {
    let what = [request.verb, request.resource, request.namespace, request.name];
    if request.resource.is_empty() {
        let path = request.path();
        return if asks_at(path, &PUBLIC) { Told::No } else { Told::Yes(vec![clip(path)]) };
    }
    // What `kubeadm join` reads before it has a credential.
    if what == ["get", "configmaps", "kube-public", "cluster-info"] {
        return Told::No;
    }
    Told::Yes(Vec::new())
}

/// What was done, and not only tried.
pub(super) fn done(request: &Request<'_>) -> Told {
    if request.is_only_tried() { Told::No } else { Told::Yes(Vec::new()) }
}

pub(super) fn node_proxy(request: &Request<'_>) -> Told {
    let path = request.path().split_once("/proxy").map_or("", |(_, path)| path);
    if asks_at(path, &METRICS) { Told::No } else { Told::Yes(vec![clip(path)]) }
}

/// ConfigMaps that hold for the whole cluster.
const CONFIGS: [&str; 2] = ["aws-auth", "coredns"];

pub(super) fn cluster_config(request: &Request<'_>) -> Told {
    if request.is_only_tried() || !CONFIGS.contains(&request.name) { Told::No } else { Told::Yes(Vec::new()) }
}

/// What is installed by everybody under names of Kubernetes' own.
const INSTALLED: [&str; 4] = [
    "system:aggregated-metrics-reader",
    "system:coredns",
    "system:kube-state-metrics",
    "system:metrics-server",
];

pub(super) fn system_role(request: &Request<'_>) -> Told {
    let is_meant = request.name.starts_with("system:") && !INSTALLED.contains(&request.name);
    if is_meant && !request.is_only_tried() { Told::Yes(Vec::new()) } else { Told::No }
}

pub(super) fn node_port(request: &Request<'_>) -> Told {
    if request.is_only_tried() {
        return Told::No;
    }
    request.look(|reasons, name, value| {
        if name == "type" && value == "NodePort" {
            reasons.push("NodePort".into());
        }
    })
}

/// With these a container is root on its node, or as good as that.
const CAPABILITIES: [&str; 11] = [
    "ALL",
    "BPF",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "NET_ADMIN",
    "SYSLOG",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_MODULE",
    "SYS_PTRACE",
    "SYS_RAWIO",
];

pub(super) fn privileged(request: &Request<'_>) -> Told {
    if makes_no_pod(request) {
        return Told::No;
    }
    request.look(|reasons, name, value| match name {
        "privileged" if value == &Value::Bool(true) => reasons.push("privileged".into()),
        "capabilities" => {
            let added = value.get("add").into_iter().flat_map(texts);
            let added = added.map(|capability| capability.strip_prefix("CAP_").unwrap_or(capability));
            let dangerous = added.filter(|capability| CAPABILITIES.contains(capability));
            reasons.extend(dangerous.map(|capability| format!("capability {capability}")));
        }
        _ => {}
    })
}

/// Of the host's files, those that lead further.
const PATHS: [&str; 20] = [
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/home",
    "/opt/cni",
    "/proc",
    "/root",
    "/run",
    "/sbin",
    "/sys",
    "/usr/bin",
    "/usr/lib",
    "/usr/local/bin",
    "/usr/sbin",
    "/var/lib/containerd",
    "/var/lib/docker",
    "/var/lib/kubelet",
    "/var/run",
    "/var/spool/cron",
];

pub(super) fn host_access(request: &Request<'_>) -> Told {
    if makes_no_pod(request) {
        return Told::No;
    }
    request.look(|reasons, name, value| match name {
        "hostNetwork" | "hostPID" | "hostIPC" if value == &Value::Bool(true) => reasons.push(name.into()),
        "hostPath" => {
            let path = value.get("path").and_then(Value::as_str).unwrap_or_default();
            if leads_further(path) {
                reasons.push(format!("hostPath {}", clip(path)));
            }
        }
        _ => {}
    })
}

/// Whether a path of the host, in whatever way it is written, is one of those, in one, or above one.
fn leads_further(path: &str) -> bool {
    let parts = path.split('/').filter(|part| !matches!(*part, "" | "."));
    let whole: String = parts.flat_map(|part| ["/", part]).collect();
    !path.is_empty()
        && (whole.is_empty()
            || path.contains("..")
            || PATHS.iter().any(|place| is_at(&whole, place) || is_at(place, &whole)))
}

/// What a pod may do is decided when it is made.
fn makes_no_pod(request: &Request<'_>) -> bool {
    (request.resource == "pods" && request.verb != "create") || request.is_only_tried()
}

pub(super) fn cluster_admin(request: &Request<'_>) -> Told {
    if request.is_only_tried() {
        return Told::No;
    }
    let is_the_binding = request.resource == "clusterrolebindings" && request.name == "cluster-admin";
    let told = request.look(|reasons, name, value| match name {
        "roleRef" if value.get("name").and_then(Value::as_str) == Some("cluster-admin") => {
            reasons.push("cluster-admin".into());
        }
        "subjects" if named(value).any(|name| name == "system:masters") => {
            reasons.push("system:masters".into());
        }
        _ => {}
    });
    let asks_for = |wanted: &str| {
        let mut found = false;
        request.body().into_iter().for_each(|body| each(body, &mut |name, _| found |= name == wanted));
        found
    };
    match told {
        Told::Yes(_) => told,
        _ if is_the_binding => Told::Yes(vec!["cluster-admin".into()]),
        Told::No if asks_for("subjects") && !asks_for("roleRef") => Told::Untold(Need::RequestResponse),
        told => told,
    }
}

/// Users and groups that everybody is.
const EVERYBODY: [&str; 3] = ["system:anonymous", "system:authenticated", "system:unauthenticated"];

pub(super) fn everybody(request: &Request<'_>) -> Told {
    if request.is_only_tried() {
        return Told::No;
    }
    request.look(|reasons, name, value| {
        if name == "subjects" {
            reasons.extend(named(value).filter(|name| EVERYBODY.contains(name)).map(str::to_owned));
        }
    })
}

/// The names of users and groups among subjects, or of one.
fn named(subjects: &Value) -> impl Iterator<Item = &str> {
    items(subjects)
        .iter()
        .filter(|subject| subject["kind"] != "ServiceAccount")
        .filter_map(|subject| subject["name"].as_str())
}

pub(super) fn dangerous_role(request: &Request<'_>) -> Told {
    if request.is_only_tried() {
        return Told::No;
    }
    request.look(|reasons, name, value| match name {
        "verbs" => {
            let leads_on = texts(value).filter(|verb| matches!(*verb, "escalate" | "bind" | "impersonate"));
            reasons.extend(leads_on.map(str::to_owned));
        }
        "rules" => {
            let everywhere = request.resource == "clusterroles";
            reasons.extend(items(value).iter().filter_map(|rule| of_every_verb(rule, everywhere)));
        }
        _ => {}
    })
}

/// What a rule with every verb leads to. Users and groups can be acted as only by a role for the whole cluster.
fn of_every_verb(rule: &Value, everywhere: bool) -> Option<String> {
    let has =
        |field: &str, names: &[&str]| texts(&rule[field]).any(|text| text == "*" || names.contains(&text));
    let leads = |group, resources: &[&str]| has("apiGroups", &[group]) && has("resources", resources);
    if !has("verbs", &[]) {
        return None;
    }
    match () {
        () if has("apiGroups", &[]) && has("resources", &[]) => Some("* on everything".into()),
        () if leads("rbac.authorization.k8s.io", &["roles", "clusterroles"]) => Some("* on roles".into()),
        () if everywhere && leads("", &["users", "groups", "serviceaccounts"]) => {
            Some("* on users, groups or service accounts".into())
        }
        () => None,
    }
}

/// What is in a list, or the one thing.
fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice)
}
