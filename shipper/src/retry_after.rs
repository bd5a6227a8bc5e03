//! `Retry-After`, in both forms: seconds, and a date as HTTP writes it.
//!
//! Promise: what is not understood is no wish at all, and no wish is longer than the caller's bound.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// How long an answer asks to wait, `longest` at most. A date that is past asks for no pause.
pub(crate) fn retry_after(value: &str, now: SystemTime, longest: Duration) -> Option<Duration> {
    let value = value.trim();
    let wish = match value.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => http_date(value)?.duration_since(now).unwrap_or_default(),
    };
    Some(wish.min(longest))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`; the two forms that HTTP declares obsolete are not read.
#[must_use]
pub fn http_date(text: &str) -> Option<SystemTime> {
    let mut parts = text.split_once(", ")?.1.split(' ');
    let day: u64 = parts.next()?.parse().ok().filter(|day| (1..=31).contains(day))?;
    let month = parts.next()?;
    let month = MONTHS.iter().position(|name| *name == month)? as u64 + 1;
    let year: u64 = parts.next()?.parse().ok().filter(|year| (1970..=9999).contains(year))?;
    let clock = seconds_of_day(parts.next()?)?;
    if parts.next()? != "GMT" {
        return None;
    }
    UNIX_EPOCH.checked_add(Duration::from_secs(days_since_1970(year, month, day) * 86_400 + clock))
}

fn seconds_of_day(text: &str) -> Option<u64> {
    let mut parts = text.split(':').map(|part| part.parse::<u64>().ok());
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    (hour < 24 && minute < 60 && second <= 60).then_some(hour * 3600 + minute * 60 + second)
}

/// Counted from March, so that the leap day is a year's last.
fn days_since_1970(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let from_march = (month + 9) % 12;
    year * 365 + year / 4 - year / 100 + year / 400 + (from_march * 153 + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: Duration = Duration::from_secs(300);

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn seconds_and_dates_are_both_understood() {
        assert_eq!(retry_after(" 7 ", at(0), BOUND), Some(Duration::from_secs(7)));
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(retry_after(date, at(784_111_777 - 30), BOUND), Some(Duration::from_secs(30)));
        assert_eq!(retry_after(date, at(784_111_777 + 30), BOUND), Some(Duration::ZERO));
        assert_eq!(
            retry_after("Mon, 29 Feb 2024 00:00:00 GMT", at(1_709_164_799), BOUND).unwrap().as_secs(),
            1
        );
        assert_eq!(retry_after("Thu, 01 Jan 1970 00:00:10 GMT", at(0), BOUND).unwrap().as_secs(), 10);
    }

    #[test]
    fn a_wish_is_bounded() {
        assert_eq!(retry_after("99999999", at(0), BOUND), Some(BOUND));
        assert_eq!(retry_after("Fri, 31 Dec 9999 23:59:59 GMT", at(0), BOUND), Some(BOUND));
    }

    #[test]
    fn what_is_not_understood_is_no_wish() {
        for value in
            ["", "soon", "-1", "1.5", "Sun, 32 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 CET", ", "]
        {
            assert_eq!(retry_after(value, at(0), BOUND), None, "{value}");
        }
    }
}
