//! What the router counts.
//!
//! `auditrail_router_events_total`, `auditrail_router_undecided_events_total`,
//! `auditrail_router_kept_events_total{destination}`, `auditrail_router_spliced_events_total{destination}`,
//! `auditrail_router_filtered_events_total{destination, by}`,
//! `auditrail_router_refused_batches_total{destination}`, `auditrail_router_moved_batches_total`,
//! `auditrail_router_batch_seconds`.
//!
//! Promise: an event is counted for a destination when that gives its receipt, so that a batch that comes again
//! is not counted twice while the router remembers it.

use chassis::metrics::{self, Counter, Counters, Description, Histogram};
use proto::Batch;

use crate::share::Share;

mod advice;

/// When the certificate of this process ends.
pub(crate) const CERTIFICATE: &str = "auditrail_router_certificate_expiry_timestamp_seconds";

/// Every metric of the router, with what to do when it moves.
#[must_use]
pub fn described_metrics() -> Vec<Description> {
    let _declared = (Metrics::declare(), moved(), chassis::tls::expiry(CERTIFICATE));
    metrics::described("auditrail_router_", advice::ADVICE)
}

/// Batches that two shippers may have.
pub(crate) fn moved() -> Counter {
    let help = "Batches given to another shipper after one did not answer: each may be delivered twice";
    metrics::counter("auditrail_router_moved_batches_total", help)
}

/// Seconds: from a batch that is only forwarded to one that waits for a full spool.
const SECONDS: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// The router's metrics; clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    events: Counter,
    undecided: Counter,
    kept: Counters,
    spliced: Counters,
    filtered: Counters,
    refused: Counters,
    seconds: Histogram,
}

impl Metrics {
    pub(crate) fn declare() -> Self {
        let to = &["destination"];
        Metrics {
            events: metrics::counter("auditrail_router_events_total", "Events of batches that were taken"),
            undecided: metrics::counter(
                "auditrail_router_undecided_events_total",
                "Lines of batches that are no audit event and were kept whole",
            ),
            kept: metrics::counters(
                "auditrail_router_kept_events_total",
                "Events a destination has taken",
                to,
            ),
            spliced: metrics::counters(
                "auditrail_router_spliced_events_total",
                "Events a destination has taken with less detail than they came with",
                to,
            ),
            filtered: metrics::counters(
                "auditrail_router_filtered_events_total",
                "Events a destination does not get, by policy rule, stage or route",
                &["destination", "by"],
            ),
            refused: metrics::counters(
                "auditrail_router_refused_batches_total",
                "Batches a destination has refused; they come again",
                to,
            ),
            seconds: metrics::histogram(
                "auditrail_router_batch_seconds",
                "Time from a batch's arrival to its answer",
                SECONDS,
            ),
        }
    }

    /// A batch was answered with a receipt.
    pub(crate) fn taken(&self, batch_events: u64, undecided: u64) {
        self.events.inc_by(batch_events);
        self.undecided.inc_by(undecided);
    }

    /// A batch was answered, this many seconds after it came.
    pub(crate) fn answered(&self, seconds: f64) {
        self.seconds.observe(seconds);
    }

    /// A destination gave its receipt.
    pub(crate) fn given(&self, destination: &str, share: &Share) {
        let Share { batch, spliced, filtered_before, .. } = share;
        let Batch { events, filtered, .. } = batch;
        self.kept.of(&[destination]).inc_by(u64::from(*events));
        if *spliced > 0 {
            self.spliced.of(&[destination]).inc_by(*spliced);
        }
        for left in &filtered[*filtered_before..] {
            self.filtered.of(&[destination, &left.by]).inc_by(left.numbers.len() as u64);
        }
    }

    /// A destination refused.
    pub(crate) fn refused(&self, destination: &str) {
        self.refused.of(&[destination]).inc();
    }
}
