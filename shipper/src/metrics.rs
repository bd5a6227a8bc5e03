//! What the shipper counts, by destination:
//!
//! `auditrail_shipper_requests_total{destination, outcome}`, `auditrail_shipper_sent_bytes_total`,
//! `auditrail_shipper_request_seconds`, `auditrail_shipper_delivered_events_total`,
//! `auditrail_shipper_canary_seconds`, `auditrail_shipper_dead_events_total`, `auditrail_shipper_backfilled_events_total`, `auditrail_shipper_taken_batches_total{destination, outcome}`,
//! and what its status says: see [`told`].

use std::time::Duration;

use chassis::metrics::{self, Counter, Counters, Description, Histogram, Histograms};
use proto::v1::DestinationStatus;

use crate::verdict::Verdict;

mod advice;
mod told;

/// When the certificate of this process ends.
pub(crate) const CERTIFICATE: &str = "auditrail_shipper_certificate_expiry_timestamp_seconds";

/// Every metric of the shipper, with what to do when it moves.
#[must_use]
pub fn described_metrics() -> Vec<Description> {
    let _declared = (Metrics::of("none"), told::Told::declare(), chassis::tls::expiry(CERTIFICATE));
    metrics::described("auditrail_shipper_", advice::ADVICE)
}

const SECONDS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// From what is usual to what an outage makes of it.
const CANARY_SECONDS: &[f64] =
    &[0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0, 21_600.0];

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Delivered,
    Held,
    TooLarge,
    Rejected,
    Again,
    Lost,
}

impl From<Verdict> for Outcome {
    fn from(verdict: Verdict) -> Outcome {
        match verdict {
            Verdict::Delivered => Outcome::Delivered,
            Verdict::Hold => Outcome::Held,
            Verdict::Split => Outcome::TooLarge,
            Verdict::Reject => Outcome::Rejected,
            Verdict::Again => Outcome::Again,
        }
    }
}

impl Outcome {
    fn label(self) -> &'static str {
        match self {
            Outcome::Delivered => "delivered",
            Outcome::Held => "held",
            Outcome::TooLarge => "too_large",
            Outcome::Rejected => "rejected",
            Outcome::Again => "again",
            Outcome::Lost => "lost",
        }
    }
}

/// The metrics of one destination; clones share them.
#[derive(Clone)]
pub(crate) struct Metrics {
    destination: String,
    requests: Counters,
    taken: Counters,
    sent: Counter,
    delivered: Counter,
    dead: Counter,
    backfilled: Counter,
    seconds: Histogram,
    canary: Histogram,
    told: told::Told,
}

impl Metrics {
    pub(crate) fn of(destination: &str) -> Metrics {
        const TO: &[&str] = &["destination"];
        let counter = |name, help| metrics::counters(name, help, TO).of(&[destination]);
        let both = |name, help| metrics::counters(name, help, &["destination", "outcome"]);
        let seconds: Histograms =
            metrics::histograms("auditrail_shipper_request_seconds", "Time until the answer", TO, SECONDS);
        let canary: Histograms = metrics::histograms(
            "auditrail_shipper_canary_seconds",
            "Canaries: time from the API server's receipt of the request until the event had arrived",
            TO,
            CANARY_SECONDS,
        );
        Metrics {
            destination: destination.to_owned(),
            requests: both("auditrail_shipper_requests_total", "Requests and writes, by what came of them"),
            taken: both("auditrail_shipper_taken_batches_total", "Batches, by what came of them"),
            sent: counter("auditrail_shipper_sent_bytes_total", "Bytes of bodies that arrived"),
            delivered: counter("auditrail_shipper_delivered_events_total", "Events that arrived"),
            backfilled: counter(
                "auditrail_shipper_backfilled_events_total",
                "Events told as of now, since they were too old",
            ),
            dead: counter("auditrail_shipper_dead_events_total", "Events that became dead letters"),
            seconds: seconds.of(&[destination]),
            canary: canary.of(&[destination]),
            told: told::Told::declare(),
        }
    }

    /// A request, or a write, ended.
    pub(crate) fn answered(&self, outcome: Outcome, bytes: u64, took: Duration) {
        self.requests.of(&[&self.destination, outcome.label()]).inc();
        self.seconds.observe(took.as_secs_f64());
        if outcome == Outcome::Delivered {
            self.sent.inc_by(bytes);
        }
    }

    /// Events arrived.
    pub(crate) fn delivered(&self, events: u64) {
        self.delivered.inc_by(events);
    }

    /// A canary arrived so many seconds after its call.
    pub(crate) fn canary(&self, seconds: f64) {
        self.canary.observe(seconds);
    }

    /// Events are told as of now.
    pub(crate) fn backfilled(&self, events: u64) {
        self.backfilled.inc_by(events);
    }

    /// Events became dead letters.
    pub(crate) fn dead(&self, events: u64) {
        self.dead.inc_by(events);
    }

    /// A batch was answered: `taken`, `repeated`, `shed` or `refused`.
    pub(crate) fn pushed(&self, outcome: &'static str) {
        self.taken.of(&[&self.destination, outcome]).inc();
    }

    /// What its status says now.
    pub(crate) fn tell(&self, status: &DestinationStatus) {
        self.told.tell(status);
    }

    /// The disk that the spool takes now, in bytes.
    pub(crate) fn spool(&self, bytes: u64) {
        self.told.spool(&self.destination, bytes);
    }
}
