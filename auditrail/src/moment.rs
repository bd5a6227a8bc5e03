//! Moments on the command line: a time, a day, or how long ago.
//!
//! Promise: what was written means one moment, in UTC unless it names a zone; what cannot be meant is refused with an
//! example.

use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use audit::unix_micros;
use lake::Partition;

/// A moment, in microseconds since 1970 (UTC).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(pub(crate) i64);

/// What was written is no moment.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no moment: write 2026-11-23T06:00:00Z, 2026-11-23, or how long ago, as 90m or 7d")]
pub(crate) struct NoMoment(String);

impl FromStr for Moment {
    type Err = NoMoment;

    fn from_str(written: &str) -> Result<Self, NoMoment> {
        let time = unix_micros(written).or_else(|| unix_micros(&format!("{written}T00:00:00Z")));
        let ago = || Some(now_us() - micros(written.parse::<chassis::Span>().ok()?));
        time.or_else(ago).map(Moment).ok_or_else(|| NoMoment(written.to_owned()))
    }
}

fn micros(span: chassis::Span) -> i64 {
    i64::try_from(span.duration().as_micros()).unwrap_or(i64::MAX)
}

/// Now.
pub(crate) fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// `2026-11-23T06:12:09Z`.
pub(crate) fn written(us: i64) -> String {
    let hour = Partition::of(us);
    let seconds = (us - hour.start_us()) / 1_000_000;
    format!("{}T{:02}:{:02}:{:02}Z", hour.date(), hour.hour(), seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_a_day_or_how_long_ago() {
        let moment = |text: &str| text.parse::<Moment>().unwrap().0;
        assert_eq!(written(moment("2026-11-23T06:12:09.5Z")), "2026-11-23T06:12:09Z");
        assert_eq!(written(moment("2026-11-23")), "2026-11-23T00:00:00Z");
        assert!(moment("2h") < moment("1h"));
        let refused = "yesterday".parse::<Moment>().unwrap_err().to_string();
        assert!(refused.contains("`yesterday`") && refused.contains("7d"), "{refused}");
    }
}
