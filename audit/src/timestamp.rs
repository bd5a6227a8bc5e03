//! Points in time as events write them.
//!
//! Promise: RFC 3339 in, microseconds since 1970-01-01T00:00:00Z out; anything else is `None`, never a guess.
//! Finer fractions are cut, not rounded, as the API server cuts them.

/// The microseconds since the Unix epoch of an RFC 3339 time, such as events have.
#[must_use]
pub fn unix_micros(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let separators = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
    if !separators.iter().all(|(at, byte)| bytes.get(*at) == Some(byte))
        || !matches!(bytes.get(10), Some(b'T' | b't'))
    {
        return None;
    }
    let days = days(digits(bytes, 0, 4)?, digits(bytes, 5, 2)?, digits(bytes, 8, 2)?)?;
    let (hour, minute, second) = (digits(bytes, 11, 2)?, digits(bytes, 14, 2)?, digits(bytes, 17, 2)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (micros, zone) = fraction(&bytes[19..])?;
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second - offset(zone)?;
    Some(seconds * 1_000_000 + micros)
}

fn digits(bytes: &[u8], at: usize, count: usize) -> Option<i64> {
    bytes
        .get(at..at + count)?
        .iter()
        .try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0')))
}

/// Days from 1970-01-01 in the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    const BEFORE: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    const LENGTH: [i64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let index = usize::try_from(month.checked_sub(1)?).ok()?;
    let longest = LENGTH.get(index)? + i64::from(leap && month == 2);
    if !(1..=longest).contains(&day) {
        return None;
    }
    // Leap days before this year, and the one of this year once February is over.
    let passed = year - 1;
    let leap_days = passed.div_euclid(4) - passed.div_euclid(100) + passed.div_euclid(400);
    let this_year = BEFORE[index] + i64::from(leap && month > 2) + day - 1;
    Some(year * 365 + leap_days + this_year - 719_527)
}

/// The microseconds of a fraction, and the zone behind it.
fn fraction(rest: &[u8]) -> Option<(i64, &[u8])> {
    let Some(fraction) = rest.strip_prefix(b".") else {
        return Some((0, rest));
    };
    let length = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if length == 0 {
        return None;
    }
    let micros = (0..6).fold(0, |micros, place| {
        micros * 10 + fraction.get(place).filter(|_| place < length).map_or(0, |byte| i64::from(byte - b'0'))
    });
    Some((micros, &fraction[length..]))
}

/// The zone's offset in seconds.
fn offset(zone: &[u8]) -> Option<i64> {
    match zone {
        b"Z" | b"z" => Some(0),
        [sign @ (b'+' | b'-'), clock @ ..] if clock.len() == 5 && clock[2] == b':' => {
            let (hours, minutes) = (digits(clock, 0, 2)?, digits(clock, 3, 2)?);
            let seconds = (hours * 60 + minutes) * 60;
            (hours < 24 && minutes < 60).then_some(if *sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::unix_micros;

    #[test]
    fn known_moments_have_their_known_numbers() {
        assert_eq!(unix_micros("1970-01-01T00:00:00.000000Z"), Some(0));
        assert_eq!(unix_micros("2025-01-02T03:04:05.678901Z"), Some(1_735_787_045_678_901));
        assert_eq!(unix_micros("2000-02-29T23:59:59Z"), Some(951_868_799_000_000));
        assert_eq!(unix_micros("2024-03-01T00:00:00.1234567+02:00"), Some(1_709_244_000_123_456));
        assert_eq!(unix_micros("1969-12-31T23:59:59.5Z"), Some(-500_000));
    }

    #[test]
    fn what_is_no_moment_has_no_number() {
        for text in [
            "",
            "null",
            "2025-01-02",
            "2025-13-01T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "2025-01-02T24:00:00Z",
            "2025-01-02T03:04:05",
            "2025-01-02T03:04:05.Z",
            "2025-01-02T03:04:05+0200",
            "2025-01-02T03:04:0éZ",
        ] {
            assert_eq!(unix_micros(text), None, "{text}");
        }
    }
}
