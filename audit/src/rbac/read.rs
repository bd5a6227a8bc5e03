//! Roles and bindings from YAML or JSON.
//!
//! Promises: what `kubectl get` prints is read, lists and several documents included; unknown fields and objects of
//! other kinds are passed over; what the API server would refuse is refused with its place. Nothing is guessed: a
//! Role without a namespace is an error, since it would count in another one.

mod fields;

use super::{Aggregation, Binding, Expression, Objects, Operator, Role, RoleKind, Rule, Selector, Subject};
use crate::policy::document::{self, Fault, Node, Value};
use fields::{fault, field, items, map, required, text, texts};

/// The API group, and the versions of it whose objects are read.
const GROUP: &str = "rbac.authorization.k8s.io";
const VERSIONS: [&str; 2] = ["v1", "v1beta1"];

/// Why roles and bindings cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct BadObjects {
    /// What is wrong, and what would be right.
    pub message: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
}

pub(super) fn read(text: &str) -> Result<Objects, BadObjects> {
    read_in(text, "")
}

/// Reads objects of which those without a namespace are in this one.
pub(super) fn read_in(text: &str, namespace: &str) -> Result<Objects, BadObjects> {
    let mut objects = Objects::default();
    let mut lines = 0;
    for part in documents(text) {
        let read = document::read(part).and_then(|document| match document.ignored_from {
            Some(place) => Err(Fault { message: "begin each document with `---`".to_owned(), place }),
            None => take(&document.root, "", namespace, &mut objects),
        });
        read.map_err(|fault| BadObjects {
            message: fault.message.replace("couldn't get version/kind; json parse error: ", ""),
            line: lines + fault.place.line,
            column: fault.place.column,
        })?;
        lines += part.matches('\n').count();
    }
    Ok(objects)
}

/// The documents of a text: `---` at the beginning of a line can be nothing else in YAML.
fn documents(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut from, mut at) = (0, 0);
    for line in text.split_inclusive('\n') {
        if at > from
            && line.strip_prefix("---").is_some_and(|rest| rest.trim_start() != rest || rest.is_empty())
        {
            parts.push(&text[from..at]);
            from = at;
        }
        at += line.len();
    }
    parts.push(&text[from..]);
    parts
}

/// Takes an object, or those of a list, whose items may leave out their kind.
fn take(node: &Node, listed: &str, place: &str, objects: &mut Objects) -> Result<(), Fault> {
    if node.value == Value::Null {
        return Ok(());
    }
    map(node, "an object")?;
    let kind = match text(node, "kind")? {
        "" => listed,
        kind => kind,
    };
    let version = text(node, "apiVersion")?;
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    if let Some(listed) = kind.strip_suffix("List") {
        if group == GROUP || group.is_empty() {
            return items(node, "items")?.iter().try_for_each(|item| take(item, listed, place, objects));
        }
        return Ok(());
    }
    if group != GROUP && !(listed == kind && group.is_empty()) {
        return Ok(());
    }
    if group == GROUP && !VERSIONS.contains(&version) {
        return Err(fault(field(node, "apiVersion").unwrap_or(node), "the version is not v1 or v1beta1"));
    }
    match kind {
        "Role" => objects.roles.push(role(node, RoleKind::Role, place)?),
        "ClusterRole" => objects.roles.push(role(node, RoleKind::ClusterRole, place)?),
        "RoleBinding" => objects.bindings.push(binding(node, true, place)?),
        "ClusterRoleBinding" => objects.bindings.push(binding(node, false, place)?),
        _ => {}
    }
    Ok(())
}

/// What every object has.
struct Meta {
    namespace: String,
    name: String,
    labels: std::collections::BTreeMap<String, String>,
    annotations: std::collections::BTreeMap<String, String>,
}

