//! How long to wait before the same batch goes again: 50 ms, doubled up to 5 s, half of it at random.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Pauses between attempts.
#[derive(Debug)]
pub(crate) struct Backoff(Duration);

impl Backoff {
    const FIRST: Duration = Duration::from_millis(50);
    const MOST: Duration = Duration::from_secs(5);
    /// While somebody has to change something.
    pub(crate) const LONG: Duration = Duration::from_secs(30);

    pub(crate) fn new() -> Backoff {
        Backoff(Backoff::FIRST)
    }

    /// The next pause.
    pub(crate) fn next(&mut self) -> Duration {
        let pause = self.0;
        self.0 = (pause * 2).min(Backoff::MOST);
        let random = RandomState::new().hash_one(0) % 1000; // seeded anew each time
        pause / 2 + pause / 2 * random as u32 / 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_bound_and_never_exceed_it() {
        let mut backoff = Backoff::new();
        let pauses: Vec<Duration> = (0..20).map(|_| backoff.next()).collect();
        assert!(pauses[0] >= Duration::from_millis(25) && pauses[0] <= Backoff::FIRST);
        assert!(pauses[19] >= Backoff::MOST / 2 && pauses[19] <= Backoff::MOST);
    }
}
