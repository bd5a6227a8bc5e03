//! Counts of lines and their bytes, as they are kept in the queue's state.
//!
//! Invariant: a line counts with the bytes that it had as read and one newline, everywhere.

use std::collections::BTreeMap;

use proto::{Count, NamedCount};
use serde::{Deserialize, Serialize};

/// Events and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    pub(crate) events: u64,
    pub(crate) bytes: u64,
}

impl Tally {
    pub(crate) fn new(events: u64, bytes: u64) -> Tally {
        Tally { events, bytes }
    }

    pub(crate) fn add(&mut self, more: Tally) {
        self.events += more.events;
        self.bytes += more.bytes;
    }

    /// Takes away what was added before.
    pub(crate) fn take(&mut self, less: Tally) {
        self.events = self.events.saturating_sub(less.events);
        self.bytes = self.bytes.saturating_sub(less.bytes);
    }

    pub(crate) fn is_nothing(&self) -> bool {
        *self == Tally::default()
    }

    pub(crate) fn count(self) -> Count {
        Count { events: self.events, bytes: self.bytes }
    }
}

/// Counts by their cause; the causes are few: fixed in this crate, or names of configured rules.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Causes(BTreeMap<String, Tally>);

impl Causes {
    pub(crate) fn add(&mut self, cause: &str, more: Tally) {
        if !more.is_nothing() {
            self.0.entry(cause.to_owned()).or_default().add(more);
        }
    }

    pub(crate) fn merge(&mut self, more: &Causes) {
        for (cause, tally) in &more.0 {
            self.add(cause, *tally);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, Tally)> {
        self.0.iter().map(|(cause, tally)| (cause.as_str(), *tally))
    }

    /// All of them.
    pub(crate) fn sum(&self) -> Tally {
        let mut sum = Tally::default();
        self.0.values().for_each(|tally| sum.add(*tally));
        sum
    }

    pub(crate) fn named(&self) -> Vec<NamedCount> {
        let named =
            |(name, tally): (&String, &Tally)| NamedCount { name: name.clone(), count: Some(tally.count()) };
        self.0.iter().map(named).collect()
    }
}
