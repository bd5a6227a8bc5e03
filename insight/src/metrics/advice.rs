//! What to do when a metric of insight moves, for the documentation.

/// By the metric's name.
pub(super) const ADVICE: &[(&str, &str)] = &[
    (
        "auditrail_insight_lake_files",
        "It falls when hours are merged. When it only grows, see whether a shipper still fills and merges this lake, or run `auditrail lake compact`.",
    ),
    ("auditrail_insight_lake_events", "It stands still when nothing is delivered to the lake any more."),
    ("auditrail_insight_lake_bytes", "Bound it with `keep` and `max_size` of the destination."),
    ("auditrail_insight_unreadable_files", "`auditrail verify` names the files and what is wrong with them."),
    (
        "auditrail_insight_opened_files_total",
        "What answers cost. When it grows with every question, ask for shorter spans or let hours be merged.",
    ),
    (
        "auditrail_insight_certificate_expiry_timestamp_seconds",
        "Renew the certificate before this time; the new files are taken up without a restart.",
    ),
];
