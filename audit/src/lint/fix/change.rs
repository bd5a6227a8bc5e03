//! What a correction changes, in the tree of the document.
//!
//! Promise: a change that has no place in the tree gives no tree.

use crate::policy::document::{Entry, Key, KeyType, Node, Place, Value};

/// One step down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The value of the entry of a map with this index.
    Entry(usize),
    /// The item of a list with this index.
    Item(usize),
}

/// The way from the root.
pub(super) type Path = Vec<Step>;

/// A change.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Change {
    /// Another scalar: how it is written, and what that means.
    Replace { at: Path, raw: String, value: Value },
    /// Another name for an entry.
    Rename { at: Path, name: String },
    /// An entry less.
    Remove { at: Path },
    /// An entry into another map, before the entry with that index.
    Move { from: Path, to: Path, before: usize },
    /// A new entry before the first one of a map.
    Insert { to: Path, name: &'static str, word: &'static str },
    /// A rule behind the last one.
    Append { rule: &'static str },
}

impl Change {
    /// The rule that it changes.
    pub(super) fn rule(&self) -> Option<usize> {
        let at = match self {
            Change::Replace { at, .. } | Change::Rename { at, .. } | Change::Remove { at } => at,
            Change::Move { from, .. } => from,
            Change::Insert { to, .. } => to,
            Change::Append { .. } => return None,
        };
        if let [_, Step::Item(rule), ..] = at.as_slice() { Some(*rule) } else { None }
    }

    /// Whether everything else stays at its place in the tree.
    pub(super) fn is_still(&self) -> bool {
        matches!(self, Change::Replace { .. } | Change::Rename { .. })
    }

    /// The tree with the change.
    pub(super) fn in_tree(&self, mut root: Node) -> Option<Node> {
        match self {
            Change::Replace { at, value, .. } => node_mut(&mut root, at)?.value.clone_from(value),
            Change::Rename { at, name } => entry_mut(&mut root, at)?.key = key_named(name),
            Change::Remove { at } => drop(take(&mut root, at)?),
            Change::Move { from, to, before } => {
                // The deeper of the two places goes first, since a change above it would shift its way.
                if from.len() > to.len() {
                    let entry = take(&mut root, from)?;
                    put(&mut root, to, *before, entry)?;
                } else {
                    let entry = entry(&root, from)?.clone();
                    put(&mut root, to, *before, entry)?;
                    drop(take(&mut root, from)?);
                }
            }
            Change::Insert { to, name, word } => {
                put(&mut root, to, 0, entry_of(name, word))?;
            }
            Change::Append { .. } => {
                let rules = entries(&root).iter().position(|entry| entry.key.text == "rules")?;
                let rules = node_mut(&mut root, &[Step::Entry(rules)])?;
                let Value::List(items) = &mut rules.value else { return None };
                items.push(Node {
                    place: Place::START,
                    value: Value::Map(vec![entry_of("level", "Metadata")]),
                });
            }
        }
        Some(root)
    }
}

fn entry_of(name: &str, word: &str) -> Entry {
    let value = Node { place: Place::START, value: Value::Text(word.to_owned()) };
    Entry { key: key_named(name), key_place: Place::START, value, merged: false }
}

fn key_named(name: &str) -> Key {
    Key { text: name.to_owned(), plain_type: KeyType::Text }
}

fn take(root: &mut Node, at: &[Step]) -> Option<Entry> {
    let (Step::Entry(index), parent) = at.split_last()? else { return None };
    let Value::Map(entries) = &mut node_mut(root, parent)?.value else { return None };
    (*index < entries.len()).then(|| entries.remove(*index))
}

fn put(root: &mut Node, to: &[Step], before: usize, entry: Entry) -> Option<()> {
    let Value::Map(entries) = &mut node_mut(root, to)?.value else { return None };
    entries.insert(before.min(entries.len()), entry);
    Some(())
}

fn entry_mut<'n>(root: &'n mut Node, at: &[Step]) -> Option<&'n mut Entry> {
    let (Step::Entry(index), parent) = at.split_last()? else { return None };
    let Value::Map(entries) = &mut node_mut(root, parent)?.value else { return None };
    entries.get_mut(*index)
}

fn node_mut<'n>(root: &'n mut Node, at: &[Step]) -> Option<&'n mut Node> {
    at.iter().try_fold(root, |node, step| match (step, &mut node.value) {
        (Step::Entry(index), Value::Map(entries)) => Some(&mut entries.get_mut(*index)?.value),
        (Step::Item(index), Value::List(items)) => items.get_mut(*index),
        _ => None,
    })
}

/// The node at the end of a way.
pub(super) fn node<'n>(root: &'n Node, at: &[Step]) -> Option<&'n Node> {
    at.iter().try_fold(root, |node, step| match (step, &node.value) {
        (Step::Entry(index), Value::Map(entries)) => Some(&entries.get(*index)?.value),
        (Step::Item(index), Value::List(items)) => items.get(*index),
        _ => None,
    })
}

/// The entry at the end of a way.
pub(super) fn entry<'n>(root: &'n Node, at: &[Step]) -> Option<&'n Entry> {
    let (Step::Entry(index), parent) = at.split_last()? else { return None };
    entries(node(root, parent)?).get(*index)
}

/// Its key.
pub(super) fn key<'n>(root: &'n Node, at: &[Step]) -> Option<&'n str> {
    entry(root, at).map(|entry| entry.key.text.as_str())
}

/// The items of the list at the end of a way.
pub(super) fn list<'n>(root: &'n Node, at: &[Step]) -> Option<&'n [Node]> {
    let Value::List(items) = &node(root, at)?.value else { return None };
    Some(items)
}

/// The entries of a map; of anything else there are none.
pub(super) fn entries(node: &Node) -> &[Entry] {
    if let Value::Map(entries) = &node.value { entries } else { &[] }
}

/// Whether two trees say the same, wherever it stands.
pub(super) fn same(left: &Node, right: &Node) -> bool {
    match (&left.value, &right.value) {
        (Value::List(left), Value::List(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Map(left), Value::Map(right)) => {
            let same_entry = |(left, right): (&Entry, &Entry)| {
                left.key == right.key && left.merged == right.merged && same(&left.value, &right.value)
            };
            left.len() == right.len() && left.iter().zip(right).all(same_entry)
        }
        (left, right) => left == right,
    }
}
