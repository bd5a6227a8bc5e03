//! Moments: the clock, how a time is written, and how people write one: a time, a day, or how long ago.
//!
//! Promises: times are microseconds since 1970 (UTC) inside, RFC 3339 with six decimals outside, as in the audit log;
//! what was written means one moment, in UTC unless it names a zone; what cannot be meant is refused with an example.

use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use audit::unix_micros;
use chassis::Span;
use lake::Partition;

use crate::escape::Quoted;

/// The first moment of the year 1, before which nothing is looked for.
const EARLIEST: i64 = -62_135_596_800_000_000;
/// What may be left out at the end of a time.
const ENDS: [&str; 4] = ["", "Z", ":00Z", "T00:00:00Z"];

/// A moment as the command line and the console take it, in microseconds since 1970 (UTC).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub i64);

/// What was written is no moment.
#[derive(Debug, thiserror::Error)]
#[error(
    "{} is no moment: write 2026-11-23T06:00:00Z, 2026-11-23T06:00, 2026-11-23, or how long ago, as 90m or 7d",
    Quoted(.0)
)]
pub struct NoMoment(String);

impl FromStr for Moment {
    type Err = NoMoment;

    fn from_str(written: &str) -> Result<Self, NoMoment> {
        let text = written.trim();
        // As SQL writes it, too.
        let text = match text.split_once(' ') {
            Some((day, time)) if day.len() == 10 => format!("{day}T{time}"),
            _ => text.to_owned(),
        };
        let time = ENDS.into_iter().find_map(|end| unix_micros(&format!("{text}{end}")));
        let ago = || Some((now_us() - micros(text.parse::<Span>().ok()?)).max(EARLIEST));
        time.or_else(ago).map(Moment).ok_or_else(|| NoMoment(written.to_owned()))
    }
}

fn micros(span: Span) -> i64 {
    i64::try_from(span.duration().as_micros()).unwrap_or(i64::MAX)
}

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

/// The same moment, as short as it can be told: `2026-11-23T06:12`, `2026-11-23T06:12:09.336001`.
pub(crate) fn exact(us: i64) -> String {
    let written = written(us);
    let text = written.trim_end_matches('Z').trim_end_matches('0').trim_end_matches('.');
    text.strip_suffix(":00").unwrap_or(text).to_owned()
}

/// `2026-11-23T06:00:00Z`.
pub(crate) fn hour_written(hour: Partition) -> String {
    format!("{}T{:02}:00:00Z", hour.date(), hour.hour())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_a_day_or_how_long_ago() {
        let moment = |text: &str| text.parse::<Moment>().unwrap().0;
        let minute = moment("2026-11-23T06:10:00Z");
        for same in
            ["2026-11-23T06:10", "2026-11-23T06:10:00", "2026-11-23 06:10", " 2026-11-23T08:10:00+02:00"]
        {
            assert_eq!(moment(same), minute, "{same}");
        }
        assert_eq!(written(moment("2026-11-23T06:12:09.5Z")), "2026-11-23T06:12:09.500000Z");
        assert_eq!(written(moment("2026-11-23")), "2026-11-23T00:00:00.000000Z");
        assert!(moment("2h") < moment("1h") && moment("2h") < now_us());
        assert_eq!(moment("999999999999h"), moment("0001-01-01"));
    }

    #[test]
    fn what_is_no_moment_is_refused_as_far_as_it_can_be_shown_with_examples() {
        for text in ["yesterday", "", "07:00", "2026-13-01", "2026-11-23T25:00", "7", "2026-11", "\u{202e}x"]
        {
            let refused = text.parse::<Moment>().unwrap_err().to_string();
            assert!(refused.contains("is no moment: write 2026") && refused.contains("7d"), "{refused}");
            assert!(!refused.contains('\u{202e}'), "{refused}");
        }
        assert!("x".repeat(4000).parse::<Moment>().unwrap_err().to_string().len() < 300);
    }

    #[test]
    fn a_moment_is_told_no_longer_than_it_is_exact_and_is_read_as_the_same() {
        for (text, us) in [
            ("2026-11-23T06:12:09.336001", 1_795_414_329_336_001),
            ("2026-11-23T06:12:09.3", 1_795_414_329_300_000),
            ("2026-11-23T06:12:10", 1_795_414_330_000_000),
            ("2026-11-23T06:12:01", 1_795_414_321_000_000),
            ("2026-11-23T06:12", 1_795_414_320_000_000),
            ("2026-11-23T06:10", 1_795_414_200_000_000),
            ("2026-11-23T00:00", 1_795_392_000_000_000),
        ] {
            assert_eq!((exact(us).as_str(), text.parse::<Moment>().unwrap().0), (text, us));
        }
        for us in [-1, 0, EARLIEST, 1_795_414_260_000_001, 1_795_414_320_000_010] {
            assert_eq!(exact(us).parse::<Moment>().unwrap().0, us, "{}", exact(us));
        }
    }

    #[test]
    fn times_are_written_as_the_audit_log_writes_them() {
        assert_eq!(written(1_795_414_329_336_001), "2026-11-23T06:12:09.336001Z");
        assert_eq!(written(-1), "1969-12-31T23:59:59.999999Z");
        assert_eq!(hour_written(Partition::of(1_795_414_329_336_001)), "2026-11-23T06:00:00Z");
    }
}
