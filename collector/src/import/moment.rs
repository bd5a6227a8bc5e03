//! Moments, as the Agent's registry and the names of rotated files write them.
//!
//! Invariant: all are nanoseconds since 1970 UTC, so that they compare whatever they were written as.

use std::time::{SystemTime, UNIX_EPOCH};

/// A moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(i128);

impl Moment {
    pub(super) fn of_ns(ns: i128) -> Moment {
        Moment(ns)
    }

    pub(super) fn ns(self) -> i128 {
        self.0
    }

    /// What the system tells of a file; none before 1970.
    pub(super) fn of_system(time: SystemTime) -> Option<Moment> {
        let since = time.duration_since(UNIX_EPOCH).ok()?;
        i128::try_from(since.as_nanos()).ok().map(Moment)
    }

    /// `2026-11-23T06:10:38.938Z`, or with another zone as `+02:00`.
    pub(super) fn of_rfc3339(text: &str) -> Option<Moment> {
        let (clock, rest) = text.split_at_checked("2026-11-23T06:10:38".len())?;
        let end = rest.find(|next: char| !next.is_ascii_digit() && next != '.')?;
        let (fraction, zone) = rest.split_at(end);
        let seconds = seconds(clock, b"0000-00-00T00:00:00")?;
        Some(Moment((seconds - zone_seconds(zone)?) * 1_000_000_000 + fraction_ns(fraction)?))
    }

    /// The time in the name of a rotated file: `2026-11-23T06-10-38.938`, UTC.
    pub(super) fn of_rotation(text: &str) -> Option<Moment> {
        let (clock, fraction) = text.split_at_checked("2026-11-23T06-10-38".len())?;
        let seconds = seconds(clock, b"0000-00-00T00-00-00")?;
        Some(Moment(seconds * 1_000_000_000 + fraction_ns(fraction)?))
    }
}

/// Seconds since 1970 of a date and a time of the day in this form, digits as 0.
fn seconds(text: &str, form: &[u8]) -> Option<i128> {
    let fits = |(&byte, &form): (&u8, &u8)| if form == b'0' { byte.is_ascii_digit() } else { byte == form };
    if text.len() != form.len() || !text.as_bytes().iter().zip(form).all(fits) {
        return None;
    }
    let number = |from: usize, to: usize| text[from..to].parse::<i128>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let sound =
        (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    sound.then(|| days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second)
}

/// Days since 1970 of a date. Years begin in March here, so that the leap day is their last.
fn days(year: i128, month: i128, day: i128) -> i128 {
    let year = if month <= 2 { year - 1 } else { year };
    let before_month = (153 * ((month + 9) % 12) + 2) / 5;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    365 * year + leap_days + before_month + day - 1 - 719_468
}

/// Of `.938`; nothing is 0.
fn fraction_ns(text: &str) -> Option<i128> {
    if text.is_empty() {
        return Some(0);
    }
    let digits = text.strip_prefix('.').filter(|digits| (1..=9).contains(&digits.len()))?;
    let number: i128 = digits.parse().ok()?;
    Some(number * 10_i128.pow(9 - digits.len() as u32))
}

/// Of `Z`, `+02:00`, `-05:30`.
fn zone_seconds(text: &str) -> Option<i128> {
    if text == "Z" {
        return Some(0);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = text.strip_prefix(['+', '-'])?.split_once(':')?;
    Some(sign * (hours.parse::<i128>().ok()? * 3600 + minutes.parse::<i128>().ok()? * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_ways_to_write_a_moment_give_the_same() {
        let moment = Moment::of_ns(1_795_414_238_938_000_000);
        for text in [
            "2026-11-23T06:10:38.938Z",
            "2026-11-23T08:10:38.938+02:00",
            "2026-11-23T00:40:38.938000000-05:30",
        ] {
            assert_eq!(Moment::of_rfc3339(text), Some(moment), "{text}");
        }
        assert_eq!(Moment::of_rotation("2026-11-23T06-10-38.938"), Some(moment));
        assert_eq!(Moment::of_rfc3339("1970-01-01T00:00:00Z"), Some(Moment(0)));
        assert_eq!(Moment::of_rfc3339("2024-03-01T00:00:00Z"), Some(Moment(1_709_251_200_000_000_000)));
        assert_eq!(Moment::of_rfc3339("2024-02-29T00:00:00Z"), Some(Moment(1_709_164_800_000_000_000)));
    }

    #[test]
    fn what_is_no_moment_is_none() {
        for text in [
            "",
            "yesterday",
            "2026-13-01T00:00:00Z",
            "2026-11-23T06:10:38",
            "2026-11-23T06:10:38.Z",
            "2026-11-23 06:10:38Z",
            "2026-11-23T06:10:38+2",
        ] {
            assert_eq!(Moment::of_rfc3339(text), None, "{text}");
        }
    }
}
