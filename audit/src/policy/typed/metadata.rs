//! The `metadata` of a policy: of no effect, but decoded with its types, so a wrong one refuses the policy.

use super::{TEXT, TEXTS, Walker, boolean, names, text};
use crate::policy::document::{Fault, Node, Value};
use crate::policy::spec::{Names, Spot};
use crate::timestamp;

/// Decodes an ObjectMeta and forgets it.
pub(super) fn check(walker: &mut Walker, node: &Node) {
    walker.object(node, "ObjectMeta", "v1.ObjectMeta", |walker, field, value| {
        match field {
            "name" | "generateName" | "namespace" | "selfLink" | "resourceVersion" => {
                ignore_text(walker, value)
            }
            "uid" => text(walker, value, "types.UID", &mut Spot::default()),
            "generation" | "deletionGracePeriodSeconds" => integer(walker, value),
            "creationTimestamp" | "deletionTimestamp" => time(walker, value),
            "labels" | "annotations" => walker.map(value, "map[string]string", ignore_text),
            "finalizers" => names(walker, value, TEXTS, TEXT, &mut Names::default()),
            "ownerReferences" => each(walker, value, "[]v1.OwnerReference", owner),
            "managedFields" => each(walker, value, "[]v1.ManagedFieldsEntry", manager),
            _ => return false,
        }
        true
    });
}

fn owner(walker: &mut Walker, node: &Node) {
    walker.object(node, "OwnerReference", "v1.OwnerReference", |walker, field, value| {
        match field {
            "apiVersion" | "kind" | "name" => ignore_text(walker, value),
            "uid" => text(walker, value, "types.UID", &mut Spot::default()),
            "controller" | "blockOwnerDeletion" => boolean(walker, value, drop),
            _ => return false,
        }
        true
    });
}

fn manager(walker: &mut Walker, node: &Node) {
    walker.object(node, "ManagedFieldsEntry", "v1.ManagedFieldsEntry", |walker, field, value| {
        match field {
            "manager" | "apiVersion" | "fieldsType" | "subresource" => ignore_text(walker, value),
            "operation" => text(walker, value, "v1.ManagedFieldsOperationType", &mut Spot::default()),
            "time" => time(walker, value),
            "fieldsV1" => {}
            _ => return false,
        }
        true
    });
}

fn ignore_text(walker: &mut Walker, node: &Node) {
    text(walker, node, TEXT, &mut Spot::default());
}

fn each(walker: &mut Walker, node: &Node, go_type: &str, mut decode: impl FnMut(&mut Walker, &Node)) {
    match &node.value {
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                walker.element(index, |walker| decode(walker, item));
            }
        }
        Value::Null => {}
        _ => walker.mismatch(node, go_type),
    }
}

fn integer(walker: &mut Walker, node: &Node) {
    match &node.value {
        Value::Number(digits) if digits.parse::<i64>().is_ok() => {}
        Value::Null => {}
        Value::Number(digits) => {
            let fault = walker.type_fault(node, &format!("number {digits}"), "int64");
            walker.remember(fault);
        }
        _ => walker.mismatch(node, "int64"),
    }
}

/// A time has its own decoder, whose refusal ends the decoding.
fn time(walker: &mut Walker, node: &Node) {
    match &node.value {
        Value::Null => {}
        Value::Text(text) if timestamp::unix_micros(text).is_some() && !text.contains(['t', 'z']) => {}
        Value::Text(text) => {
            let shown = crate::go_text::quoted(text);
            let layout = "\"2006-01-02T15:04:05Z07:00\"";
            let message = format!("parsing time {shown} as {layout}: cannot parse {shown} as \"2006\"");
            walker.fatal(Fault { message, place: node.place });
        }
        other => {
            let fault = walker.type_fault(node, other.type_name(), TEXT);
            walker.fatal(fault);
        }
    }
}
