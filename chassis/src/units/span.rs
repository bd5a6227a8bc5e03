//! [`Span`]: a length of time, `250ms`, `5s`, `1h30m`.
//!
//! Promise: a duration without a unit is refused, and [`Span::to_string`] reads back as the same duration.
//! Resolution: one millisecond.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::UnitError;
use super::written::Scale;

const SCALE: Scale = Scale {
    units: &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)],
    listed: "ms, s, m, h, d",
    example: "5s",
    hint: "s",
};

/// A length of time, written with its unit in configuration; parts may follow each other (`1h30m`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(u64);

impl Span {
    /// `count` milliseconds.
    #[must_use]
    pub const fn millis(count: u64) -> Self {
        Self(count)
    }

    /// `count` seconds; the longest span if that does not fit.
    #[must_use]
    pub const fn secs(count: u64) -> Self {
        Self(count.saturating_mul(1_000))
    }

    /// The span as the standard library has it.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

impl From<Span> for Duration {
    fn from(span: Span) -> Self {
        span.duration()
    }
}

impl From<Duration> for Span {
    /// Rounded down to a millisecond; the longest span if it does not fit.
    fn from(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }
}

impl FromStr for Span {
    type Err = UnitError;

    fn from_str(written: &str) -> Result<Self, UnitError> {
        let (mut total, mut rest) = SCALE.take(written, written)?;
        while !rest.is_empty() {
            let (part, left) = SCALE.take(written, rest)?;
            let sum = total.checked_add(part);
            total = sum.ok_or_else(|| UnitError::TooLarge { written: written.to_owned() })?;
            rest = left;
        }
        Ok(Self(total))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spelled = SCALE.spell(self.0, &["d", "h", "m", "s"]);
        f.write_str(&spelled.unwrap_or_else(|| format!("{}ms", self.0)))
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Spelled)
    }
}

struct Spelled;

impl de::Visitor<'_> for Spelled {
    type Value = Span;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a duration with its unit, for example `{}`", SCALE.example)
    }

    fn visit_str<E: de::Error>(self, written: &str) -> Result<Span, E> {
        written.parse().map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Span, E> {
        let number = number.to_string();
        Err(E::custom(SCALE.no_unit(&number, &number)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_units() {
        assert_eq!("250ms".parse(), Ok(Span::millis(250)));
        assert_eq!("5s".parse(), Ok(Span::secs(5)));
        assert_eq!("1h30m".parse(), Ok(Span::secs(5400)));
        assert_eq!("2d".parse::<Span>().unwrap().duration(), Duration::from_secs(172_800));
    }

    #[test]
    fn a_duration_without_a_unit_is_refused_with_a_hint() {
        let refused = "5".parse::<Span>().unwrap_err().to_string();
        assert_eq!(refused, "`5` has no unit; write for example `5s` (units: ms, s, m, h, d)");
        let refused = serde_json::from_str::<Span>("5").unwrap_err().to_string();
        assert!(refused.contains("write for example `5s`"), "{refused}");
    }

    #[test]
    fn nonsense_is_refused_and_named() {
        for written in ["", "s", "-5s", "1.5s", "5 s", "5sec", "5s3", "99999999999999999d"] {
            let refused = written.parse::<Span>().unwrap_err().to_string();
            assert!(refused.contains(&format!("`{written}`")), "{refused}");
        }
    }

    #[test]
    fn a_displayed_duration_reads_back_as_itself() {
        for millis in [0, 1, 999, 1_000, 61_000, 5_400_000, 86_400_000, u64::MAX] {
            let span = Span::millis(millis);
            assert_eq!(span.to_string().parse(), Ok(span));
        }
        assert_eq!(Span::secs(3600).to_string(), "1h");
    }

    proptest::proptest! {
        #[test]
        fn any_value_displayed_reads_back_as_itself(value: u64) {
            proptest::prop_assert_eq!(Span::millis(value).to_string().parse(), Ok(Span::millis(value)));
        }

        #[test]
        fn any_text_is_read_or_refused_without_a_panic(written: String) {
            let _ = written.parse::<Span>();
        }
    }
}
