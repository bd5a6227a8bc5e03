//! The newest of what was found so far.
//!
//! Promise: at most so many are kept, twice that while they come in; whether there were more is never forgotten.

use std::cmp::{Ordering, Reverse};

use super::Hit;

/// The newest hits.
pub(super) struct Hits {
    hits: Vec<Hit>,
    most: usize,
    /// Whether there were more than are kept.
    more: bool,
}

impl Hits {
    pub(super) fn new(most: usize) -> Hits {
        Hits { hits: Vec::new(), most, more: false }
    }

    pub(super) fn put(&mut self, hit: Hit) {
        self.hits.push(hit);
        if self.hits.len() >= 2 * self.most.max(1) {
            self.cut();
        }
    }

    /// Whether there is no room for older ones.
    pub(super) fn is_full(&self) -> bool {
        self.hits.len() >= self.most
    }

    /// Forgets what is older.
    pub(super) fn drop_before(&mut self, us: i64) {
        self.hits.retain(|hit| hit.time_us >= us);
    }

    /// The oldest one that is kept, where there were more than those.
    pub(super) fn last_of_more(&mut self) -> Option<&Hit> {
        self.cut();
        self.hits.last().filter(|_| self.more)
    }

    /// All that are kept, newest first.
    pub(super) fn all(mut self) -> Vec<Hit> {
        self.cut();
        self.hits
    }

    fn cut(&mut self) {
        self.hits.sort_by(order);
        self.more |= self.hits.len() > self.most;
        self.hits.truncate(self.most);
    }
}

/// Newest first, and of one moment by origin and number, which stay what they are when files are merged.
fn order(one: &Hit, other: &Hit) -> Ordering {
    let key = |hit: &Hit| (Reverse(hit.time_us), Reverse(hit.seq), Reverse(hit.row));
    let [(time, seq, row), (other_time, other_seq, other_row)] = [key(one), key(other)];
    time.cmp(&other_time)
        .then_with(|| one.origin.cmp(&other.origin))
        .then(seq.cmp(&other_seq))
        .then_with(|| one.file.cmp(&other.file))
        .then(row.cmp(&other_row))
}
