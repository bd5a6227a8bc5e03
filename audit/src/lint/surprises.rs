//! Where YAML 1.1 makes something else of a text than its reader does, and kube-apiserver takes it.

use super::Findings;
use crate::policy::document::{Document, Entry, Format, Node, Place, Value};

/// Looks at every value.
pub(super) fn check(text: &str, document: &Document, findings: &mut Findings) {
    if document.format == Format::Yaml {
        let lines: Vec<&str> = text.lines().collect();
        look(&lines, &document.root, findings);
    }
}

fn look(lines: &[&str], node: &Node, findings: &mut Findings) {
    match &node.value {
        Value::List(items) => {
            items.iter().filter(|item| item.value == Value::Null).for_each(|item| null(item.place, findings));
            items.iter().for_each(|item| look(lines, item, findings));
        }
        Value::Map(entries) => {
            entries.iter().for_each(|entry| boolean(lines, entry, findings));
            entries.iter().for_each(|entry| look(lines, &entry.value, findings));
        }
        _ => {}
    }
}

fn null(place: Place, findings: &mut Findings) {
    let message = "an item without a value counts as the empty name, or as an entry that matches everything of the core group";
    let fix = "remove the item, or write what is meant; `\"\"` is the empty name";
    findings.warning("null-item", place, None, message.to_owned(), fix.to_owned());
}

/// The one field that takes a boolean takes its old words too. Elsewhere a boolean is refused.
fn boolean(lines: &[&str], entry: &Entry, findings: &mut Findings) {
    let (Value::Bool(truth), "omitManagedFields") = (&entry.value.value, entry.key.text.as_str()) else {
        return;
    };
    let word = word_at(lines, entry.value.place);
    if !["true", "false"].contains(&word.to_ascii_lowercase().as_str()) {
        let message =
            format!("YAML 1.1, which kube-apiserver reads, takes `{word}` for {truth}; YAML 1.2 for a text");
        findings.warning("yaml-boolean", entry.value.place, None, message, format!("write `{truth}`"));
        findings.mended_by(&truth.to_string());
    }
}

/// The word that stands at a place.
fn word_at<'t>(lines: &[&'t str], place: Place) -> &'t str {
    let line = lines.get(place.line - 1).copied().unwrap_or_default();
    let start = line.char_indices().nth(place.column - 1).map_or(line.len(), |(at, _)| at);
    let rest = &line[start..];
    &rest[..rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len())]
}
