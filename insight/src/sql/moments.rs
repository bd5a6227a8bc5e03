//! Times as text that sorts: `2026-11-23T06:12:09.336000Z`.
//!
//! Promises: a time compares as a time, however many digits of its fraction are written, with or without `Z`, with `T`
//! or a space, whole or only its beginning; a bound in text stands for the same bound in microseconds, so that what is
//! not read could not have matched.

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
    bytes(one).cmp(bytes(other))
}

/// The bytes by which a time sorts: without `Z` and the zeros at the end of its fraction, a space for `T`.
fn bytes(text: &str) -> impl Iterator<Item = u8> {
    let text = text.strip_suffix('Z').unwrap_or(text);
    let text = match text.split_once('.') {
        Some((_, fraction)) if fraction.bytes().all(|byte| byte.is_ascii_digit()) => {
            text.trim_end_matches('0').trim_end_matches('.')
        }
        _ => text,
    };
    text.bytes().enumerate().map(|(at, byte)| if (at, byte) == (10, b' ') { b'T' } else { byte })
}

/// The first time that does not sort before the text; None when the text is no beginning of a time.
pub(crate) fn first(text: &str) -> Option<i64> {
    let sorted = String::from_utf8(bytes(text).collect()).ok()?;
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
        assert_eq!(first("2026-11-23"), first("2026-11-23T00:00:00.000Z"));
        assert_eq!((first("yesterday"), first("2026-13"), first("")), (None, None, None));
    }

    proptest! {
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
