//! When to send: after which pause, and whether as a probe. How many at a time is [`crate::width`]'s.
//!
//! Promises: pauses grow exponentially with jitter, from `retry.first` to `retry.longest` (a hold: to `retry.hold`),
//! and are never shorter than the intake asked for; after a failure one request at a time probes; one success opens
//! the way again. Pure: the time is an argument, the jitter comes from a generator that can be seeded.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::Instant;

use crate::config::Retry;

/// When a destination may be sent to.
pub(crate) struct Pace {
    retry: Retry,
    rng: StdRng,
    failures: u32,
    failed_at: Option<Instant>,
    not_before: Option<Instant>,
}

impl Pace {
    /// All is well.
    pub(crate) fn new(retry: Retry, seed: u64) -> Pace {
        let rng = StdRng::seed_from_u64(seed);
        Pace { retry, rng, failures: 0, failed_at: None, not_before: None }
    }

    /// A seed that no other process has.
    pub(crate) fn any_seed() -> u64 {
        rand::rng().random()
    }

    /// How many requests may be in flight now, of `well` while all is well.
    pub(crate) fn width(&self, now: Instant, well: usize) -> usize {
        match self.not_before {
            Some(not_before) if now < not_before => 0,
            Some(_) => 1,
            None => well,
        }
    }

    /// Whether requests are probes now.
    pub(crate) fn probing(&self) -> bool {
        self.not_before.is_some()
    }

    /// How often in a row nothing got through.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// When the pause ends, if there is one.
    pub(crate) fn pause_ends(&self, now: Instant) -> Option<Instant> {
        self.not_before.filter(|&not_before| now < not_before)
    }

    /// Something got through.
    pub(crate) fn success(&mut self) {
        (self.failures, self.failed_at, self.not_before) = (0, None, None);
    }

    /// A request that was begun at `begun` did not get through. Those that were in flight together count once.
    pub(crate) fn failure(&mut self, begun: Instant, now: Instant, wish: Option<Duration>, held: bool) {
        if self.failed_at.is_none_or(|failed_at| begun >= failed_at) {
            self.failures = self.failures.saturating_add(1);
            self.failed_at = Some(now);
        }
        let longest = if held { self.retry.hold } else { self.retry.longest };
        let pause = self.pause(self.failures, longest.duration()).max(wish.unwrap_or_default());
        self.not_before = self.not_before.max(Some(now + pause));
    }

    /// The pause is over, since what held the destination has changed.
    pub(crate) fn probe_now(&mut self, now: Instant) {
        self.not_before = self.not_before.map(|_| now);
    }

    /// The pause of one body that failed so many times.
    pub(crate) fn pause_of(&mut self, failures: u32) -> Duration {
        self.pause(failures, self.retry.longest.duration())
    }

    /// Between half of `first * 2^(failures-1)` and all of it, `longest` at most.
    fn pause(&mut self, failures: u32, longest: Duration) -> Duration {
        let doubled = 2u32.saturating_pow(failures.saturating_sub(1).min(20));
        let full = self.retry.first.duration().saturating_mul(doubled).min(longest);
        full.mul_f64(self.rng.random_range(0.5..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use chassis::Span;

    use super::*;

    fn pace() -> (Pace, Instant) {
        let retry = Retry { first: Span::millis(500), longest: Span::secs(60), hold: Span::secs(300) };
        (Pace::new(retry, 7), Instant::now())
    }

    #[test]
    fn pauses_double_with_jitter_up_to_their_bound() {
        let (mut pace, mut now) = pace();
        for n in 0..12 {
            pace.failure(now, now, None, false);
            let pause = pace.pause_ends(now).unwrap() - now;
            let full = Duration::from_millis(500 << n).min(Duration::from_secs(60));
            assert!(pause >= full / 2 && pause <= full, "{n}: {pause:?}");
            now += pause;
            assert_eq!((pace.width(now, 4), pace.probing()), (1, true));
        }
        pace.success();
        assert_eq!((pace.width(now, 4), pace.probing()), (4, false));
    }

    #[test]
    fn a_hold_is_probed_at_intervals_that_grow_to_five_minutes_and_at_once_on_change() {
        let (mut pace, mut now) = pace();
        for _ in 0..15 {
            pace.failure(now, now, None, true);
            now = pace.pause_ends(now).unwrap();
        }
        pace.failure(now, now, None, true);
        assert!(pace.pause_ends(now).unwrap() - now >= Duration::from_secs(150));
        assert_eq!(pace.width(now, 4), 0);
        pace.probe_now(now);
        assert_eq!((pace.width(now, 4), pace.probing()), (1, true));
    }

    #[test]
    fn requests_that_were_in_flight_together_count_as_one_failure() {
        let (mut pace, now) = pace();
        let later = now + Duration::from_secs(1);
        (0..4).for_each(|_| pace.failure(now, later, None, false));
        assert_eq!(pace.failures, 1);
    }

    #[test]
    fn the_intake_s_wish_is_honoured() {
        let (mut pace, now) = pace();
        pace.failure(now, now, Some(Duration::from_secs(120)), false);
        assert_eq!(pace.pause_ends(now), Some(now + Duration::from_secs(120)));
    }
}
