//! A rate that is not exceeded, by choice.
//!
//! Promise: over any time, no more than the rate allows for it and for one second besides, and one body. Pure: the
//! time is an argument.

use std::time::Duration;

use chassis::ByteSize;
use tokio::time::Instant;

/// What may be sent when.
pub(crate) struct Rate {
    /// Bytes per second; None without a bound.
    rate: Option<f64>,
    /// Bytes that may be sent now; below zero after a body that was larger.
    left: f64,
    at: Instant,
}

impl Rate {
    pub(crate) fn new(rate: Option<ByteSize>, now: Instant) -> Rate {
        let rate = rate.map(|rate| rate.as_u64() as f64);
        Rate { rate, left: rate.unwrap_or(0.0), at: now }
    }

    /// A body is sent.
    pub(crate) fn spend(&mut self, bytes: u64, now: Instant) {
        if let Some(rate) = self.rate {
            self.left = self.left(rate, now) - bytes as f64;
            self.at = now;
        }
    }

    /// When the next body may be sent, if not now.
    pub(crate) fn pause_ends(&self, now: Instant) -> Option<Instant> {
        let rate = self.rate?;
        let left = self.left(rate, now);
        (left < 0.0).then(|| now + Duration::from_secs_f64(-left / rate) + Duration::from_millis(1))
    }

    fn left(&self, rate: f64, now: Instant) -> f64 {
        (self.left + rate * (now - self.at).as_secs_f64()).min(rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_any_time_no_more_is_sent_than_the_rate_allows_and_a_second_and_a_body_besides() {
        let begun = Instant::now();
        let (mut rate, mut now, mut sent) = (Rate::new(Some(ByteSize::bytes(1000)), begun), begun, 0);
        for body in [10, 5000, 300, 300, 1, 999, 2500].repeat(20) {
            while let Some(end) = rate.pause_ends(now) {
                now = end;
            }
            rate.spend(body, now);
            sent += body;
            let allowed = 1000.0 * ((now - begun).as_secs_f64() + 1.0) + 5000.0;
            assert!(sent as f64 <= allowed, "{sent} of {allowed}");
        }
        assert!((now - begun).as_secs_f64() < sent as f64 / 1000.0 + 1.0);
    }

    #[test]
    fn without_a_bound_nothing_waits() {
        let now = Instant::now();
        let mut rate = Rate::new(None, now);
        rate.spend(u64::MAX, now);
        assert_eq!(rate.pause_ends(now), None);
    }
}
