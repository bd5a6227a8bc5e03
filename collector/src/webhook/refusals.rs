//! What the webhook refused since the start, for the log and the status.
//!
//! Promise: nobody fills the log by being refused: it gets a line a second at the most, the counts are exact.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Least distance between two lines of the log.
const QUIET: Duration = Duration::from_secs(1);
/// What to do about bodies beyond the limit.
pub(super) const TOO_LONG_ADVICE: &str = "raise collector.webhook.max_body_size, or set --audit-webhook-truncate-enabled or a smaller --audit-webhook-batch-max-size at the API server, which drops such bodies";

/// Counts; shared by all connections.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    /// Bodies beyond the limit.
    too_long: AtomicU64,
    /// Bodies that are no list of events.
    no_list: AtomicU64,
    /// Clients whose TLS was refused, or who refused ours.
    handshakes: AtomicU64,
    said: Mutex<Option<Instant>>,
}

impl Refusals {
    /// A body is beyond the limit.
    pub(super) fn too_long(&self) {
        self.too_long.fetch_add(1, Ordering::Relaxed);
    }

    /// A body is no list of events.
    pub(super) fn no_list(&self) {
        self.no_list.fetch_add(1, Ordering::Relaxed);
    }

    /// A handshake failed.
    pub(super) fn handshake(&self, why: &std::io::Error) {
        self.handshakes.fetch_add(1, Ordering::Relaxed);
        self.say(&format!("a client of the webhook was refused in its handshake: {why}"));
    }

    /// Says something in the log, unless something was said just now.
    pub(super) fn say(&self, text: &str) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.is_some_and(|said| said.elapsed() < QUIET) {
            tracing::debug!("{text}");
            return;
        }
        *said = Some(Instant::now());
        tracing::warn!("{text}");
    }

    /// What an operator should know. `limit`: the longest body, as it is shown.
    pub(super) fn problems(&self, limit: &dyn std::fmt::Display) -> Vec<String> {
        let count = |counter: &AtomicU64| Some(counter.load(Ordering::Relaxed)).filter(|&count| count > 0);
        let too_long = count(&self.too_long).map(|count| {
            format!("{count} bodies of more than {limit} were refused since the start: {TOO_LONG_ADVICE}")
        });
        let no_list = count(&self.no_list).map(|count| {
            format!("{count} bodies that are no EventList of audit.k8s.io/v1 were refused since the start; the log says why: check who posts them")
        });
        let handshakes = count(&self.handshakes).map(|count| {
            format!("{count} handshakes with clients of the webhook failed since the start; the log says why: check their certificates, and that they trust ours")
        });
        [too_long, no_list, handshakes].into_iter().flatten().collect()
    }
}
