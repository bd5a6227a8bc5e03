//! Uses, each once, with what is known of it.
//!
//! Promise: where a use stands is found by its numbers, and that is worked out only when one is looked for, so that
//! what was kept is read and told without it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::BuildHasherDefault;

use serde::{Deserialize, Serialize};

use super::known::Use;
use crate::groups::Mixed;

/// The uses, in the order in which they came.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Table<S> {
    all: Vec<(Use, S)>,
    /// Of all of them, or of none before one is looked for.
    #[serde(skip)]
    places: HashMap<Use, u32, BuildHasherDefault<Mixed>>,
}

impl<S> Default for Table<S> {
    fn default() -> Self {
        Table { all: Vec::new(), places: HashMap::default() }
    }
}

impl<S> Table<S> {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &(Use, S)> {
        self.all.iter()
    }

    pub(super) fn into_all(self) -> Vec<(Use, S)> {
        self.all
    }

    /// About so many uses more will be added.
    pub(super) fn expect(&mut self, uses: usize) {
        self.places.reserve(uses);
    }
}

impl<S: Default> Table<S> {
    /// What is known of a use.
    pub(super) fn of(&mut self, of: Use) -> &mut S {
        self.place();
        let place = match self.places.entry(of) {
            Entry::Occupied(known) => *known.get() as usize,
            Entry::Vacant(new) => {
                new.insert(u32::try_from(self.all.len()).expect("there are few uses"));
                self.all.push((of, S::default()));
                self.all.len() - 1
            }
        };
        &mut self.all[place].1
    }

    /// Whether something is known of a use.
    pub(super) fn knows(&mut self, of: Use) -> bool {
        self.place();
        self.places.contains_key(&of)
    }

    fn place(&mut self) {
        if self.places.len() != self.all.len() {
            self.places = self.all.iter().map(|(of, _)| *of).zip(0..).collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(who: u32) -> Use {
        Use { who, verb: 0, group: 0, resource: 0, subresource: 0, namespace: 0, path: 0 }
    }

    #[test]
    fn what_was_kept_and_read_again_is_found() {
        let mut table = Table::<u64>::default();
        for who in (0..10).chain(5..15) {
            *table.of(of(who)) += 1;
        }
        let bytes = postcard::to_stdvec(&table).unwrap();
        let mut read: Table<u64> = postcard::from_bytes(&bytes).unwrap();
        assert_eq!([0, 7, 14].map(|who| *read.of(of(who))), [1, 2, 1]);
        assert_eq!(read.len(), 15);
        assert!(read.knows(of(7)) && !read.knows(of(15)));
        assert_eq!((read.len(), read.iter().count()), (15, 15));
    }
}
