//! A YAML file as a tree whose every key and value knows its place.
//!
//! Promise: the tree says what the text says and where; scalars keep their spelling, so that a value printed
//! again (see `printed`) means the same to whatever type reads it.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess};
use serde_saphyr::{Location, Spanned};

use super::error::{ConfigError, Place};

/// A file, its text and its tree.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    pub(crate) root: Node,
}

impl Document {
    /// Reads `text`; an empty one is an empty mapping.
    pub(crate) fn parse(path: &Path, text: String) -> Result<Self, ConfigError> {
        let malformed = |place, why| ConfigError::Malformed { place, why };
        let root = match Node::parse(&text) {
            Err(error) => return Err(malformed(place_of(path, &error), message_of(&error))),
            Ok(Node { value: Value::Null, .. }) => Node::mapping(),
            Ok(root) => root,
        };
        if !matches!(root.value, Value::Map(_)) {
            let why = "expected a mapping of sections, as `collector:`".to_owned();
            return Err(malformed(root.spot.place_in(path), why));
        }
        Ok(Self { path: path.to_owned(), text, root })
    }
}

/// A value, where it stands, and the variable that set it, if one did.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) spot: Spot,
    pub(crate) variable: Option<String>,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Null,
    /// A plain scalar that is no string to YAML: a number or a truth value, as it was spelled.
    Plain(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key of a mapping and its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) spot: Spot,
    pub(crate) node: Node,
}

/// A line and a column, counted from 1; 0 where there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) line: u64,
    pub(crate) column: u64,
}

impl Spot {
    pub(crate) fn of(location: Location) -> Self {
        Self { line: location.line(), column: location.column() }
    }

    pub(crate) fn place_in(self, path: &Path) -> Place {
        Place { path: path.to_owned(), line: self.line, column: self.column }
    }
}

impl Node {
    /// The tree of `text`.
    pub(crate) fn parse(text: &str) -> Result<Self, serde_saphyr::Error> {
        let raw: Spanned<Raw> = serde_saphyr::from_str_with_options(text, options())?;
        Ok(raw.value.into_node(raw.referenced, raw.defined, text))
    }

    /// An empty mapping that stands nowhere.
    pub(crate) fn mapping() -> Self {
        Self { value: Value::Map(Vec::new()), spot: Spot::default(), variable: None }
    }

    /// The value of `key` in this mapping.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.node)
    }

    /// The entry of `key` in this mapping.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The entries of this mapping; none if it is something else.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The entries of this list; none if it is something else.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }
}

/// How YAML is read everywhere: duplicate keys are refused, no snippets in messages.
pub(crate) fn options() -> serde_saphyr::Options {
    serde_saphyr::options! { with_snippet: false }
}

/// Where `error` is in the file at `path`.
pub(crate) fn place_of(path: &Path, error: &serde_saphyr::Error) -> Place {
    error.location().map(Spot::of).unwrap_or_default().place_in(path)
}

/// What `error` says, without its place, on one line.
pub(crate) fn message_of(error: &serde_saphyr::Error) -> String {
    use serde_saphyr::{Error, MessageFormatter as _};
    let said = match error.without_snippet() {
        Error::SerdeUnknownField { field, expected, .. } => {
            format!("unknown field `{field}`, expected {}", one_of(expected))
        }
        Error::SerdeUnknownVariant { variant, expected, .. } => {
            format!("unknown value `{variant}`, expected {}", one_of(expected))
        }
        Error::DuplicateMappingKey { key: Some(key), .. } => format!("`{key}` is said twice; keep one"),
        Error::DuplicateMappingKey { .. } => "a key is said twice; keep one".to_owned(),
        other => serde_saphyr::DefaultMessageFormatter.format_message(other).into_owned(),
    };
    said.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn one_of(allowed: &[&str]) -> String {
    match allowed {
        [] => "nothing here".to_owned(),
        [only] => format!("`{only}`"),
        several => format!("one of `{}`", several.join("`, `")),
    }
}

enum Raw {
    Null,
    /// Spelled in the text, or so if the text does not say.
    Plain(String),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl Raw {
    fn into_node(self, referenced: Location, defined: Location, text: &str) -> Node {
        let child = |raw: Spanned<Raw>| raw.value.into_node(raw.referenced, raw.defined, text);
        let value = match self {
            Self::Null => Value::Null,
            Self::Plain(canonical) => Value::Plain(spelled(defined, text).unwrap_or(canonical)),
            Self::Text(said) => Value::Text(said),
            Self::List(items) => Value::List(items.into_iter().map(child).collect()),
            Self::Map(entries) => Value::Map(
                entries
                    .into_iter()
                    .map(|(key, raw)| Entry {
                        spot: Spot::of(key.referenced),
                        key: key.value,
                        node: child(raw),
                    })
                    .collect(),
            ),
        };
        Node { value, spot: Spot::of(referenced), variable: None }
    }
}

fn spelled(location: Location, text: &str) -> Option<String> {
    let span = location.span();
    let start = usize::try_from(span.byte_offset()?).ok()?;
    let length = usize::try_from(span.byte_len()?).ok()?;
    let said = text.get(start..start.checked_add(length)?)?.trim();
    (!said.is_empty()).then(|| said.to_owned())
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any)
    }
}

struct Any;

impl<'de> de::Visitor<'de> for Any {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Plain(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}
