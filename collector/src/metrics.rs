//! What the collector counts.

use std::sync::LazyLock;
use std::time::Duration;

use chassis::metrics::{
    self, Counter, Counters, Description, Gauge, Gauges, Histogram, counter, counters, gauge, gauges,
    histogram,
};

use crate::tally::Tally;

mod advice;

/// When the certificate of this process ends.
pub(crate) const CERTIFICATE: &str = "auditrail_collector_certificate_expiry_timestamp_seconds";

static READ_EVENTS: LazyLock<Counter> = LazyLock::new(|| {
    counter("auditrail_collector_read_events_total", "Lines read, blank and bad ones included.")
});
static READ_BYTES: LazyLock<Counter> =
    LazyLock::new(|| counter("auditrail_collector_read_bytes_total", "Bytes of lines read."));
static LEFT_OUT: LazyLock<Counters> = LazyLock::new(|| {
    counters("auditrail_collector_left_out_events_total", "Lines that went no further, by cause.", &["cause"])
});
static TRUNCATED: LazyLock<Counter> = LazyLock::new(|| {
    counter("auditrail_collector_truncated_files_total", "Files that shrank or were overwritten.")
});
static LOST: LazyLock<Counter> = LazyLock::new(|| {
    counter("auditrail_collector_lost_files_total", "Files that went away before they were read.")
});
static PUSHES: LazyLock<Counters> = LazyLock::new(|| {
    counters("auditrail_collector_pushes_total", "Batches pushed to the next stage, by answer.", &["answer"])
});
static QUEUED: LazyLock<Gauge> =
    LazyLock::new(|| gauge("auditrail_collector_queued_events", "Lines in the queue without a receipt."));
static QUEUE: LazyLock<Gauge> =
    LazyLock::new(|| gauge("auditrail_collector_queue_bytes", "Bytes that the queue takes of its limit."));
static QUEUE_LIMIT: LazyLock<Gauge> =
    LazyLock::new(|| gauge("auditrail_collector_queue_limit_bytes", "Bytes that the queue may take."));
static LAG: LazyLock<Gauges> = LazyLock::new(|| {
    gauges("auditrail_collector_behind_bytes", "Bytes in the files behind the reading position.", &["path"])
});
static LAG_SECONDS: LazyLock<Gauges> = LazyLock::new(|| {
    gauges(
        "auditrail_collector_behind_seconds",
        "Time since everything was read that had been written; 0 when nothing is unread.",
        &["path"],
    )
});
static UNACKED: LazyLock<Gauges> = LazyLock::new(|| {
    gauges(
        "auditrail_collector_oldest_unacked_seconds",
        "Age of the oldest line without a receipt; 0 when there is none.",
        &["path"],
    )
});
static UNREAD_FILES: LazyLock<Gauges> = LazyLock::new(|| {
    gauges("auditrail_collector_unread_files", "Rotated files with unread lines.", &["path"])
});
static RETENTION: LazyLock<Gauges> = LazyLock::new(|| {
    gauges(
        "auditrail_collector_retention_left_files",
        "Rotations until the API server removes the oldest file with unread lines; -1 when none is unread, or nothing is known of what it keeps.",
        &["path"],
    )
});
static GAPS: LazyLock<Gauges> = LazyLock::new(|| {
    gauges(
        "auditrail_collector_gaps_files",
        "Files that went away before they were read, as far as they are remembered.",
        &["path"],
    )
});
static HELD: LazyLock<Gauges> = LazyLock::new(|| {
    gauges(
        "auditrail_collector_held",
        "1 for what holds up reading or sending now, 0 for what does not.",
        &["what", "by"],
    )
});
static POSTED: LazyLock<Counters> = LazyLock::new(|| {
    counters(
        "auditrail_collector_webhook_bodies_total",
        "Bodies posted to the webhook, by what became of them.",
        &["answer"],
    )
});
static CONNECTIONS: LazyLock<Gauge> = LazyLock::new(|| {
    gauge("auditrail_collector_webhook_connections", "Connections that the webhook has open.")
});
static CANARY_CALLS: LazyLock<Counters> = LazyLock::new(|| {
    counters(
        "auditrail_collector_canary_calls_total",
        "Canaries: requests to the API server, by what came of them.",
        &["outcome"],
    )
});
static CANARY_READ: LazyLock<Histogram> = LazyLock::new(|| {
    histogram(
        "auditrail_collector_canary_read_seconds",
        "Time from the call of a canary until its line was read.",
        &[0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0],
    )
});
static CANARY_MISSING: LazyLock<Counter> = LazyLock::new(|| {
    counter("auditrail_collector_canary_missing_total", "Canaries whose line was not read in time.")
});

