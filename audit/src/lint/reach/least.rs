//! Sets of rules of which none holds another.
//!
//! Promise: whoever is in a set of each request that was added is in a set of each that is left, and the other way
//! round; so what is said of the least sets is said of all requests.

use super::sets::Set;
use std::collections::BTreeSet;

/// The least of the sets that were added, which all have one rule.
pub(super) struct Least {
    rule: usize,
    sets: Vec<Set>,
}

impl Least {
    /// Of no request.
    pub(super) fn none(rule: usize) -> Least {
        Least { rule, sets: Vec::new() }
    }

    /// Of any request, of which nothing is known.
    pub(super) fn any(rule: usize) -> Least {
        Least { rule, sets: vec![Set::up_to(rule)] }
    }

    /// Of no request, about the same rule.
    pub(super) fn of_no_request(&self) -> Least {
        Least::none(self.rule)
    }

    pub(super) fn sets(&self) -> &[Set] {
        &self.sets
    }

    /// Adds the rules that accept a request, unless the rule that all is about does not; says how many steps it took.
    pub(super) fn add(&mut self, set: Set) -> usize {
        let steps = set.words() * (self.sets.len() + 1);
        if set.has(self.rule) && !self.sets.iter().any(|other| other.is_within(&set)) {
            self.sets.retain(|other| !set.is_within(other));
            self.sets.push(set);
        }
        steps
    }

    /// Whether some request is accepted by the rule and by none before it.
    pub(super) fn is_reached(&self) -> bool {
        self.sets.iter().any(|set| set.first() == Some(self.rule))
    }

    /// The rules that take every request from the rule: one, if one is enough.
    pub(super) fn takers(&self) -> BTreeSet<usize> {
        let common = self.sets.iter().fold(Set::up_to(self.rule), |common, set| common.and(set));
        match common.first().filter(|first| *first < self.rule && !self.sets.is_empty()) {
            Some(one) => BTreeSet::from([one]),
            None => self.sets.iter().filter_map(Set::first).collect(),
        }
    }
}
