//! The first rows of a kind, which alone are looked at closer.
//!
//! Law: whatever the batches, the first row of all in time (and every one of the same moment) is among those that are
//! given, so that a sample of the first moment does not depend on them.

use crate::shares::Sum;
use crate::tally::Tally;

/// Rows of one kind in a batch.
#[derive(Debug, Clone, Default)]
pub(super) struct Firsts {
    /// How many, without a sample.
    pub(super) tally: Tally,
    /// The first of them: of one moment, never none when one was added.
    pub(super) rows: Vec<usize>,
}

impl Firsts {
    pub(super) fn add(&mut self, row: usize, time: Option<i64>) {
        if self.tally.count == 0 || order(time) < order(self.tally.first) {
            self.rows.clear();
        }
        if self.tally.count == 0 || order(time) <= order(self.tally.first) {
            self.rows.push(row);
        }
        self.tally.add(Tally { count: 1, first: time, last: time, sample: String::new() });
    }

    /// The first rows, unless an earlier one is known.
    pub(super) fn unless_earlier(&self, known: Option<&Tally>) -> Vec<usize> {
        let is_earlier = known.is_some_and(|known| order(known.first) < order(self.tally.first));
        if is_earlier { Vec::new() } else { self.rows.clone() }
    }
}

/// Those without a time come last.
fn order(time: Option<i64>) -> (bool, Option<i64>) {
    (time.is_none(), time)
}
