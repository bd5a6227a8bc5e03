//! The text of a policy as a tree that knows its places.
//!
//! Promises: what begins with `{` is JSON, everything else YAML 1.1 as the API server's own reader takes it; only
//! the first document of a YAML text is read. Keys that occur twice are all kept, in order, and aliases and merge
//! keys are resolved, within the bounds that the server's reader has against texts that grow without end. The tree
//! is never deeper than [`DEEPEST`].

mod float;
mod json;
mod scalar;
mod yaml;

/// The deepest nesting of a document.
pub(crate) const DEEPEST: usize = 500;

/// A place in the text, counted from 1; the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Place {
    pub(crate) const START: Place = Place { line: 1, column: 1 };
}

/// A value and where it stands. An aliased value stands where its anchor is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

/// What a value is, in the terms of JSON.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    /// As JSON writes it.
    Number(String),
    Text(String),
    List(Vec<Node>),
    /// All members in order; of equal keys the last one counts.
    Map(Vec<Entry>),
}

/// A member of a map.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: Key,
    pub(crate) key_place: Place,
    pub(crate) value: Node,
    /// Whether a merge key brought it here.
    pub(crate) merged: bool,
}

/// A key: what JSON calls it, and what YAML takes it for, since `1` and `"1"` are two keys there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) text: String,
    pub(crate) plain_type: KeyType,
}

/// What YAML takes a key for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum KeyType {
    Text,
    Number,
    Bool,
}

impl Value {
    /// The name of the value's type in the messages of the server's decoder.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Number(_) => "number",
            Value::Text(_) => "string",
            Value::List(_) => "array",
            Value::Map(_) => "object",
        }
    }
}

/// The text cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) message: String,
    pub(crate) place: Place,
}

/// A text that has been read.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    pub(crate) root: Node,
    pub(crate) format: Format,
    /// Where a second document begins, which nobody reads.
    pub(crate) ignored_from: Option<Place>,
}

/// How a text was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Yaml,
}

/// Reads the text.
pub(crate) fn read(text: &str) -> Result<Document, Fault> {
    if text.trim_start_matches(is_go_space).starts_with('{') {
        let root = json::read(text)?;
        return Ok(Document { root, format: Format::Json, ignored_from: None });
    }
    yaml::read(text)
}

/// White space as the server's test for JSON sees it; unlike Rust's, it is that of Unicode's White_Space and no more.
fn is_go_space(c: char) -> bool {
    c.is_whitespace()
}

/// Whether a plain scalar of this text is a text.
pub(crate) fn means_itself(text: &str) -> bool {
    matches!(scalar::resolve("", true, text), Ok(scalar::Scalar::Text(same)) if same == text)
}
