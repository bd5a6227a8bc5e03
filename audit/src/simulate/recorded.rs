//! What a recording holds, whatever the policy.
//!
//! Promise: sums and extremes only, so the order of events does not matter.

use super::{Amount, bytes_recorded};
use crate::{Event, Level, Stage};

/// What was replayed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recorded {
    /// All events.
    pub amount: Amount,
    /// The first and the last stage timestamp, in microseconds since 1970; none when no event has one.
    pub times: Option<(i64, i64)>,
    stages: [u64; Stage::ALL.len()],
    levels: [u64; Level::ALL.len()],
}

impl Recorded {
    /// Counts an event.
    pub fn add(&mut self, event: &Event<'_>) {
        self.amount.add(Amount { events: 1, bytes: bytes_recorded(event) });
        self.stages[event.stage() as usize] += 1;
        self.levels[event.level() as usize] += 1;
        if let Some(time) = event.stage_micros() {
            self.span((time, time));
        }
    }

    /// Adds another recording.
    pub fn merge(&mut self, other: &Recorded) {
        self.amount.add(other.amount);
        self.stages.iter_mut().zip(other.stages).for_each(|(count, more)| *count += more);
        self.levels.iter_mut().zip(other.levels).for_each(|(count, more)| *count += more);
        other.times.into_iter().for_each(|times| self.span(times));
    }

    /// How many events are of this stage.
    #[must_use]
    pub fn of_stage(&self, stage: Stage) -> u64 {
        self.stages[stage as usize]
    }

    /// How many events were recorded at this level.
    #[must_use]
    pub fn of_level(&self, level: Level) -> u64 {
        self.levels[level as usize]
    }

    fn span(&mut self, (first, last): (i64, i64)) {
        let (oldest, newest) = self.times.unwrap_or((first, last));
        self.times = Some((oldest.min(first), newest.max(last)));
    }
}
