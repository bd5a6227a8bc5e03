//! Kinds of requests that machines repeat all day.
//!
//! Promise: a kind is exactly what one policy rule can name: whose, which verb, which resource.

use crate::Attributes;

const NODES: &str = "system:nodes";
const KUBE_SYSTEM: &str = "system:serviceaccounts:kube-system";
/// Names that begin like a machine's and may be a person's, or anybody's.
const NOT_MACHINES: [&str; 3] = ["system:anonymous", "system:admin", "system:unsecured"];
/// Paths by which the API server is asked whether it is well.
pub(super) const HEALTH: [&str; 3] = ["/healthz", "/livez", "/readyz"];

/// Whose requests.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    /// A group of machines.
    Group(&'static str),
    /// One machine.
    User(String),
    /// Whoever asks.
    Anybody,
}

impl Who {
    /// The machine that asks; none for people, and for names that a policy would have to quote with care.
    pub(super) fn of(attributes: &Attributes<'_>) -> Option<Who> {
        if let Some(group) = [NODES, KUBE_SYSTEM].into_iter().find(|group| in_group(attributes, group)) {
            return Some(Who::Group(group));
        }
        Who::alone(attributes)
    }

    /// The machine by its own name.
    pub(super) fn alone(attributes: &Attributes<'_>) -> Option<Who> {
        let name = attributes.user.as_deref()?;
        let machine = name.starts_with("system:") && !NOT_MACHINES.contains(&name) && is_plain(name);
        machine.then(|| Who::User(name.to_owned()))
    }
}

fn in_group(attributes: &Attributes<'_>, group: &str) -> bool {
    attributes.groups.iter().any(|name| name == group)
}

/// What the requests are about, as rules are made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Topic {
    /// Heartbeats and elections.
    Leases,
    /// What nodes say of themselves.
    NodeStatus,
    /// Events of the cluster, which are kept as objects of their own.
    Events,
    /// Reading, as informers do.
    Reads,
    /// Health checks.
    Health,
}

/// A kind of request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind {
    pub(super) who: Who,
    pub(super) topic: Topic,
    pub(super) group: String,
    /// With its subresource, if any.
    pub(super) resource: String,
    pub(super) verb: String,
}

impl Kind {
    /// The kind of a request that may be boring.
    pub(super) fn of(attributes: &Attributes<'_>) -> Option<Kind> {
        let verb = attributes.verb.to_string();
        if is_health(attributes) {
            let (group, resource) = Default::default();
            return (verb == "get").then_some(Kind {
                who: Who::Anybody,
                topic: Topic::Health,
                group,
                resource,
                verb,
            });
        }
        let (group, resource) = (attributes.api_group.to_string(), resource(attributes));
        let topic = topic(&verb, &group, &resource).filter(|_| attributes.resource_request)?;
        if !is_plain(&group) || !is_plain(&resource) || resource.is_empty() {
            return None;
        }
        Some(Kind { who: Who::of(attributes)?, topic, group, resource, verb })
    }
}

/// Whether a request asks the API server how it is.
pub(super) fn is_health(attributes: &Attributes<'_>) -> bool {
    !attributes.resource_request && HEALTH.iter().any(|path| attributes.path.starts_with(path))
}

/// The resource with its subresource, as a rule names it.
pub(super) fn resource(attributes: &Attributes<'_>) -> String {
    match attributes.subresource.as_ref() {
        "" => attributes.resource.to_string(),
        subresource => format!("{}/{subresource}", attributes.resource),
    }
}

fn topic(verb: &str, group: &str, resource: &str) -> Option<Topic> {
    let reads = matches!(verb, "get" | "list" | "watch");
    let writes = matches!(verb, "create" | "update" | "patch");
    match (group, resource) {
        ("coordination.k8s.io", "leases") => (reads || writes).then_some(Topic::Leases),
        ("", "nodes/status") => (reads || writes).then_some(Topic::NodeStatus),
        ("" | "events.k8s.io", "events") => (reads || writes).then_some(Topic::Events),
        // What containers wrote, and what goes through a proxy, is data that somebody reads.
        _ if resource.ends_with("/log") || resource.ends_with("/proxy") => None,
        _ => reads.then_some(Topic::Reads),
    }
}

/// Whether a name can stand in a policy and its comments as it is.
fn is_plain(name: &str) -> bool {
    name.len() <= 253 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":._-/@".contains(&byte))
}
