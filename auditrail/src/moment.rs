//! Moments on the command line: the clock, and how a time is written.
//!
//! Promise: times are told in UTC to the second. How people write one, [`Moment`] says, as in the console.

use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) use insight::Moment;
use lake::Partition;

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
    fn a_moment_is_told_to_the_second() {
        let moment = |text: &str| text.parse::<Moment>().unwrap().0;
        assert_eq!(written(moment("2026-11-23T06:12:09.5Z")), "2026-11-23T06:12:09Z");
        assert_eq!(written(moment("2026-11-23T06:10")), "2026-11-23T06:10:00Z");
    }
}
