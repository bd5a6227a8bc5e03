//! What insight counts.
//!
//! `auditrail_insight_lake_files`, `auditrail_insight_lake_events`, `auditrail_insight_lake_bytes`,
//! `auditrail_insight_unreadable_files`: the lake as last looked at.
//! `auditrail_insight_opened_files_total`: files that had to be opened for an answer.

use chassis::metrics::{self, Counter, Description, Gauge};

use crate::overview::Overview;

mod advice;

/// When the certificate of this process ends.
pub(crate) const CERTIFICATE: &str = "auditrail_insight_certificate_expiry_timestamp_seconds";

/// Every metric of insight, with what to do when it moves.
#[must_use]
pub fn described_metrics() -> Vec<Description> {
    let _declared = (Metrics::declare(), chassis::tls::expiry(CERTIFICATE));
    metrics::described("auditrail_insight_", advice::ADVICE)
}

/// Insight's metrics.
#[derive(Debug)]
pub(crate) struct Metrics {
    files: Gauge,
    events: Gauge,
    bytes: Gauge,
    unreadable: Gauge,
    opened: Counter,
}

impl Metrics {
    pub(crate) fn declare() -> Self {
        Metrics {
            files: metrics::gauge("auditrail_insight_lake_files", "Files in the lake"),
            events: metrics::gauge("auditrail_insight_lake_events", "Events in the lake"),
            bytes: metrics::gauge("auditrail_insight_lake_bytes", "Size of the lake's files"),
            unreadable: metrics::gauge("auditrail_insight_unreadable_files", "Files that cannot be read"),
            opened: metrics::counter("auditrail_insight_opened_files_total", "Files opened for answers"),
        }
    }

    /// The lake was looked at, and this many files were opened for it.
    pub(crate) fn saw(&self, overview: &Overview, opened: u64) {
        let gauges = [
            (&self.files, overview.files),
            (&self.events, overview.rows),
            (&self.bytes, overview.bytes),
            (&self.unreadable, overview.unreadable_files),
        ];
        for (gauge, value) in gauges {
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        }
        self.opened.inc_by(opened);
    }
}
