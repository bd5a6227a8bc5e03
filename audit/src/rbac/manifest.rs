//! Roles and bindings as YAML.
//!
//! Promises: `kubectl apply` takes it, and every reader of YAML 1.1 or 1.2 reads the same texts out of it: what a
//! reader could take for something else than text stands in quotes, and hidden characters are spelt out in them. The
//! order of fields and objects is fixed.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Binding, Objects, Role, Rule, Subject};
use crate::hidden::is_hidden;
use crate::policy::document::means_itself;

const VERSION: &str = "apiVersion: rbac.authorization.k8s.io/v1\n";

/// The objects as documents, roles before bindings.
#[must_use]
pub fn to_yaml(objects: &Objects) -> String {
    let documents: Vec<String> =
        objects.roles.iter().map(role).chain(objects.bindings.iter().map(binding)).collect();
    documents.join("---\n")
}

fn role(role: &Role) -> String {
    let mut text = head(role.kind.name(), &role.namespace, &role.name, &role.labels, &role.annotations);
    if let Some(aggregation) = &role.aggregation {
        text.push_str("aggregationRule:\n  clusterRoleSelectors:\n");
        for selector in &aggregation.selectors {
            text.push_str("  - matchLabels:");
            text.push_str(if selector.labels.is_empty() { " {}\n" } else { "\n" });
            pairs(&mut text, "      ", &selector.labels);
            if !selector.expressions.is_empty() {
                text.push_str("    matchExpressions:\n");
            }
            for expression in &selector.expressions {
                let key = scalar(&expression.key);
                let _ = writeln!(text, "    - key: {key}\n      operator: {:?}", expression.operator);
                list(&mut text, "      ", "values", &expression.values);
            }
        }
    }
    if role.rules.is_empty() {
        text.push_str("rules: []\n");
    } else {
        text.push_str("rules:\n");
        role.rules.iter().for_each(|rule| rule_text(&mut text, rule));
    }
    text
}

fn rule_text(text: &mut String, rule: &Rule) {
    let start = text.len();
    list(text, "  ", "apiGroups", &rule.api_groups);
    list(text, "  ", "nonResourceURLs", &rule.non_resource_urls);
    list(text, "  ", "resourceNames", &rule.resource_names);
    list(text, "  ", "resources", &rule.resources);
    if rule.verbs.is_empty() {
        text.push_str("  verbs: []\n");
    }
    list(text, "  ", "verbs", &rule.verbs);
    text.replace_range(start..=start, "-");
}

fn binding(binding: &Binding) -> String {
    let mut text =
        head(binding.kind(), &binding.namespace, &binding.name, &binding.labels, &binding.annotations);
    let _ = writeln!(
        text,
        "roleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: {}\n  name: {}",
        binding.role_kind.name(),
        scalar(&binding.role)
    );
    text.push_str(if binding.subjects.is_empty() { "subjects: []\n" } else { "subjects:\n" });
    for subject in &binding.subjects {
        let _ = match subject {
            Subject::User(name) | Subject::Group(name) => writeln!(
                text,
                "- apiGroup: rbac.authorization.k8s.io\n  kind: {}\n  name: {}",
                subject.kind(),
                scalar(name)
            ),
            Subject::ServiceAccount { namespace, name } => {
                let _ = writeln!(text, "- kind: ServiceAccount\n  name: {}", scalar(name));
                if namespace.is_empty() {
                    Ok(())
                } else {
                    writeln!(text, "  namespace: {}", scalar(namespace))
                }
            }
        };
    }
    text
}

fn head(
    kind: &str,
    namespace: &str,
    name: &str,
    labels: &BTreeMap<String, String>,
    annotations: &BTreeMap<String, String>,
) -> String {
    let mut text = format!("{VERSION}kind: {kind}\nmetadata:\n");
    for (field, pairs_of) in [("annotations", annotations), ("labels", labels)] {
        if !pairs_of.is_empty() {
            let _ = writeln!(text, "  {field}:");
            pairs(&mut text, "    ", pairs_of);
        }
    }
    let _ = writeln!(text, "  name: {}", scalar(name));
    if !namespace.is_empty() {
        let _ = writeln!(text, "  namespace: {}", scalar(namespace));
    }
    text
}

fn pairs(text: &mut String, indent: &str, pairs: &BTreeMap<String, String>) {
    for (key, value) in pairs {
        let _ = writeln!(text, "{indent}{}: {}", scalar(key), scalar(value));
    }
}

fn list(text: &mut String, indent: &str, name: &str, items: &[String]) {
    if items.is_empty() {
        return;
    }
    let _ = writeln!(text, "{indent}{name}:");
    for item in items {
        let _ = writeln!(text, "{indent}- {}", scalar(item));
    }
}

/// A text as a scalar: plain where nobody can misread it, else in double quotes with JSON's escapes.
fn scalar(text: &str) -> String {
    let first = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./:@".contains(&byte));
    if first && plain && !text.ends_with(':') && means_itself(text) {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            ' '..='~' => quoted.push(c),
            '\u{a0}'..='\u{d7ff}' if !is_hidden(c) => quoted.push(c),
            c if (c as u32) < 0x1_0000 => {
                let _ = write!(quoted, "\\u{:04X}", c as u32);
            }
            c => {
                let _ = write!(quoted, "\\U{:08X}", c as u32);
            }
        }
    }
    quoted.push('"');
    quoted
}
