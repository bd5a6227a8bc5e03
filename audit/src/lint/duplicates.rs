//! Keys that are given twice.

use super::Findings;
use crate::policy::document::{Entry, Key, Node, Value};
use std::collections::HashMap;

/// Of a key that occurs twice only the last one counts; the others are ignored. Overriding a merged key is what
/// merge keys are for, so that is only worth a warning, which the server gives too.
pub(super) fn check(root: &Node, findings: &mut Findings) {
    match &root.value {
        Value::List(items) => items.iter().for_each(|item| check(item, findings)),
        Value::Map(entries) => check_map(entries, findings),
        _ => {}
    }
}

fn check_map(entries: &[Entry], findings: &mut Findings) {
    let mut seen: HashMap<&Key, &Entry> = HashMap::new();
    for entry in entries {
        check(&entry.value, findings);
        let Some(before) = seen.insert(&entry.key, entry) else {
            continue;
        };
        let (key, line) = (&entry.key.text, before.key_place.line);
        if entry.merged && !before.merged {
            let message = format!("`{key}` of line {line} is replaced by the map that is merged behind it");
            let fix = format!("put the merge key (`<<`) before `{key}`");
            findings.error("duplicate-field", before.key_place, None, message, fix);
        } else if before.merged {
            let message =
                format!("`{key}` replaces the merged one of line {line}; kube-apiserver logs a warning");
            let fix = "fine if it is meant; without merge keys there is no warning".to_owned();
            findings.warning("overridden-merge-key", entry.key_place, None, message, fix);
        } else {
            let message = format!("`{key}` is given twice; kube-apiserver ignores the one of line {line}");
            let fix = format!("remove one of the two, or join them under one `{key}`");
            findings.error("duplicate-field", entry.key_place, None, message, fix);
        }
    }
}
