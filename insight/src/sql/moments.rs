//! Times as text that sorts: `2026-11-23T06:12:09.336000Z`.
//!
//! Promises: a time compares as a time, however many digits of its fraction are written, in UTC (with or without `Z`)
//! or in another zone that it names, with `T` or a space, whole or only its beginning; a bound in text stands for the
//! same bound in microseconds, so that what is not read could not have matched.

use std::borrow::Cow;
use std::cmp::Ordering;

use lake::Partition;

/// The name that SQLite knows [`compare`] by.
pub(crate) const COLLATION: &str = "moment";

/// What follows where only the beginning of a time is written.
const REST: &str = "0000-01-01T00:00:00.000000";

/// The text of a time in microseconds since 1970 (UTC).
pub(crate) fn written(us: i64) -> String {
    let hour = Partition::of(us);
    let rest = us - hour.start_us();
    let (seconds, fraction) = (rest / 1_000_000, rest % 1_000_000);
    format!("{}T{:02}:{:02}:{:02}.{fraction:06}Z", hour.date(), hour.hour(), seconds / 60, seconds % 60)
}

/// Compares two texts as times.
pub(crate) fn compare(one: &str, other: &str) -> Ordering {
    let (one, other) = (in_utc(one), in_utc(other));
    bytes(&one).cmp(bytes(&other))
}

/// Where the time of the day begins, in bytes.
const CLOCK: usize = 11;
/// What follows where the seconds are left out, and the minutes too.
const SECONDS: [&str; 3] = ["", ":00", ":00:00"];

/// The same time in UTC, where it names another zone: `+02:00`, `+0200` or `+02`.
fn in_utc(text: &str) -> Cow<'_, str> {
    moved(text).map_or(Cow::Borrowed(text), Cow::Owned)
}

fn moved(text: &str) -> Option<String> {
    let sign = CLOCK + text.get(CLOCK..)?.find(['+', '-'])?;
    let (local, zone) = (text[..sign].trim_end(), &text[sign..]);
    let zone = match zone.len() {
        3 => format!("{zone}:00"),
        5 => format!("{}:{}", zone.get(..3)?, zone.get(3..)?),
        _ => zone.to_owned(),
    };
    let (whole, fraction) = local.split_at(local.find('.').unwrap_or(local.len()));
    let (day, clock) = (whole.get(..CLOCK - 1)?, whole.get(CLOCK..)?);
    matches!(whole.as_bytes()[CLOCK - 1], b'T' | b't' | b' ').then_some(())?;
    let us = SECONDS.iter().find_map(|rest| audit::unix_micros(&format!("{day}T{clock}{rest}{zone}")))?;
    let (seconds, _) = written(us).split_once('.').map(|(seconds, rest)| (seconds.to_owned(), rest.len()))?;
    // Of five digits a year no longer sorts.
    (seconds.len() == CLOCK + "06:12:09".len()).then(|| seconds + fraction)
}

/// The bytes by which a time in UTC sorts: without `Z` and the zeros at the end of its fraction, a space for `T`.
fn bytes(text: &str) -> impl Iterator<Item = u8> {
    let text = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    let text = match text.split_once('.') {
        Some((_, fraction)) if fraction.bytes().all(|byte| byte.is_ascii_digit()) => {
            text.trim_end_matches('0').trim_end_matches('.')
        }
        _ => text,
    };
    text.bytes()
        .enumerate()
        .map(|(at, byte)| if at == 10 && matches!(byte, b' ' | b't') { b'T' } else { byte })
}

/// The first time that does not sort before the text; None when the text is no beginning of a time.
pub(crate) fn first(text: &str) -> Option<i64> {
    let sorted = String::from_utf8(bytes(&in_utc(text)).collect()).ok()?;
    let rest = match sorted.len() {
        // Half a month or day has no least rest that is a date.
        0..4 | 6 | 9 => return None,
        length => REST.get(length..)?,
    };
    audit::unix_micros(&format!("{sorted}{rest}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_time_compares_as_a_time_however_it_is_written() {
        let same = ["2026-11-23T06:00:00Z", "2026-11-23 06:00:00", "2026-11-23T06:00:00.000000Z"];
        for one in same {
            assert!(same.iter().all(|other| compare(one, other).is_eq()), "{one}");
            assert!(compare(one, "2026-11-23T06:00:00.000001Z").is_lt(), "{one}");
            assert!(compare(one, "2026-11-23").is_gt() && compare(one, "2026-11-23T06:00:01").is_lt());
        }
        assert!(compare("2026-11-23t06:00:00z", same[0]).is_eq());
        assert_eq!(first("2026-11-23"), first("2026-11-23T00:00:00.000Z"));
        assert_eq!((first("yesterday"), first("2026-13"), first("")), (None, None, None));
    }

    #[test]
    fn a_time_of_another_zone_compares_as_the_same_time_in_utc() {
        let same = "2026-11-23T06:10:00.500000Z";
        for local in
            ["2026-11-23T08:10:00.5+02:00", "2026-11-23 01:10:00.500-0500", "2026-11-23T11:40:00.50 +05:30"]
        {
            assert!(compare(local, same).is_eq() && compare(same, local).is_eq(), "{local}");
            assert!(compare(local, "2026-11-23T06:10:00.500001Z").is_lt(), "{local}");
            assert_eq!(first(local), first(same), "{local}");
        }
        let midnight = ["2026-11-24T01+02", "2026-11-24T01:00+02:00", "2026-11-23T22:00:00-01:00"];
        assert!(midnight.iter().all(|local| first(local) == first("2026-11-23T23")), "{midnight:?}");
        // What is no time of another zone sorts as the text it is.
        for text in
            ["2026-11-23T08:10:00+2", "2026-11-23T08:10:00+25:00", "2026-11-23é08-02", "9999-12-31T23-02"]
        {
            assert_eq!((in_utc(text).as_ref(), first(text)), (text, None), "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_same_time_of_any_zone_is_the_same(
            us in 0i64..4_102_444_800_000_000, minutes in -1439i64..1440, fraction in 20usize..27,
        ) {
            let sign = if minutes < 0 { '-' } else { '+' };
            let local = written(us + minutes * 60_000_000);
            let local = format!("{}{sign}{:02}:{:02}", &local[..fraction], minutes.abs() / 60, minutes.abs() % 60);
            let utc = &written(us)[..fraction];
            prop_assert!(compare(&local, utc).is_eq(), "{} {}", local, utc);
            prop_assert_eq!(first(&local), first(utc));
        }

        #[test]
        fn what_is_before_the_first_time_of_a_text_sorts_before_it_and_the_rest_does_not(
            bound in 0i64..4_102_444_800_000_000, step in -3_000_000i64..3_000_000, length in 4usize..27,
        ) {
            let text = &written(bound)[..length];
            if let Some(first) = first(text) {
                let time = first + step;
                prop_assert_eq!(time < first, compare(&written(time), text).is_lt(), "{} {}", text, time);
            }
        }
    }
}
