//! From a tree to a policy, as the API server's JSON decoder does it.
//!
//! Promises: names are compared with their case; null leaves a value as it was, and empties a list; a value of
//! another type is remembered as the error, and decoding goes on; unknown and duplicate fields are noted and
//! ignored. A list that is given twice is decoded over itself, element by element, as that decoder does it.

mod metadata;
mod walk;

use super::document::{Format, Node, Value};
use super::spec::{Names, PolicySpec, ResourcesSpec, RuleSpec, Spot};
pub(super) use walk::{Outcome, Walker};

const TEXT: &str = "string";
const TEXTS: &str = "[]string";

/// Decodes the root of a document.
pub(super) fn policy(root: &Node, format: Format) -> (PolicySpec, Outcome) {
    let mut walker = Walker::new(format);
    let mut spec = PolicySpec::default();
    walker.object(root, "Policy", "audit.Policy", |walker, field, value| {
        match field {
            "kind" | "apiVersion" => text(walker, value, TEXT, &mut Spot::default()),
            "metadata" => metadata::check(walker, value),
            "rules" => list(walker, value, "[]v1.PolicyRule", &mut spec.rules, rule),
            "omitStages" => names(walker, value, "[]v1.Stage", "v1.Stage", &mut spec.omit_stages),
            "omitManagedFields" => boolean(walker, value, |truth| spec.omit_managed_fields = truth),
            _ => return false,
        }
        true
    });
    (spec, walker.outcome())
}

fn rule(walker: &mut Walker, node: &Node, spec: &mut RuleSpec) {
    walker.object(node, "PolicyRule", "v1.PolicyRule", |walker, field, value| {
        match field {
            "level" => text(walker, value, "v1.Level", &mut spec.level),
            "users" => names(walker, value, TEXTS, TEXT, &mut spec.users),
            "userGroups" => names(walker, value, TEXTS, TEXT, &mut spec.user_groups),
            "verbs" => names(walker, value, TEXTS, TEXT, &mut spec.verbs),
            "resources" => list(walker, value, "[]v1.GroupResources", &mut spec.resources, resources),
            "namespaces" => names(walker, value, TEXTS, TEXT, &mut spec.namespaces),
            "nonResourceURLs" => names(walker, value, TEXTS, TEXT, &mut spec.non_resource_urls),
            "omitStages" => names(walker, value, "[]v1.Stage", "v1.Stage", &mut spec.omit_stages),
            "omitManagedFields" => optional_boolean(walker, value, &mut spec.omit_managed_fields),
            _ => return false,
        }
        true
    });
}

fn resources(walker: &mut Walker, node: &Node, spec: &mut ResourcesSpec) {
    walker.object(node, "GroupResources", "v1.GroupResources", |walker, field, value| {
        match field {
            "group" => text(walker, value, TEXT, &mut spec.group),
            "resources" => names(walker, value, TEXTS, TEXT, &mut spec.resources),
            "resourceNames" => names(walker, value, TEXTS, TEXT, &mut spec.resource_names),
            _ => return false,
        }
        true
    });
}

fn text(walker: &mut Walker, node: &Node, go_type: &str, target: &mut Spot<String>) {
    target.place = node.place;
    match &node.value {
        Value::Text(text) => target.value.clone_from(text),
        Value::Null => {}
        _ => walker.mismatch(node, go_type),
    }
}

fn boolean(walker: &mut Walker, node: &Node, set: impl FnOnce(bool)) {
    match node.value {
        Value::Bool(truth) => set(truth),
        Value::Null => {}
        _ => walker.mismatch(node, "bool"),
    }
}

fn optional_boolean(walker: &mut Walker, node: &Node, target: &mut Option<bool>) {
    if node.value == Value::Null {
        *target = None;
    }
    boolean(walker, node, |truth| *target = Some(truth));
}

fn names(walker: &mut Walker, node: &Node, list_type: &str, go_type: &str, target: &mut Names) {
    list(walker, node, list_type, target, |walker, node, name: &mut String| {
        let mut spot = Spot { value: std::mem::take(name), place: node.place };
        text(walker, node, go_type, &mut spot);
        *name = spot.value;
    });
}

fn list<T: Default>(
    walker: &mut Walker,
    node: &Node,
    go_type: &str,
    target: &mut Spot<Vec<Spot<T>>>,
    mut decode: impl FnMut(&mut Walker, &Node, &mut T),
) {
    target.place = node.place;
    let items = match &node.value {
        Value::List(items) => items,
        Value::Null => return target.value.clear(),
        _ => return walker.mismatch(node, go_type),
    };
    target.value.resize_with(items.len(), Spot::default);
    for (index, (item, spot)) in items.iter().zip(&mut target.value).enumerate() {
        spot.place = item.place;
        walker.element(index, |walker| decode(walker, item, &mut spot.value));
    }
}
