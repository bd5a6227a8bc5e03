//! How a destination fares, as status, metrics and whoever waits for an empty spool see it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::canary::{Arrived, Canary};
use crate::metrics::{Metrics, Outcome};

/// What is known of one destination's deliveries.
pub(crate) struct Standing {
    seen: Mutex<Seen>,
    pub(crate) metrics: Metrics,
    pub(crate) arrived: Arrived,
}

/// A snapshot of a [`Standing`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Nothing is sent until somebody changes something.
    pub(crate) held: bool,
    /// The last batch found no room in the spool.
    pub(crate) full: bool,
    /// The last answer that was no success, and what to do; empty after a success.
    pub(crate) problem: String,
    /// Since when nothing got through.
    pub(crate) since: Option<Instant>,
    pub(crate) in_flight: u64,
    pub(crate) requests: u64,
    pub(crate) retries: u64,
    pub(crate) sent_bytes: u64,
    pub(crate) last_success_us: i64,
    /// Since when a day's budget is used up and events wait, and what to say of it.
    pub(crate) over_budget: Option<(Instant, String)>,
    /// Events that were told as of now, since they were too old, since the start.
    pub(crate) backfilled: u64,
    /// Attempts that began or ended, and looks at what is due.
    steps: u64,
    /// It rests on purpose until then.
    rests_until: Option<Instant>,
}

impl Standing {
    pub(crate) fn new(metrics: Metrics) -> Standing {
        Standing { seen: Mutex::default(), metrics, arrived: Arrived::default() }
    }

    pub(crate) fn seen(&self) -> Seen {
        self.lock().clone()
    }

    /// A request (or a write) of so many bytes begins.
    pub(crate) fn begun(&self) {
        let mut seen = self.lock();
        seen.in_flight += 1;
        seen.steps += 1;
    }

    /// It ended with an answer of some kind.
    pub(crate) fn answered(&self, outcome: Outcome, bytes: u64, took: Duration) {
        {
            let mut seen = self.lock();
            seen.in_flight = seen.in_flight.saturating_sub(1);
            seen.steps += 1;
            if outcome == Outcome::Delivered {
                seen.requests += 1;
                seen.sent_bytes += bytes;
                seen.last_success_us = now_us();
            } else {
                seen.retries += 1;
            }
        }
        self.metrics.answered(outcome, bytes, took);
    }

    /// Whether a day's budget is used up while events wait, and what to say of it.
    pub(crate) fn over_budget(&self, words: Option<String>) {
        let mut seen = self.lock();
        if seen.over_budget.is_none()
            && let Some(words) = &words
        {
            tracing::warn!("{words}");
        }
        let since = seen.over_budget.take().map(|(since, _)| since);
        seen.over_budget = words.map(|words| (since.unwrap_or_else(Instant::now), words));
    }

    /// Whether the last batch found no room in the spool.
    pub(crate) fn spool_is_full(&self, full: bool) {
        self.lock().full = full;
    }

    /// There was nothing to write.
    pub(crate) fn rested(&self) {
        let mut seen = self.lock();
        seen.in_flight = seen.in_flight.saturating_sub(1);
        seen.steps += 1;
    }

    /// It looked at what is due, and has nothing to do before then, or before something happens.
    pub(crate) fn looked(&self, rests_until: Option<Instant>) {
        let mut seen = self.lock();
        seen.steps += 1;
        seen.rests_until = rests_until;
    }

    /// Events have arrived, and that is on the disk.
    pub(crate) fn delivered(&self, events: u64) {
        self.metrics.delivered(events);
    }

    /// Canaries have arrived, and that is on the disk.
    pub(crate) fn canaries(&self, canaries: &[Canary]) {
        self.arrived.note(canaries, &self.metrics);
    }

    /// Events are told as of now, since they were too old.
    pub(crate) fn backfilled(&self, events: u64) {
        self.lock().backfilled += events;
        self.metrics.backfilled(events);
    }

    /// Events became dead letters.
    pub(crate) fn dead(&self, events: u64) {
        self.metrics.dead(events);
    }

    /// The destination works.
    pub(crate) fn works(&self) {
        let mut seen = self.lock();
        if seen.since.take().is_some() {
            tracing::info!("delivery goes on");
        }
        seen.held = false;
        seen.problem.clear();
    }

    /// It does not work now, or not before somebody changes something.
    pub(crate) fn fails(&self, held: bool, problem: &str) {
        let mut seen = self.lock();
        if seen.since.is_none() || (held && !seen.held) {
            tracing::warn!(held, "{problem}");
        }
        seen.since.get_or_insert_with(Instant::now);
        seen.held = held;
        problem.clone_into(&mut seen.problem);
    }

    /// How far it is, where it has work; none while it rests. An attempt that fails is a step, too.
    pub(crate) fn steps(&self, has_work: bool) -> Option<u64> {
        let seen = self.lock();
        let rests = seen.rests_until.is_some_and(|until| until > Instant::now());
        (has_work && !rests).then_some(seen.steps)
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Microseconds since 1970, for people.
pub(crate) fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_fails_is_a_step_and_a_rest_on_purpose_is_no_work() {
        let standing = Standing::new(Metrics::of("steps"));
        assert_eq!(standing.steps(false), None);
        let before = standing.steps(true);
        assert!(before.is_some());
        assert_eq!(standing.steps(true), before);
        standing.begun();
        let begun = standing.steps(true);
        standing.answered(Outcome::Again, 0, Duration::ZERO);
        assert!(begun > before && standing.steps(true) > begun);
        standing.looked(Some(Instant::now() + Duration::from_secs(3600)));
        assert_eq!(standing.steps(true), None);
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert!(standing.steps(true).is_some());
    }
}
