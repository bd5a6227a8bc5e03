//! A configuration key by key, as people talk of it.
//!
//! Promise: nothing is left out; what has no key below it (an empty list, an empty mapping, nothing at all) stands for
//! itself.

use serde_json::{Map, Number, Value as Json};

use super::document::{Node, Value};

/// Every value of a tree with the path to it. A list of plain values is one value.
#[must_use]
pub fn leaves(tree: &Json) -> Vec<(Vec<String>, Json)> {
    let mut found = Vec::new();
    collect(tree, &mut Vec::new(), &mut found);
    found
}

fn collect(at: &Json, path: &mut Vec<String>, found: &mut Vec<(Vec<String>, Json)>) {
    let mut below = |name: String, value: &Json| {
        path.push(name);
        collect(value, path, found);
        path.pop();
    };
    match at {
        Json::Object(entries) if !entries.is_empty() => {
            entries.iter().for_each(|(name, value)| below(name.clone(), value));
        }
        Json::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            items.iter().enumerate().for_each(|(index, item)| below(index.to_string(), item));
        }
        plain => found.push((path.clone(), plain.clone())),
    }
}

impl From<&Node> for Json {
    fn from(node: &Node) -> Json {
        match &node.value {
            Value::Null => Json::Null,
            Value::Plain(spelled) => plain(spelled),
            Value::Text(said) => Json::String(said.clone()),
            Value::List(items) => items.iter().map(Json::from).collect(),
            Value::Map(entries) => Json::Object(Map::from_iter(
                entries.iter().map(|entry| (entry.key.clone(), Json::from(&entry.node))),
            )),
        }
    }
}

/// A number or a truth value where it is spelled as JSON has it; its text otherwise.
fn plain(spelled: &str) -> Json {
    let number = || spelled.parse::<Number>().ok().map(Json::Number);
    let truth = || spelled.parse::<bool>().ok().map(Json::Bool);
    number().or_else(truth).unwrap_or_else(|| Json::String(spelled.to_owned()))
}