/// Declares every metric, so that each is shown from the start.
pub(crate) fn declare() {
    for counter in [&READ_EVENTS, &READ_BYTES, &TRUNCATED, &LOST, &CANARY_MISSING] {
        LazyLock::force(counter);
    }
    for counters in [&LEFT_OUT, &PUSHES, &POSTED, &CANARY_CALLS] {
        LazyLock::force(counters);
    }
    for gauge in [&QUEUED, &QUEUE, &QUEUE_LIMIT, &CONNECTIONS] {
        LazyLock::force(gauge);
    }
    for gauges in [&LAG, &LAG_SECONDS, &UNACKED, &UNREAD_FILES, &RETENTION, &GAPS, &HELD] {
        LazyLock::force(gauges);
    }
    LazyLock::force(&CANARY_READ);
}

/// Every metric of the collector, with what to do when it moves.
#[must_use]
pub fn described_metrics() -> Vec<Description> {
    declare();
    chassis::tls::expiry(CERTIFICATE);
    metrics::described("auditrail_collector_", advice::ADVICE)
}

/// Lines were read.
pub(crate) fn read(tally: Tally) {
    READ_EVENTS.inc_by(tally.events);
    READ_BYTES.inc_by(tally.bytes);
}

/// Lines went no further.
pub(crate) fn left_out(cause: &str, events: u64) {
    if events > 0 {
        LEFT_OUT.of(&[cause]).inc_by(events);
    }
}

/// A file shrank.
pub(crate) fn truncated() {
    TRUNCATED.inc();
}

/// A file went away unread.
pub(crate) fn lost() {
    LOST.inc();
}

/// The next stage answered.
pub(crate) fn pushed(answer: &str) {
    PUSHES.of(&[answer]).inc();
}

/// How many lines wait.
pub(crate) fn queued(events: u64) {
    QUEUED.set(gauge_value(events));
}

/// How full the queue is.
pub(crate) fn queue(bytes: u64, limit: u64) {
    QUEUE.set(gauge_value(bytes));
    QUEUE_LIMIT.set(gauge_value(limit));
}

/// How far reading is behind.
pub(crate) fn behind(path: &str, bytes: u64, seconds: u64) {
    LAG.of(&[path]).set(gauge_value(bytes));
    LAG_SECONDS.of(&[path]).set(gauge_value(seconds));
}

/// How old the oldest line without a receipt is.
pub(crate) fn unacked(path: &str, seconds: u64) {
    UNACKED.of(&[path]).set(gauge_value(seconds));
}

/// How near a removal is to what was not read.
pub(crate) fn retention(path: &str, unread_files: u64, left: Option<u64>) {
    UNREAD_FILES.of(&[path]).set(gauge_value(unread_files));
    RETENTION.of(&[path]).set(left.map_or(-1, gauge_value));
}

/// How many files were lost.
pub(crate) fn gaps(path: &str, files: u64) {
    GAPS.of(&[path]).set(gauge_value(files));
}

/// What may hold up reading.
pub(crate) const HOLDS_READING: [&str; 2] = ["queue full", "disk"];
/// What may hold up sending.
pub(crate) const HOLDS_SENDING: [&str; 4] = ["busy", "unavailable", "unauthorised", "queue"];

/// What holds up reading or sending, one of those above; none when it goes on.
pub(crate) fn held(what: &str, among: &[&str], by: Option<&str>) {
    for cause in among {
        HELD.of(&[what, cause]).set(i64::from(by == Some(cause)));
    }
}

fn gauge_value(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A body was posted to the webhook; the answers are few and fixed in this crate.
pub(crate) fn posted(answer: &str) {
    POSTED.of(&[answer]).inc();
}

/// How many connections the webhook has.
pub(crate) fn connections(open: usize) {
    CONNECTIONS.set(gauge_value(open as u64));
}

/// A canary was called; the outcomes are few and fixed in this crate.
pub(crate) fn canary_called(outcome: &str) {
    CANARY_CALLS.of(&[outcome]).inc();
}

/// The line of a canary was read so long after the call.
pub(crate) fn canary_read(after: Duration) {
    CANARY_READ.observe(after.as_secs_f64());
}

/// The line of a canary was not read in time.
pub(crate) fn canary_missing() {
    CANARY_MISSING.inc();
}
