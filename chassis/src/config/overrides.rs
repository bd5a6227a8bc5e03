//! Environment variables that override the file.
//!
//! Promise: a variable reaches exactly the key that it names; one that cannot (a key below a scalar, a number
//! beyond the end of a list) is refused by name. Shorter names come first, so that a variable for a whole
//! mapping does not undo one for a key in it.

use super::document::{Entry, Node, Spot, Value};

/// What all of our variables begin with.
pub(super) const PREFIX: &str = "AUDITRAIL_";

/// One variable: its name, the key that it names, and what it says.
#[derive(Clone)]
pub(super) struct Override {
    pub(super) variable: String,
    path: Vec<String>,
    said: String,
}

impl std::fmt::Debug for Override {
    /// The value may be a secret and is left out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Override({})", self.variable)
    }
}

/// Our variables among `environment`, shorter keys first, then by name.
pub(super) fn among(environment: impl IntoIterator<Item = (String, String)>) -> Vec<Override> {
    let mut found: Vec<Override> = environment.into_iter().filter_map(Override::from_variable).collect();
    found.sort_by(|a, b| (a.path.len(), &a.variable).cmp(&(b.path.len(), &b.variable)));
    found
}

impl Override {
    fn from_variable((variable, said): (String, String)) -> Option<Self> {
        let key = variable.strip_prefix(PREFIX)?;
        let path: Vec<String> = key.split("__").map(str::to_lowercase).collect();
        (path.len() > 1).then_some(Self { variable, path, said })
    }

    /// The section that the variable names.
    pub(super) fn section(&self) -> &str {
        &self.path[0]
    }

    /// The key that the variable names, with its section, in dots.
    pub(super) fn key(&self) -> String {
        self.path.join(".")
    }

    /// Sets the value in `section`, or says why that cannot be.
    pub(super) fn apply(&self, section: &mut Node) -> Result<(), String> {
        let value = self.value()?;
        let mut node = section;
        for (depth, name) in self.path.iter().enumerate().skip(1) {
            if name.is_empty() {
                return Err("the name has an empty key between two `__`".to_owned());
            }
            node = self.step(node, name, &self.path[1..depth].join("."))?;
        }
        node.value = value;
        node.spot = Spot::default();
        node.variable = Some(self.variable.clone());
        Ok(())
    }

    /// The place of `name` in `node`, which is made if it is not there; `above` is for messages.
    fn step<'a>(&self, node: &'a mut Node, name: &str, above: &str) -> Result<&'a mut Node, String> {
        if matches!(node.value, Value::Null) {
            node.value = Value::Map(Vec::new());
        }
        match &mut node.value {
            Value::Map(entries) => Ok(self.entry(entries, name)),
            Value::List(items) => self.item(items, name, above),
            _ => Err(format!("`{above}` is a single value and has no key `{name}`")),
        }
    }

    fn entry<'a>(&self, entries: &'a mut Vec<Entry>, name: &str) -> &'a mut Node {
        let same = |entry: &Entry| entry.key.to_lowercase().replace('-', "_") == name;
        let at = entries.iter().position(same).unwrap_or_else(|| {
            let node = Node { value: Value::Null, ..self.nowhere() };
            entries.push(Entry { key: name.to_owned(), spot: Spot::default(), node });
            entries.len() - 1
        });
        &mut entries[at].node
    }

    fn item<'a>(&self, items: &'a mut Vec<Node>, name: &str, above: &str) -> Result<&'a mut Node, String> {
        let length = items.len();
        let at = name.parse().ok().filter(|at| *at <= length);
        let at: usize = at.ok_or_else(|| {
            format!(
                "`{above}` is a list of {length}: name an entry by its number, 0 to {length}, not `{name}`"
            )
        })?;
        if at == length {
            items.push(self.nowhere());
        }
        Ok(&mut items[at])
    }

    fn nowhere(&self) -> Node {
        Node { value: Value::Null, spot: Spot::default(), variable: Some(self.variable.clone()) }
    }

    /// What the variable says: a list or a mapping in brackets, otherwise a scalar, whole.
    fn value(&self) -> Result<Value, String> {
        let said = self.said.trim();
        let mut node = match Node::parse(said) {
            Ok(node) => node,
            Err(error) if said.starts_with(['[', '{']) => return Err(super::document::message_of(&error)),
            Err(_) => return Ok(Value::Text(self.said.clone())),
        };
        self.claim(&mut node);
        Ok(match node.value {
            Value::Plain(_) => Value::Plain(said.to_owned()),
            Value::Null if !said.is_empty() && !said.starts_with('#') => Value::Null,
            Value::List(_) | Value::Map(_) if said.starts_with(['[', '{']) => node.value,
            _ => Value::Text(self.said.clone()),
        })
    }

    /// All of `node` comes from this variable.
    fn claim(&self, node: &mut Node) {
        node.variable = Some(self.variable.clone());
        match &mut node.value {
            Value::List(items) => items.iter_mut().for_each(|item| self.claim(item)),
            Value::Map(entries) => entries.iter_mut().for_each(|entry| self.claim(&mut entry.node)),
            _ => {}
        }
    }
}
