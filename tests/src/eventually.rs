//! Waiting for something that will be true, with a deadline and a good message.
//!
//! Promise: a spec never sleeps for a guessed time; it looks until it sees what it waits for.

use std::time::{Duration, Instant};

/// Longer than the slowest machine needs; reached only when something is broken.
const DEADLINE: Duration = Duration::from_secs(120);

/// Looks until `look` gives something.
///
/// # Panics
/// After the deadline, with `what` and the last thing that was seen.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Result<T, String>) -> T {
    let start = Instant::now();
    loop {
        match look().await {
            Ok(seen) => return seen,
            Err(instead) if start.elapsed() > DEADLINE => {
                panic!("never happened: {what}; last seen: {instead}")
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}
