//! The most frequent of a stream of names, in bounded memory.
//!
//! Promises: at most [`CAPACITY`] names are kept, whatever comes; a name's count is never above the truth, and
//! [`Place::missed`] says how far it may be below; merging the tops of parts, always in the same order, always gives
//! the same. (Space-saving counters, merged with what the other side may have missed.)

use std::collections::HashMap;

use crate::simulate::Amount;

/// How many names are kept.
const CAPACITY: usize = 64;
/// The longest name that is kept, in characters; a client may choose some of them.
const LONGEST: usize = 256;

/// The most frequent names, with what they stand for.
#[derive(Debug, Clone, Default)]
pub struct Top {
    places: Vec<Place>,
    by_name: HashMap<Box<str>, usize>,
    /// The most events that a name may have which is not here.
    floor: u64,
}

/// One of the most frequent names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The name, cut when it is very long.
    pub name: Box<str>,
    /// What was counted for it.
    pub amount: Amount,
    /// How many events of it may not have been counted.
    pub missed: u64,
}

impl Place {
    /// As many as it can have been.
    fn most(&self) -> u64 {
        self.amount.events + self.missed
    }
}

impl Top {
    /// Counts an event of that many bytes.
    pub fn add(&mut self, name: &str, bytes: u64) {
        let name = cut(name, LONGEST);
        let amount = Amount { events: 1, bytes };
        match self.by_name.get(name) {
            Some(&at) => self.places[at].amount.add(amount),
            None => self.enter(name, amount),
        }
    }

    /// Adds what another one counted.
    pub fn merge(&mut self, other: Top) {
        let floors = (self.floor, other.floor);
        let mut met = vec![false; self.places.len()];
        for place in other.places {
            if let Some(&at) = self.by_name.get(&place.name) {
                self.places[at].amount.add(place.amount);
                self.places[at].missed += place.missed;
                met[at] = true;
            } else {
                self.by_name.insert(place.name.clone(), self.places.len());
                self.places.push(Place { missed: place.missed + floors.0, ..place });
            }
        }
        for (place, _) in self.places.iter_mut().zip(met).filter(|(_, met)| !met) {
            place.missed += floors.1;
        }
        self.floor = floors.0 + floors.1;
        self.keep_the_largest();
    }

    /// The first `count`, by events, then bytes, then name.
    #[must_use]
    pub fn first(&self, count: usize) -> Vec<&Place> {
        let mut places: Vec<&Place> = self.places.iter().collect();
        places.sort_by(|one, other| {
            let key = |place: &Place| (place.amount.events, place.amount.bytes);
            key(other).cmp(&key(one)).then_with(|| one.name.cmp(&other.name))
        });
        places.truncate(count);
        places
    }

    fn enter(&mut self, name: &str, amount: Amount) {
        let least = self.places.iter().enumerate().min_by_key(|(_, place)| place.most());
        let at = match least {
            Some((at, least)) if self.places.len() >= CAPACITY => {
                self.floor = self.floor.max(least.most());
                self.by_name.remove(&self.places[at].name);
                self.places[at] = Place { name: name.into(), amount, missed: self.floor };
                at
            }
            _ => {
                self.places.push(Place { name: name.into(), amount, missed: self.floor });
                self.places.len() - 1
            }
        };
        self.by_name.insert(name.into(), at);
    }

    fn keep_the_largest(&mut self) {
        if self.places.len() <= CAPACITY {
            return;
        }
        self.places
            .sort_by(|one, other| other.most().cmp(&one.most()).then_with(|| one.name.cmp(&other.name)));
        let gone = self.places.drain(CAPACITY..).map(|place| place.most()).max();
        self.floor = self.floor.max(gone.unwrap_or(0));
        let names = self.places.iter().enumerate();
        self.by_name = names.map(|(at, place)| (place.name.clone(), at)).collect();
    }
}

/// At most so many characters of a text.
pub(crate) fn cut(text: &str, longest: usize) -> &str {
    text.char_indices().nth(longest).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn of(names: &[u16]) -> Top {
        let mut top = Top::default();
        names.iter().for_each(|name| top.add(&name.to_string(), 1));
        top
    }

    #[test]
    fn few_names_are_counted_exactly() {
        let mut top = of(&[1, 2, 1]);
        top.merge(of(&[1, 3]));
        let first: Vec<_> = top.first(9).iter().map(|place| (&*place.name, place.amount.events)).collect();
        assert_eq!(first, [("1", 3), ("2", 1), ("3", 1)]);
        assert!(top.first(9).iter().all(|place| place.missed == 0));
    }

    proptest! {
        #[test]
        fn a_count_is_never_above_the_truth_and_says_how_far_it_may_be_below(
            parts in prop::collection::vec(prop::collection::vec(0_u16..400, 0..600), 1..5),
        ) {
            let mut truth = BTreeMap::new();
            parts.iter().flatten().for_each(|name| *truth.entry(name.to_string()).or_insert(0_u64) += 1);
            let mut top = Top::default();
            parts.iter().for_each(|part| top.merge(of(part)));
            prop_assert!(top.places.len() <= CAPACITY);
            for place in top.first(CAPACITY) {
                let count = truth[&*place.name];
                prop_assert!(place.amount.events <= count && count <= place.most());
                prop_assert_eq!(place.amount.bytes, place.amount.events);
            }
            for (name, count) in truth {
                prop_assert!(top.by_name.contains_key(&*name) || count <= top.floor);
            }
        }
    }
}
