//! Which hour of event time a file belongs to, and how that is spelt in its path.
//!
//! The spelling is Hive's (`date=2026-11-23/hour=06`), which DuckDB, Spark, Trino and pyarrow turn into
//! the columns `date` and `hour`. Both are in the path only: engines disagree about columns that are in
//! the path and in the file too.
//!
//! Law: parsing what was printed gives the same partition.

use std::fmt;

const HOUR_US: i64 = 3_600_000_000;

/// One hour (UTC) of event time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition {
    /// Hours since 1970-01-01T00 (UTC).
    hours: i64,
}

impl Partition {
    /// The hour that holds the time, given in microseconds since 1970 (UTC).
    pub fn of(us: i64) -> Partition {
        Partition { hours: us.div_euclid(HOUR_US) }
    }

    /// When the hour begins, in microseconds since 1970 (UTC).
    pub fn start_us(self) -> i64 {
        self.hours * HOUR_US
    }

    /// The day, as `2026-11-23`.
    pub fn date(self) -> String {
        let (year, month, day) = civil_from_days(self.hours.div_euclid(24));
        format!("{year:04}-{month:02}-{day:02}")
    }

    /// The hour of the day, 0 to 23.
    pub fn hour(self) -> i64 {
        self.hours.rem_euclid(24)
    }

    /// Reads `date=2026-11-23/hour=06`; anything else is no partition.
    pub fn parse(path: &str) -> Option<Partition> {
        let (date, hour) = path.strip_prefix("date=")?.split_once("/hour=")?;
        let mut parts = date.split('-');
        let (year, month, day) =
            (digits(parts.next()?, 4)?, digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
        let partition = Partition { hours: days_from_civil(year, month, day) * 24 + digits(hour, 2)? };
        (parts.next().is_none() && partition.to_string() == path).then_some(partition)
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "date={}/hour={:02}", self.date(), self.hour())
    }
}

fn digits(text: &str, width: usize) -> Option<i64> {
    (text.len() == width && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar. Years are counted from March, so that the
/// leap day is the last of its year, in eras of 400 years, which are all equally long.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468
}

/// The inverse: year, month and day.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let (day, month) = (day_of_year - (153 * shifted + 2) / 5 + 1, (shifted + 2) % 12 + 1);
    (era * 400 + year + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_hour_is_spelt_as_hive_does() {
        // 2026-11-23T06:12:09.336Z
        assert_eq!(Partition::of(1_795_414_329_336_000).to_string(), "date=2026-11-23/hour=06");
        assert_eq!(Partition::of(0).to_string(), "date=1970-01-01/hour=00");
        assert_eq!(Partition::of(-1).to_string(), "date=1969-12-31/hour=23");
        assert_eq!(Partition::of(951_827_600_000_000).to_string(), "date=2000-02-29/hour=12");
    }

    #[test]
    fn what_is_no_hour_is_refused() {
        for text in [
            "date=2026-02-30/hour=06",
            "date=2026-11-23/hour=24",
            "date=2026-11-23/hour=6",
            "date=2026-11-23",
            "date=2026-11-23/hour=06/x",
            "date=+026-11-23/hour=06",
            "hour=06/date=2026-11-23",
        ] {
            assert_eq!(Partition::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn parsing_what_was_printed_gives_the_same_hour(us in -62_135_596_800_000_000i64..253_402_300_800_000_000) {
            let partition = Partition::of(us);
            prop_assert_eq!(Partition::parse(&partition.to_string()), Some(partition));
            prop_assert!(partition.start_us() <= us && us < partition.start_us() + HOUR_US);
        }
    }
}
