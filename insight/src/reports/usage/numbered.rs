//! Things by number: each is kept once, whatever refers to it.
//!
//! Promise: equal things have one number, counted from 0 in the order in which they came; what is kept and read again
//! has the same numbers.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Things, each with a number.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "Vec<T>", into = "Vec<T>", bound(serialize = "T: Clone + Serialize"))]
#[serde(bound(deserialize = "T: Clone + Eq + Hash + Deserialize<'de>"))]
pub(super) struct Numbered<T> {
    all: Vec<T>,
    numbers: HashMap<T, u32>,
}

/// A text that is shared.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub(super) struct Word(Arc<str>);

/// Texts, each with a number.
pub(super) type Texts = Numbered<Word>;

impl<T> Numbered<T> {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.all.iter()
    }

    /// The thing with this number.
    pub(super) fn at(&self, number: u32) -> Option<&T> {
        self.all.get(number as usize)
    }
}

impl<T: Clone + Eq + Hash> Numbered<T> {
    /// The number of a thing, which is made if need be.
    pub(super) fn put<Q>(&mut self, thing: &Q, made: impl FnOnce(&Q) -> T) -> u32
    where
        T: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        if let Some(known) = self.numbers.get(thing) {
            return *known;
        }
        let number = u32::try_from(self.all.len()).expect("there is no memory for 2^32 things");
        let thing = made(thing);
        self.all.push(thing.clone());
        self.numbers.insert(thing, number);
        number
    }
}

impl Texts {
    /// The number of a text, a new one if need be.
    pub(super) fn number(&mut self, text: &str) -> u32 {
        self.put(text, |text| Word(text.into()))
    }

    /// The text with this number; empty when there is none.
    pub(super) fn text(&self, number: u32) -> &str {
        self.at(number).map_or("", |word| &word.0)
    }
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Numbered { all: Vec::new(), numbers: HashMap::new() }
    }
}

impl<T: Clone + Eq + Hash> From<Vec<T>> for Numbered<T> {
    fn from(all: Vec<T>) -> Self {
        let numbers = all.iter().cloned().zip(0..).collect();
        Numbered { all, numbers }
    }
}

impl<T> From<Numbered<T>> for Vec<T> {
    fn from(numbered: Numbered<T>) -> Self {
        numbered.all
    }
}

impl Borrow<str> for Word {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<String> for Word {
    fn from(text: String) -> Word {
        Word(text.into())
    }
}

impl From<Word> for String {
    fn from(word: Word) -> String {
        word.0.as_ref().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_have_one_number_also_when_they_were_kept_and_read_again() {
        let mut texts = Texts::default();
        assert_eq!(["b", "a", "b", ""].map(|text| texts.number(text)), [0, 1, 0, 2]);
        let bytes = postcard::to_stdvec(&texts).unwrap();
        let mut read: Texts = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(["a", "", "c", "b"].map(|text| read.number(text)), [1, 2, 3, 0]);
        assert_eq!((read.text(3), read.text(4), read.len()), ("c", "", 4));
    }
}
