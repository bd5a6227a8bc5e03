//! What to do when a metric of the shipper moves, for the documentation.

/// By the metric's name.
pub(super) const ADVICE: &[(&str, &str)] = &[
    (
        "auditrail_shipper_requests_total",
        "`again` and `lost` are sent again; `held` waits for a change of key or right; `rejected` becomes dead letters; `too_large` is divided.",
    ),
    (
        "auditrail_shipper_taken_batches_total",
        "`refused` and `shed` mean a full spool; `repeated` follows restarts.",
    ),
    (
        "auditrail_shipper_sent_bytes_total",
        "What goes over the wire, compressed where the intake takes that.",
    ),
    (
        "auditrail_shipper_delivered_events_total",
        "When it stands still while `auditrail_shipper_spool_bytes` grows, see what `auditrail status` says of the destination.",
    ),
    (
        "auditrail_shipper_dead_events_total",
        "`auditrail dead-letters list` shows them with the intake's answer; mend and retry, or drop them.",
    ),
    (
        "auditrail_shipper_backfilled_events_total",
        "Events were older than the intake takes and went as ones of now. It follows an outage or a first start.",
    ),
    (
        "auditrail_shipper_request_seconds",
        "The intake's own latency. When it grows, fewer requests are sent at a time, and the spool fills.",
    ),
    (
        "auditrail_shipper_spool_bytes",
        "It fills while the destination takes less than comes. When full, a required destination holds up the pipe, a best-effort one sheds.",
    ),
    (
        "auditrail_shipper_spool_limit_bytes",
        "It is `shipper.spool.max_size`, less what the spool needs to clean up.",
    ),
    (
        "auditrail_shipper_held",
        "`by: destination`: mend what `auditrail status` says, it goes on by itself. `by: operator`: `auditrail hold release NAME`.",
    ),
    (
        "auditrail_shipper_failing",
        "The last attempt failed and is repeated. Lasting for minutes: see the problem in `auditrail status`.",
    ),
    (
        "auditrail_shipper_last_success_timestamp_seconds",
        "How long nothing got through, while there is something in the spool.",
    ),
    (
        "auditrail_shipper_account_events",
        "What became of all events so far, over restarts: `received = delivered + filtered + dead + shed + spooled`. `dead` and `shed` should not grow.",
    ),
    (
        "auditrail_shipper_dead_letters",
        "Dead letters that wait for a decision: `auditrail dead-letters list`, then retry or drop.",
    ),
    (
        "auditrail_shipper_dead_letters_bytes",
        "When full, the destination is held: retry or drop letters, or raise `shipper.dead_letters.max_size`.",
    ),
    ("auditrail_shipper_dead_letters_limit_bytes", "It is `shipper.dead_letters.max_size`."),
    (
        "auditrail_shipper_canary_seconds",
        "The delay of everything, measured from end to end with two clocks; it has an outage in it when that is over. Where it grows, `auditrail status` says which stage waits.",
    ),
    (
        "auditrail_shipper_certificate_expiry_timestamp_seconds",
        "Renew the certificate before this time; the new files are taken up without a restart.",
    ),
];
