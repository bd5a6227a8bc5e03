//! Where a decoding is, and what it came upon.
//!
//! Invariant: the first mismatch of types is the error, whatever follows; a fatal one hides it.

use crate::go_text::quoted;
use crate::policy::document::{Entry, Fault, Format, Node, Value};
use std::collections::{BTreeMap, HashSet};

/// The server keeps no more unknown and duplicate fields than this.
const MOST_NOTES: usize = 100;

/// What a decoding came upon.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// The error, if any.
    pub(crate) error: Option<Fault>,
    /// Unknown and duplicate fields, in the decoder's words.
    pub(crate) notes: Vec<String>,
}

/// A decoding on its way.
#[derive(Debug)]
pub(crate) struct Walker {
    format: Format,
    /// The field names from the root, as messages about types join them.
    fields: Vec<String>,
    /// The type of the innermost object.
    structs: Vec<&'static str>,
    /// The path from the root with indices, as messages about fields show it.
    path: String,
    outcome: Outcome,
    fatal: bool,
    noted: HashSet<String>,
}

impl Walker {
    pub(crate) fn new(format: Format) -> Walker {
        Walker {
            format,
            fields: Vec::new(),
            structs: Vec::new(),
            path: String::new(),
            outcome: Outcome::default(),
            fatal: false,
            noted: HashSet::new(),
        }
    }

    pub(crate) fn outcome(self) -> Outcome {
        self.outcome
    }

    /// Gives each member of an object to `decode`, which says whether it knows the field.
    pub(crate) fn object(
        &mut self,
        node: &Node,
        name: &'static str,
        go_type: &str,
        mut decode: impl FnMut(&mut Walker, &str, &Node) -> bool,
    ) {
        let entries = match &node.value {
            Value::Map(entries) => entries,
            Value::Null => return,
            _ => return self.mismatch(node, go_type),
        };
        self.structs.push(name);
        let mut seen = HashSet::new();
        for entry in self.in_order(entries) {
            let field = entry.key.text.as_str();
            let again = !seen.insert(field);
            let known = self.inside(field, |walker| decode(walker, field, &entry.value));
            if !known {
                self.note("unknown", field);
            } else if again {
                self.note("duplicate", field);
            }
        }
        self.structs.pop();
    }

    /// Gives each value of a map with free keys to `decode`.
    pub(crate) fn map(&mut self, node: &Node, go_type: &str, mut decode: impl FnMut(&mut Walker, &Node)) {
        let entries = match &node.value {
            Value::Map(entries) => entries,
            Value::Null => return,
            _ => return self.mismatch(node, go_type),
        };
        let mut seen = HashSet::new();
        for entry in self.in_order(entries) {
            if !seen.insert(&entry.key.text) {
                self.note("duplicate", &entry.key.text);
            }
            decode(self, &entry.value);
        }
    }

    /// Decodes an element of a list.
    pub(crate) fn element(&mut self, index: usize, decode: impl FnOnce(&mut Walker)) {
        let length = self.path.len();
        self.path.push_str(&format!("[{index}]"));
        decode(self);
        self.path.truncate(length);
    }

    /// Notes that a value has another type than its field.
    pub(crate) fn mismatch(&mut self, node: &Node, go_type: &str) {
        let fault = self.type_fault(node, node.value.type_name(), go_type);
        self.remember(fault);
    }

    /// Notes an error, if it is the first one.
    pub(crate) fn remember(&mut self, fault: Fault) {
        self.outcome.error.get_or_insert(fault);
    }

    /// Notes an error that ends the decoding.
    pub(crate) fn fatal(&mut self, fault: Fault) {
        if !self.fatal {
            self.outcome.error = Some(fault);
            self.fatal = true;
        }
    }

    /// The decoder's message that a value does not fit a type.
    pub(crate) fn type_fault(&self, node: &Node, found: &str, go_type: &str) -> Fault {
        let target = match self.structs.last() {
            Some(name) => format!("Go struct field {name}.{} of type {go_type}", self.fields.join(".")),
            None => format!("Go value of type {go_type}"),
        };
        Fault { message: format!("json: cannot unmarshal {found} into {target}"), place: node.place }
    }

    fn inside<T>(&mut self, field: &str, decode: impl FnOnce(&mut Walker) -> T) -> T {
        let length = self.path.len();
        if !self.path.is_empty() {
            self.path.push('.');
        }
        self.path.push_str(field);
        self.fields.push(field.to_owned());
        let result = decode(self);
        self.fields.pop();
        self.path.truncate(length);
        result
    }

    fn note(&mut self, kind: &str, field: &str) {
        let path = if self.path.is_empty() { field.to_owned() } else { format!("{}.{field}", self.path) };
        let note = format!("{kind} field {}", quoted(&path));
        if self.outcome.notes.len() < MOST_NOTES && self.noted.insert(note.clone()) {
            self.outcome.notes.push(note);
        }
    }

    /// JSON is decoded as it stands; YAML became a JSON with sorted, single keys first.
    fn in_order<'e>(&self, entries: &'e [Entry]) -> Vec<&'e Entry> {
        if self.format == Format::Json {
            return entries.iter().collect();
        }
        let last: BTreeMap<&str, &Entry> =
            entries.iter().map(|entry| (entry.key.text.as_str(), entry)).collect();
        last.into_values().collect()
    }
}
