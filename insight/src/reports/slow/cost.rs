//! What requests of one kind cost: times, failures, parts of the slow ones, lists without bounds.
//!
//! Law: everything adds up in any order, and is bounded.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::latencies::Latencies;
use crate::shares::{Owned, Sum};

/// Most parts of a request's time that are told apart, of which twelve are known today.
const MOST_PARTS: usize = 24;

/// Requests of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Kind {
    pub(super) user: String,
    pub(super) client: String,
    pub(super) verb: String,
    pub(super) api_group: String,
    pub(super) resource: String,
    pub(super) subresource: String,
    pub(super) scope: String,
}

impl Owned for Kind {
    type Owner = String;

    fn owner(&self) -> &String {
        &self.user
    }
}

/// What they cost.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cost {
    pub(super) latencies: Latencies,
    /// Answered with 429, 504, any other 5xx.
    pub(super) failed: [u64; 3],
    pub(super) parts: Parts,
    pub(super) slowest: Top<3>,
    pub(super) lists: Lists,
}

impl Sum for Cost {
    fn add(&mut self, other: Cost) {
        self.latencies.add(other.latencies);
        (0..3).for_each(|at| self.failed[at] += other.failed[at]);
        self.parts.add(other.parts);
        self.slowest.add(other.slowest);
        self.lists.add(other.lists);
    }
}

impl Cost {
    /// Counts a failure that its code tells.
    pub(super) fn answered(&mut self, code: Option<i32>) {
        match code {
            Some(429) => self.failed[0] += 1,
            Some(504) => self.failed[1] += 1,
            Some(500..) => self.failed[2] += 1,
            _ => {}
        }
    }
}

/// Lists that ask for everything at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Lists {
    pub(super) count: u64,
    pub(super) us: u64,
    pub(super) max_us: u64,
    /// Bytes of the lines that hold the answer (level RequestResponse).
    pub(super) bytes: u64,
}

impl Sum for Lists {
    fn add(&mut self, other: Lists) {
        self.count += other.count;
        self.us = self.us.saturating_add(other.us);
        self.max_us = self.max_us.max(other.max_us);
        self.bytes += other.bytes;
    }
}

/// What the API server says of where the time of slow requests went.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Parts {
    /// Requests that say so.
    pub(super) requests: u64,
    /// How long they took.
    pub(super) us: u64,
    /// By the last part of the annotation's key; those that come first in the alphabet.
    pub(super) spent: BTreeMap<String, u64>,
    /// Of the other keys.
    other: u64,
}

impl Parts {
    /// One request, with the annotations of its parts.
    pub(super) fn of<'a>(us: u64, parts: impl Iterator<Item = (&'a str, u64)>) -> Parts {
        let mut of = Parts::default();
        parts.for_each(|(name, us)| of.put(super::short(name), us));
        if !of.spent.is_empty() {
            (of.requests, of.us) = (1, us);
        }
        of
    }

    fn put(&mut self, name: String, us: u64) {
        let spent = self.spent.entry(name).or_default();
        *spent = spent.saturating_add(us);
        while self.spent.len() > MOST_PARTS {
            self.other = self.spent.pop_last().map_or(self.other, |(_, us)| self.other.saturating_add(us));
        }
    }
}

impl Sum for Parts {
    fn add(&mut self, other: Parts) {
        self.requests += other.requests;
        self.us = self.us.saturating_add(other.us);
        self.other = self.other.saturating_add(other.other);
        other.spent.into_iter().for_each(|(name, us)| self.put(name, us));
    }
}

/// One slow request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Single {
    /// The slowest come first.
    pub(super) us: Reverse<u64>,
    pub(super) time: i64,
    pub(super) audit_id: String,
    pub(super) kind: Kind,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) code: Option<i32>,
    pub(super) parts: BTreeMap<String, u64>,
}

/// The slowest few; a line that was recorded twice is one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Top<const MOST: usize>(pub(super) BTreeSet<Single>);

impl<const MOST: usize> Top<MOST> {
    pub(super) fn put(&mut self, single: Single) {
        self.0.insert(single);
        while self.0.len() > MOST {
            self.0.pop_last();
        }
    }
}

impl<const MOST: usize> Sum for Top<MOST> {
    fn add(&mut self, other: Top<MOST>) {
        other.0.into_iter().for_each(|single| self.put(single));
    }
}
