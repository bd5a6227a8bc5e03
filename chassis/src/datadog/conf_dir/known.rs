//! Which keys of the Agent's entries have an effect here, and what is said about the others.
//!
//! Promise: nothing is taken out of an entry without a warning.

use std::path::Path;

use super::Warning;
use crate::config::{Entry, Node, Value};

const KEYS: [&str; 10] = [
    "type",
    "path",
    "exclude_paths",
    "service",
    "source",
    "sourcecategory",
    "tags",
    "encoding",
    "start_position",
    "log_processing_rules",
];

const RULE_KEYS: [&str; 4] = ["type", "name", "pattern", "replace_placeholder"];

/// Takes out of `entry` what has no effect here; false when the whole entry has none.
pub(super) fn keep(entry: &mut Node, path: &Path, warnings: &mut Vec<Warning>) -> bool {
    if let Some(Entry { spot, node: Node { value: Value::Text(kind), .. }, .. }) = entry.entry("type")
        && kind != "file"
    {
        let what = format!("this entry is passed over: only `type: file` is read here, not `{kind}`");
        warnings.push(Warning { place: spot.place_in(path), what });
        return false;
    }
    retain(entry, &KEYS, path, warnings);
    if let Value::Map(entries) = &mut entry.value {
        let rules = entries.iter_mut().find(|entry| entry.key == "log_processing_rules");
        if let Some(Entry { node: Node { value: Value::List(rules), .. }, .. }) = rules {
            rules.iter_mut().for_each(|rule| retain(rule, &RULE_KEYS, path, warnings));
        }
    }
    true
}

fn retain(node: &mut Node, known: &[&str], path: &Path, warnings: &mut Vec<Warning>) {
    let Value::Map(entries) = &mut node.value else { return };
    entries.retain(|entry| {
        let keep = known.contains(&entry.key.as_str());
        if !keep {
            let what = format!("`{}` has no effect here", entry.key);
            warnings.push(Warning { place: entry.spot.place_in(path), what });
        }
        keep
    });
}
