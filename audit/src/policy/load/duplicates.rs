//! Keys that occur twice in a YAML map, as the server's strict reader reports them.
//!
//! Promise: one line per repetition, in the order in which that reader comes upon them; the line number is that of
//! the value. A merged key that is overridden counts as a repetition.

use crate::go_text::quoted;
use crate::policy::document::{Entry, Key, KeyType, Node, Value};
use std::collections::HashSet;

/// The reader's message, if there are any.
pub(super) fn message(root: &Node) -> Option<String> {
    let mut lines = String::new();
    each(root, &mut |entry| {
        let key = match entry.key.plain_type {
            KeyType::Text => quoted(&entry.key.text),
            _ => entry.key.text.clone(),
        };
        lines.push_str(&format!("\n  line {}: key {key} already set in map", entry.value.place.line));
    });
    (!lines.is_empty()).then(|| format!("yaml: unmarshal errors:{lines}"))
}

/// Visits every repetition. The tree is shallow, so this may recurse.
pub(crate) fn each<'n>(node: &'n Node, visit: &mut impl FnMut(&'n Entry)) {
    match &node.value {
        Value::List(items) => items.iter().for_each(|item| each(item, visit)),
        Value::Map(entries) => {
            let mut seen: HashSet<&Key> = HashSet::new();
            for entry in entries {
                each(&entry.value, visit);
                if !seen.insert(&entry.key) {
                    visit(entry);
                }
            }
        }
        _ => {}
    }
}