fn meta(node: &Node, namespaced: bool, place: &str) -> Result<Meta, Fault> {
    let meta = required(node, "metadata")?;
    let name = text(required(node, "metadata")?, "name")?;
    if name.is_empty() {
        return Err(fault(meta, "metadata.name is missing"));
    }
    let namespace = match text(meta, "namespace")? {
        _ if !namespaced => "",
        "" => place,
        namespace => namespace,
    };
    if namespaced && namespace.is_empty() {
        return Err(fault(meta, "metadata.namespace is missing: say in which namespace this counts"));
    }
    Ok(Meta {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        labels: fields::text_map(meta, "labels")?,
        annotations: fields::text_map(meta, "annotations")?,
    })
}

fn role(node: &Node, kind: RoleKind, place: &str) -> Result<Role, Fault> {
    let Meta { namespace, name, labels, annotations } = meta(node, kind == RoleKind::Role, place)?;
    let rules = items(node, "rules")?.iter().map(rule).collect::<Result<_, _>>()?;
    let aggregation = match field(node, "aggregationRule") {
        Some(rule) if kind == RoleKind::ClusterRole => Some(aggregation(rule)?),
        _ => None,
    };
    Ok(Role { kind, namespace, name, labels, annotations, rules, aggregation })
}

fn rule(node: &Node) -> Result<Rule, Fault> {
    map(node, "a rule")?;
    Ok(Rule {
        api_groups: texts(node, "apiGroups")?,
        resources: texts(node, "resources")?,
        resource_names: texts(node, "resourceNames")?,
        non_resource_urls: texts(node, "nonResourceURLs")?,
        verbs: texts(node, "verbs")?,
    })
}

fn aggregation(node: &Node) -> Result<Aggregation, Fault> {
    map(node, "an aggregation rule")?;
    let selectors = items(node, "clusterRoleSelectors")?.iter().map(selector).collect::<Result<_, _>>()?;
    Ok(Aggregation { selectors })
}

fn selector(node: &Node) -> Result<Selector, Fault> {
    map(node, "a selector")?;
    let expressions = items(node, "matchExpressions")?.iter().map(expression).collect::<Result<_, _>>()?;
    Ok(Selector { labels: fields::text_map(node, "matchLabels")?, expressions })
}

fn expression(node: &Node) -> Result<Expression, Fault> {
    let operator = match text(node, "operator")? {
        "In" => Operator::In,
        "NotIn" => Operator::NotIn,
        "Exists" => Operator::Exists,
        "DoesNotExist" => Operator::DoesNotExist,
        _ => return Err(fault(node, "operator is not In, NotIn, Exists or DoesNotExist")),
    };
    Ok(Expression { key: text(node, "key")?.to_owned(), operator, values: texts(node, "values")? })
}

fn binding(node: &Node, namespaced: bool, place: &str) -> Result<Binding, Fault> {
    let Meta { namespace, name, labels, annotations } = meta(node, namespaced, place)?;
    let reference = required(node, "roleRef")?;
    let role_kind = match text(reference, "kind")? {
        "Role" if namespaced => RoleKind::Role,
        "ClusterRole" => RoleKind::ClusterRole,
        _ if namespaced => return Err(fault(reference, "roleRef.kind is not Role or ClusterRole")),
        _ => return Err(fault(reference, "roleRef.kind of a ClusterRoleBinding is not ClusterRole")),
    };
    let role = text(reference, "name")?.to_owned();
    if role.is_empty() {
        return Err(fault(reference, "roleRef.name is missing"));
    }
    let subjects = items(node, "subjects")?.iter().map(subject).collect::<Result<_, _>>()?;
    Ok(Binding { namespace, name, labels, annotations, role_kind, role, subjects })
}

fn subject(node: &Node) -> Result<Subject, Fault> {
    map(node, "a subject")?;
    let name = text(node, "name")?.to_owned();
    match text(node, "kind")? {
        _ if name.is_empty() => Err(fault(node, "the subject has no name")),
        "User" => Ok(Subject::User(name)),
        "Group" => Ok(Subject::Group(name)),
        "ServiceAccount" => {
            Ok(Subject::ServiceAccount { namespace: text(node, "namespace")?.to_owned(), name })
        }
        _ => Err(fault(node, "the subject's kind is not User, Group or ServiceAccount")),
    }
}
