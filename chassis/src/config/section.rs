//! From a document and its overrides to one checked section.
//!
//! Promise: an override is checked exactly like the file: both are read by the same reader into the same type,
//! and validated once together.

use std::fmt;
use std::marker::PhantomData;
use std::path::Path;

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess};

use super::document::{Document, Node, Spot, Value, message_of, options, place_of};
use super::error::ConfigError;
use super::overrides::Override;
use super::printed::{Printed, Source};
use super::{Origin, Section};

/// See [`super::Configuration::section`].
pub(super) fn read<S: Section>(document: &Document, overrides: &[Override]) -> Result<S, ConfigError> {
    let mine: Vec<&Override> = overrides.iter().filter(|set| set.section() == S::NAME).collect();
    let section: S = if mine.is_empty() { from_file(document)? } else { overlaid(document, &mine)? };
    match section.validate() {
        Ok(()) => Ok(section),
        Err(invalid) => {
            let why = format!("`{}`: {}", invalid.key, invalid.why);
            Err(at_key(document, overrides, S::NAME, &invalid.key, why))
        }
    }
}

fn from_file<S: Section>(document: &Document) -> Result<S, ConfigError> {
    match document.root.get(S::NAME) {
        None | Some(Node { value: Value::Null, .. }) => Ok(S::default()),
        Some(_) => parse(&document.text).map_err(|error| ConfigError::InFile {
            place: place_of(&document.path, &error),
            section: S::NAME.to_owned(),
            why: message_of(&error),
        }),
    }
}

/// A section as the file and the variables have it.
pub(super) fn overlay(
    document: &Document,
    overrides: &[Override],
    section: &str,
) -> Result<Node, ConfigError> {
    let mine: Vec<&Override> = overrides.iter().filter(|set| set.section() == section).collect();
    under(document, &mine, section)
}

fn under(document: &Document, mine: &[&Override], section: &str) -> Result<Node, ConfigError> {
    let mut node = document.root.get(section).cloned().unwrap_or_else(Node::mapping);
    for set in mine {
        let (variable, section) = (set.variable.clone(), section.to_owned());
        set.apply(&mut node).map_err(|why| ConfigError::InVariable { variable, section, why })?;
    }
    Ok(node)
}

fn overlaid<S: Section>(document: &Document, mine: &[&Override]) -> Result<S, ConfigError> {
    let node = under(document, mine, S::NAME)?;
    let section = S::NAME.to_owned();
    let key = document.root.entry(S::NAME).map(|entry| entry.spot).unwrap_or_default();
    let printed = Printed::section(S::NAME, key, &node);
    parse(&printed.text).map_err(|error| {
        let why = message_of(&error);
        let source = error.location().and_then(|at| printed.source(at.line(), at.column()));
        match source {
            Some(Source::Variable(variable)) => ConfigError::InVariable { variable, section, why },
            Some(Source::File(spot)) => {
                ConfigError::InFile { place: spot.place_in(&document.path), section, why }
            }
            None => ConfigError::InVariable { variable: names(mine), section, why },
        }
    })
}

/// Reads `node`, which stands under `name` in the file at `path` and was changed since, as a `T` with that one key.
pub(crate) fn read_again<T: de::DeserializeOwned>(
    name: &str,
    key: Spot,
    node: &Node,
    path: &Path,
) -> Result<T, ConfigError> {
    let printed = Printed::section(name, key, node);
    serde_saphyr::from_str_with_options(&printed.text, options()).map_err(|error| {
        let source = error.location().and_then(|at| printed.source(at.line(), at.column()));
        let spot = if let Some(Source::File(spot)) = source { spot } else { key };
        ConfigError::InFile { place: spot.place_in(path), section: name.to_owned(), why: message_of(&error) }
    })
}

fn names(overrides: &[&Override]) -> String {
    overrides.iter().map(|set| set.variable.as_str()).collect::<Vec<_>>().join(", ")
}

