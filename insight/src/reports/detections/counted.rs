//! How many requests there were, of which some are logged twice.
//!
//! A request that is meant to last (a watch, a way into a container, a proxy) leaves one event when it begins and one
//! when it ends, perhaps hours later and in another file, and a policy may omit either. Both are counted apart, and of
//! the requests that are counted together the larger number holds.
//!
//! Law: adding is commutative and associative.
//!
//! Promise: none counts twice, none is overlooked for being open, and the number is exact as long as one of the stages
//! was logged of all of them. Otherwise it is too small: where of one kind of request a session ended that began before
//! the log, and another began that was open at its end, they count as one.

use serde::{Deserialize, Serialize};

use crate::shares::Sum;
use crate::tally::Tally;

/// Requests of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counted {
    started: Tally,
    ended: Tally,
}

impl Counted {
    /// By their beginnings or by their ends.
    pub(super) fn of(is_start: bool, tally: Tally) -> Counted {
        let (started, ended) = if is_start { (tally, Tally::default()) } else { (Tally::default(), tally) };
        Counted { started, ended }
    }

    /// How many, from the first beginning that was logged to the last end.
    pub(super) fn tally(&self) -> Tally {
        let mut tally = self.started.clone();
        tally.add(self.ended.clone());
        tally.count = self.count();
        tally
    }

    /// How many.
    pub(super) fn count(&self) -> u64 {
        self.started.count.max(self.ended.count)
    }
}

impl Sum for Counted {
    fn add(&mut self, other: Counted) {
        self.started.add(other.started);
        self.ended.add(other.ended);
    }
}
