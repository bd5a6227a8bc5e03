//! Fields of an object.
//!
//! Promises: an absent field and a null one are empty; a value of another type is a fault at its place, with the
//! advice to quote it where YAML made something else of a text. Of a field that is given twice the last one counts.

use std::collections::BTreeMap;

use crate::policy::document::{Entry, Fault, Node, Value};

pub(super) fn fault(node: &Node, message: &str) -> Fault {
    Fault { message: message.to_owned(), place: node.place }
}

/// The members of a map.
pub(super) fn map<'n>(node: &'n Node, what: &str) -> Result<&'n [Entry], Fault> {
    match &node.value {
        Value::Map(entries) => Ok(entries),
        value => Err(fault(node, &format!("{what} is expected, not {}", article(value.type_name())))),
    }
}

/// A field that is there and not null.
pub(super) fn field<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    let Value::Map(entries) = &node.value else { return None };
    let entry = entries.iter().rev().find(|entry| entry.key.text == name)?;
    (entry.value.value != Value::Null).then_some(&entry.value)
}

/// A field that must be there, and be a map.
pub(super) fn required<'n>(node: &'n Node, name: &str) -> Result<&'n Node, Fault> {
    let found = field(node, name).ok_or_else(|| fault(node, &format!("{name} is missing")))?;
    map(found, name)?;
    Ok(found)
}

/// A text, empty when absent.
pub(super) fn text<'n>(node: &'n Node, name: &str) -> Result<&'n str, Fault> {
    field(node, name).map_or(Ok(""), |value| as_text(value, name))
}

/// A list of texts, empty when absent.
pub(super) fn texts(node: &Node, name: &str) -> Result<Vec<String>, Fault> {
    items(node, name)?.iter().map(|item| as_text(item, name).map(str::to_owned)).collect()
}

/// A map of texts, empty when absent.
pub(super) fn text_map(node: &Node, name: &str) -> Result<BTreeMap<String, String>, Fault> {
    let Some(found) = field(node, name) else { return Ok(BTreeMap::new()) };
    let entries = map(found, name)?.iter();
    entries.map(|entry| Ok((entry.key.text.clone(), as_text(&entry.value, name)?.to_owned()))).collect()
}

/// The items of a list, none when absent.
pub(super) fn items<'n>(node: &'n Node, name: &str) -> Result<&'n [Node], Fault> {
    match field(node, name) {
        None => Ok(&[]),
        Some(Node { value: Value::List(items), .. }) => Ok(items),
        Some(other) => {
            let found = article(other.value.type_name());
            Err(fault(other, &format!("{name} is expected to be a list, not {found}")))
        }
    }
}

fn as_text<'n>(node: &'n Node, name: &str) -> Result<&'n str, Fault> {
    match &node.value {
        Value::Text(text) => Ok(text),
        Value::Null => Ok(""),
        Value::Bool(_) | Value::Number(_) => {
            let found = article(node.value.type_name());
            Err(fault(node, &format!("{name} has {found} where a text is expected: put it in quotes")))
        }
        value => {
            Err(fault(node, &format!("{name} has {} where a text is expected", article(value.type_name()))))
        }
    }
}

fn article(name: &str) -> String {
    let article = if name.starts_with(['a', 'o']) { "an" } else { "a" };
    format!("{article} {name}")
}
