//! What to do when a metric of the collector moves, for the documentation.

/// By the metric's name.
pub(super) const ADVICE: &[(&str, &str)] = &[
    (
        "auditrail_collector_read_events_total",
        "Compare its rate with that of the API server's requests: when it stands still while requests are made, see `auditrail status` for the source.",
    ),
    (
        "auditrail_collector_read_bytes_total",
        "Plan the queue and the spools by its rate: bytes a second times the longest outage that has to be bridged.",
    ),
    (
        "auditrail_collector_left_out_events_total",
        "`quarantine` and `refused` are lines that lie in the queue's directory `quarantine`, with the reason; `webhook repeat` is what the API server posted again; the others are processing rules of the configuration.",
    ),
    (
        "auditrail_collector_truncated_files_total",
        "A log is rotated by copying and truncating: lines written between the two are lost before anybody can read them. Let the API server rotate (`--audit-log-maxsize`).",
    ),
    (
        "auditrail_collector_lost_files_total",
        "Lines are gone for good: `auditrail gaps` says which. Raise `--audit-log-maxbackup`, and see what held up reading.",
    ),
    (
        "auditrail_collector_pushes_total",
        "`busy` and `unavailable` are waited out; `unauthorised` needs another certificate; `too large` and `invalid` end in quarantine.",
    ),
    (
        "auditrail_collector_queued_events",
        "It grows while the next stage takes less than is read. See what `auditrail_collector_held` names.",
    ),
    (
        "auditrail_collector_queue_bytes",
        "Near the limit reading waits, and the log itself becomes the buffer. Mend what holds up sending.",
    ),
    ("auditrail_collector_queue_limit_bytes", "It is `collector.queue.max_size`."),
    (
        "auditrail_collector_behind_bytes",
        "Reading is slower than writing, or waits: see `auditrail_collector_held`, then the processor and the disk.",
    ),
    (
        "auditrail_collector_behind_seconds",
        "As `auditrail_collector_behind_bytes`; above some minutes, compare with how soon the API server removes rotated files.",
    ),
    (
        "auditrail_collector_oldest_unacked_seconds",
        "The next stage, or one behind it, gives no receipt: `auditrail status` names the one that holds it up.",
    ),
    (
        "auditrail_collector_unread_files",
        "Rotation is faster than reading. Watch `auditrail_collector_retention_left_files`.",
    ),
    (
        "auditrail_collector_retention_left_files",
        "At 0 the next rotation removes unread lines: raise `--audit-log-maxbackup` now, then mend what holds up reading.",
    ),
    (
        "auditrail_collector_gaps_files",
        "Lines are missing from here on: `auditrail gaps` says which, and what proves it.",
    ),
    (
        "auditrail_collector_held",
        "`what` waits because of `by`: `queue full` and `busy` pass when the next stage takes again; `disk` and `queue` are this machine's; `unauthorised` is a certificate.",
    ),
    (
        "auditrail_collector_webhook_bodies_total",
        "Answers other than `taken` are sent again by the API server for as long as its `--audit-webhook-*` settings say.",
    ),
    (
        "auditrail_collector_webhook_connections",
        "At its limit further API servers wait: see `collector.webhook`.",
    ),
    (
        "auditrail_collector_canary_calls_total",
        "`4xx` is an answer as good as any: the call is in the log. `not sent` is an address, a certificate or a token file; see `auditrail status`.",
    ),
    (
        "auditrail_collector_canary_read_seconds",
        "It has in it how long the API server holds lines back (`--audit-log-mode=batch`), and how far reading is behind.",
    ),
    (
        "auditrail_collector_canary_missing_total",
        "The audit policy leaves the request out, the log is that of another API server, or reading is far behind: docs/canary.md.",
    ),
    (
        "auditrail_collector_certificate_expiry_timestamp_seconds",
        "Renew the certificate before this time; the new files are taken up without a restart.",
    ),
];
