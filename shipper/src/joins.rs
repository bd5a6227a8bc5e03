//! Which lines of an origin nobody sent here, since this was no destination at the time.
//!
//! Every batch says how many lines were in all batches before it. So the first batch after a destination joined, or
//! joined again, says how many went by. Gaps at any other time are none of these: such lines are on their way.
//!
//! Invariant: a line that was missed lies before the first batch after a (re)joining and behind all that had been told
//! until then.

use serde::{Deserialize, Serialize};

use crate::account::Tally;

/// Where a batch stands among the lines of its origin and queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// All lines of earlier batches.
    pub(crate) before: Tally,
    /// Those and its own.
    pub(crate) through: Tally,
}

/// When this was a destination, in lines of one origin and queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Joins {
    /// All lines up to the end of the last batch.
    through: Tally,
    /// Lines missed before the last joining.
    missed: Tally,
    /// `through` at the last joining.
    from: Tally,
    /// All lines before the first batch since then.
    begin: Option<Tally>,
}

impl Joins {
    /// Of books that were begun before this was written down: nothing is known to be missed.
    pub(crate) fn long_ago() -> Joins {
        Joins { begin: Some(Tally::default()), ..Joins::default() }
    }

    /// A batch was taken. Batches may overtake each other; the earliest says where it began.
    pub(crate) fn told(&mut self, told: Told) {
        if told.through.events > self.through.events {
            self.through = told.through;
        }
        let earlier = self.begin.is_none_or(|begin| told.before.events < begin.events);
        if earlier && told.before.events >= self.from.events {
            self.begin = Some(told.before);
        }
    }

    /// It joins again: what comes before the next batch was missed.
    pub(crate) fn again(&mut self) {
        if self.begin.is_some() {
            *self = Joins { through: self.through, missed: self.missed(), from: self.through, begin: None };
        }
    }

    /// Lines that nobody sent here.
    pub(crate) fn missed(&self) -> Tally {
        let mut missed = self.begin.unwrap_or(self.from);
        missed.take(self.from);
        missed.add(self.missed);
        missed
    }

    /// While no batch came since it joined: the lines that it had been told of.
    pub(crate) fn waits_from(&self) -> Option<Tally> {
        self.begin.is_none().then_some(self.from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(events: u64) -> Tally {
        Tally { events, bytes: events * 100 }
    }

    fn batch(before: u64, events: u64) -> Told {
        Told { before: tally(before), through: tally(before + events) }
    }

    #[test]
    fn a_destination_of_the_first_hour_missed_nothing_in_whatever_order_batches_come() {
        let mut joins = Joins::default();
        assert_eq!(joins.waits_from(), Some(tally(0)));
        [batch(10, 5), batch(0, 10), batch(40, 5)].into_iter().for_each(|batch| joins.told(batch));
        assert_eq!((joins.missed(), joins.waits_from()), (tally(0), None));
    }

    #[test]
    fn what_was_read_before_it_joined_was_missed() {
        let mut joins = Joins::default();
        joins.told(batch(110, 5));
        joins.told(batch(100, 10));
        assert_eq!(joins.missed(), tally(100));
    }

    #[test]
    fn what_was_read_while_it_was_away_was_missed_and_all_absences_add_up() {
        let mut joins = Joins::default();
        joins.told(batch(100, 10));
        joins.again();
        joins.again();
        assert_eq!((joins.missed(), joins.waits_from()), (tally(100), Some(tally(110))));
        joins.told(batch(90, 10)); // one that had been overtaken when it went away
        joins.told(batch(130, 1));
        assert_eq!((joins.missed(), joins.waits_from()), (tally(120), None));
        joins.again();
        joins.told(batch(132, 1));
        assert_eq!(joins.missed(), tally(121));
    }

    #[test]
    fn a_gap_at_any_other_time_is_not_excused() {
        let mut joins = Joins::default();
        joins.told(batch(0, 10));
        joins.told(batch(50, 10));
        assert_eq!(joins.missed(), tally(0));
        let mut old = Joins::long_ago();
        old.told(batch(50, 10));
        assert_eq!(old.missed(), tally(0));
    }
}
