//! How long a request took, and how much of that the API server itself answers for.
//!
//! Only the end of a request (`ResponseComplete`, `Panic`) has a latency. The server's own part follows
//! Kubernetes' SLI: without mutating and validating webhooks and the wait in the queue of priority and
//! fairness. The API server annotates these only above 500 ms; without annotations both are the same.

use crate::duration;
use audit::{Event, Stage};

/// What Kubernetes' SLI takes off.
const NOT_OWN: [&str; 3] = [
    "apiserver.latency.k8s.io/mutating-webhook",
    "apiserver.latency.k8s.io/validating-webhook",
    "apiserver.latency.k8s.io/apf-queue-wait",
];

/// From arrival to end, in microseconds; below zero when the server's clock was set back meanwhile.
pub(crate) fn whole(event: &Event<'_>) -> Option<i64> {
    if !matches!(event.stage(), Stage::ResponseComplete | Stage::Panic) {
        return None;
    }
    event.stage_micros()?.checked_sub(event.request_received_micros()?)
}

/// The server's own part of [`whole`].
pub(crate) fn own(event: &Event<'_>) -> Option<i64> {
    NOT_OWN.iter().try_fold(whole(event)?, |left, key| {
        let spent = event.annotation(key).and_then(|text| duration::microseconds(&text));
        left.checked_sub(spent.unwrap_or(0))
    })
}
