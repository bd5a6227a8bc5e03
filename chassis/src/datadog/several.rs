//! Lists that Datadog also writes as one string with commas: `tags`, `exclude_paths`.
//!
//! Promise: both spellings give the same list; blanks around an element and empty elements vanish.

use std::fmt;

use serde::de::{self, Deserializer, SeqAccess};

/// The elements of `said`, separated by any of `separators`.
pub(super) fn split(said: &str, separators: &[char]) -> Vec<String> {
    said.split(separators).map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// For `#[serde(deserialize_with)]`.
pub(super) fn list_or_commas<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    deserializer.deserialize_any(ListOrCommas)
}

struct ListOrCommas;

impl<'de> de::Visitor<'de> for ListOrCommas {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of strings, or one string with commas")
    }

    fn visit_str<E>(self, said: &str) -> Result<Vec<String>, E> {
        Ok(split(said, &[',']))
    }

    fn visit_unit<E>(self) -> Result<Vec<String>, E> {
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<String>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element::<String>()? {
            items.extend(Some(item.trim().to_owned()).filter(|item| !item.is_empty()));
        }
        Ok(items)
    }
}
