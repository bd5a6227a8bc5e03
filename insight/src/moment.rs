//! Moments: the clock, and how a time is written.
//!
//! Times are microseconds since 1970 (UTC) inside, RFC 3339 with six decimals outside, as in the audit log.

use std::time::{SystemTime, UNIX_EPOCH};

use lake::Partition;

/// Now; 0 where the clock says a time before 1970.
pub(crate) fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// `2026-11-23T06:12:09.336000Z`.
pub(crate) fn written(us: i64) -> String {
    let hour = Partition::of(us);
    let within = us - hour.start_us();
    let (seconds, micros) = (within / 1_000_000, within % 1_000_000);
    format!("{}T{:02}:{:02}:{:02}.{micros:06}Z", hour.date(), hour.hour(), seconds / 60, seconds % 60)
}

/// `2026-11-23T06:00:00Z`.
pub(crate) fn hour_written(hour: Partition) -> String {
    format!("{}T{:02}:00:00Z", hour.date(), hour.hour())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_the_audit_log_writes_them() {
        assert_eq!(written(1_795_414_329_336_001), "2026-11-23T06:12:09.336001Z");
        assert_eq!(written(-1), "1969-12-31T23:59:59.999999Z");
        assert_eq!(hour_written(Partition::of(1_795_414_329_336_001)), "2026-11-23T06:00:00Z");
    }
}
