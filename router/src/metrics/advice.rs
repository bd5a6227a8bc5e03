//! What to do when a metric of the router moves, for the documentation.

/// By the metric's name.
pub(super) const ADVICE: &[(&str, &str)] = &[
    ("auditrail_router_events_total", "Compare with what the collectors read: both grow alike."),
    (
        "auditrail_router_undecided_events_total",
        "Lines that are no audit event pass whole. Look at one with `auditrail tap`, and at what else writes into the log.",
    ),
    (
        "auditrail_router_kept_events_total",
        "What a destination costs, before any shrinking. `auditrail policy simulate` says what another policy would keep.",
    ),
    (
        "auditrail_router_spliced_events_total",
        "The share that a policy lowers. Nothing to do; it falls to 0 when a policy keeps everything whole.",
    ),
    (
        "auditrail_router_filtered_events_total",
        "After a change of the policy compare the rules before and after; `auditrail policy explain` says why for one event.",
    ),
    (
        "auditrail_router_refused_batches_total",
        "The shipper refuses batches of this destination: its spool is full, or it is not there. They come again.",
    ),
    (
        "auditrail_router_moved_batches_total",
        "A shipper does not answer in time. Each such batch may be delivered twice; see that shipper.",
    ),
    (
        "auditrail_router_batch_seconds",
        "Mostly the wait for the shipper's disk. When it grows, see `auditrail_shipper_spool_bytes` and the disk's own latency.",
    ),
    (
        "auditrail_router_certificate_expiry_timestamp_seconds",
        "Renew the certificate before this time; the new files are taken up without a restart.",
    ),
];