/// The section `S` out of a text with all sections.
fn parse<S: Section>(text: &str) -> Result<S, serde_saphyr::Error> {
    let only: Only<S> = serde_saphyr::from_str_with_options(text, options())?;
    Ok(only.0)
}

/// The error at the key `key` of `section`: the place of the nearest of its parents that somebody wrote.
fn at_key(document: &Document, overrides: &[Override], section: &str, key: &str, why: String) -> ConfigError {
    let section = section.to_owned();
    match origin_of(document, overrides, &format!("{section}.{key}")) {
        Origin::Variable(variable) => ConfigError::InVariable { variable, section, why },
        Origin::File(place) => ConfigError::InFile { place, section, why },
        Origin::Default => match nearest(document, &section, key) {
            Some(spot) => ConfigError::InFile { place: spot.place_in(&document.path), section, why },
            None => ConfigError::Missing { section, why },
        },
    }
}

fn nearest(document: &Document, section: &str, key: &str) -> Option<Spot> {
    let entry = document.root.entry(section)?;
    let (mut spot, mut node) = (entry.spot, &entry.node);
    for name in key.split('.') {
        let Some((next_spot, next)) = child(node, name) else { break };
        (spot, node) = (next_spot, next);
    }
    Some(spot)
}

fn child<'a>(node: &'a Node, name: &str) -> Option<(Spot, &'a Node)> {
    if let Some(entry) = node.entry(name) {
        return Some((entry.spot, &entry.node));
    }
    let item = node.items().get(name.parse::<usize>().ok()?)?;
    Some((item.spot, item))
}

/// See [`super::Configuration::origin_of`].
pub(super) fn origin_of(document: &Document, overrides: &[Override], key: &str) -> Origin {
    origin_at(document, overrides, &key.split('.').collect::<Vec<_>>())
}

/// See [`super::Configuration::origin_at`].
pub(super) fn origin_at(document: &Document, overrides: &[Override], path: &[&str]) -> Origin {
    let wanted = path.join(".").to_lowercase().replace('-', "_");
    let covers = |set: &&Override| {
        let said = set.key();
        wanted == said || wanted.strip_prefix(&said).is_some_and(|rest| rest.starts_with('.'))
    };
    if let Some(set) = overrides.iter().rev().find(covers) {
        return Origin::Variable(set.variable.clone());
    }
    let mut at = (Spot::default(), &document.root);
    for name in path {
        match child(at.1, name) {
            Some(found) => at = found,
            None => return Origin::Default,
        }
    }
    Origin::File(at.0.place_in(&document.path))
}

/// See [`super::Configuration::refuse_unknown_sections`].
pub(super) fn refuse_unknown(
    document: &Document,
    overrides: &[Override],
    known: &[&str],
) -> Result<(), ConfigError> {
    let why = |name: &str| format!("unknown section `{name}`, expected one of `{}`", known.join("`, `"));
    if let Some(entry) = document.root.entries().iter().find(|entry| !known.contains(&entry.key.as_str())) {
        let place = entry.spot.place_in(&document.path);
        return Err(ConfigError::Malformed { place, why: why(&entry.key) });
    }
    match overrides.iter().find(|set| !known.contains(&set.section())) {
        None => Ok(()),
        Some(set) => Err(ConfigError::InVariable {
            variable: set.variable.clone(),
            section: set.section().to_owned(),
            why: why(set.section()),
        }),
    }
}

/// One section of a mapping of many; the others are passed over.
struct Only<S>(S);

impl<'de, S: Section> Deserialize<'de> for Only<S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OnlyOf(PhantomData))
    }
}

struct OnlyOf<S>(PhantomData<S>);

impl<'de, S: Section> de::Visitor<'de> for OnlyOf<S> {
    type Value = Only<S>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping of sections")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Only<S>, A::Error> {
        let mut section = None;
        while let Some(name) = map.next_key::<String>()? {
            if name == S::NAME {
                section = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Only(section.unwrap_or_default()))
    }
}
