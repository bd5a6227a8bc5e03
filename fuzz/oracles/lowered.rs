//! What an API server with a lower level would have written.
//!
//! Promise: told by the tree of the event, and not by its bytes.

use super::tree::{Tree, is_named, name};
use audit::{Decision, Event, Level};

type Members = Vec<(Vec<u8>, Tree)>;

/// The tree of the event as the decision wants it.
pub fn of(tree: &Tree, event: &Event<'_>, decision: &Decision) -> Tree {
    let level = event.level().min(decision.level);
    let is_lowered = level < event.level();
    let patch = tree.last("verb").and_then(Tree::text).as_deref() == Some("patch");
    let change = |(key, value): &(Vec<u8>, Tree)| {
        let is = |wanted| is_named(key, wanted);
        let value = if is("level") && is_lowered {
            Tree::Leaf(format!("\"{level}\"").into_bytes())
        } else if is("responseObject") || is("requestObject") {
            let least = if is("requestObject") { Level::Request } else { Level::RequestResponse };
            if is_lowered && level < least {
                return None;
            }
            let asked = decision.omit_managed_fields && !(patch && is("requestObject"));
            if asked { without_managed_fields(value) } else { value.clone() }
        } else if is("annotations") && is_lowered && level < Level::Request {
            annotations(value)?
        } else {
            value.clone()
        };
        Some((key.clone(), value))
    };
    Tree::Object(tree.members().iter().filter_map(change).collect())
}

/// Without those that exist at `Request` and above only; nothing, when no other is left.
fn annotations(value: &Tree) -> Option<Tree> {
    let of_request =
        |key: &[u8]| name(key).is_some_and(|key| key.starts_with("patch.webhook.admission.k8s.io/"));
    let stays: Members = value.members().iter().filter(|(key, _)| !of_request(key)).cloned().collect();
    match value {
        Tree::Object(members) if !members.is_empty() => (!stays.is_empty()).then_some(Tree::Object(stays)),
        other => Some(other.clone()),
    }
}

fn without_managed_fields(object: &Tree) -> Tree {
    object_without(object).unwrap_or_else(|| object.clone())
}

/// `None` when an element of a list cannot have metadata.
fn object_without(object: &Tree) -> Option<Tree> {
    let Tree::Object(members) = object else { return None };
    let text = |name| object.last(name).and_then(Tree::text).unwrap_or_default();
    let is_table = text("kind") == "Table" && text("apiVersion").starts_with("meta.k8s.io/");
    let trimmed = members.iter().map(|(key, value)| {
        let value = match value {
            Tree::Object(_) if is_named(key, "metadata") => metadata(value),
            Tree::List(items) if is_named(key, "items") => {
                Tree::List(items.iter().map(item).collect::<Option<_>>()?)
            }
            Tree::List(rows) if is_table && is_named(key, "rows") => {
                Tree::List(rows.iter().map(row).collect::<Option<_>>()?)
            }
            other => other.clone(),
        };
        Some((key.clone(), value))
    });
    trimmed.collect::<Option<_>>().map(Tree::Object)
}

fn metadata(metadata: &Tree) -> Tree {
    let stays = metadata.members().iter().filter(|(key, _)| !is_named(key, "managedFields"));
    Tree::Object(stays.cloned().collect())
}

fn item(item: &Tree) -> Option<Tree> {
    let Tree::Object(members) = item else { return None };
    let trimmed = members.iter().map(|(key, value)| match value {
        Tree::Object(_) if is_named(key, "metadata") => (key.clone(), metadata(value)),
        other => (key.clone(), other.clone()),
    });
    Some(Tree::Object(trimmed.collect()))
}

fn row(row: &Tree) -> Option<Tree> {
    let Tree::Object(members) = row else { return None };
    let trimmed = members.iter().map(|(key, value)| match value {
        Tree::Object(_) if is_named(key, "object") => Some((key.clone(), item(value)?)),
        other => Some((key.clone(), other.clone())),
    });
    trimmed.collect::<Option<_>>().map(Tree::Object)
}
