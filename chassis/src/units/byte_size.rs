//! [`ByteSize`]: `2GiB`, `512MiB`, `5MB`.
//!
//! Promise: decimal (`MB`) and binary (`MiB`) units are never mixed up, a size without a unit is refused, and
//! [`ByteSize::to_string`] reads back as the same size.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::UnitError;
use super::written::Scale;

const SCALE: Scale = Scale {
    units: &[
        ("B", 1),
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
        ("kB", 1_000),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000),
    ],
    listed: "B, KiB, MiB, GiB, TiB, kB, MB, GB, TB",
    example: "512MiB",
    hint: "MiB",
};

/// A number of bytes, written with its unit in configuration.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

impl ByteSize {
    /// `bytes` bytes.
    #[must_use]
    pub const fn bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// `count` times 1024 bytes; the largest size if that does not fit.
    #[must_use]
    pub const fn kib(count: u64) -> Self {
        Self(count.saturating_mul(1 << 10))
    }

    /// `count` times 1024² bytes; the largest size if that does not fit.
    #[must_use]
    pub const fn mib(count: u64) -> Self {
        Self(count.saturating_mul(1 << 20))
    }

    /// `count` times 1024³ bytes; the largest size if that does not fit.
    #[must_use]
    pub const fn gib(count: u64) -> Self {
        Self(count.saturating_mul(1 << 30))
    }

    /// The size in bytes.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The size in bytes; the largest `usize` where it does not fit (32-bit machines).
    #[must_use]
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for ByteSize {
    type Err = UnitError;

    fn from_str(written: &str) -> Result<Self, UnitError> {
        match SCALE.take(written, written)? {
            (bytes, "") => Ok(Self(bytes)),
            _ => Err(UnitError::NoNumber { written: written.to_owned(), example: SCALE.example }),
        }
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spelled = SCALE
            .spell(self.0, &["TiB", "GiB", "MiB", "KiB"])
            .or_else(|| SCALE.spell(self.0, &["TB", "GB", "MB", "kB"]));
        f.write_str(&spelled.unwrap_or_else(|| format!("{}B", self.0)))
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Spelled)
    }
}

struct Spelled;

impl de::Visitor<'_> for Spelled {
    type Value = ByteSize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a size with its unit, for example `{}`", SCALE.example)
    }

    fn visit_str<E: de::Error>(self, written: &str) -> Result<ByteSize, E> {
        written.parse().map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<ByteSize, E> {
        let number = number.to_string();
        Err(E::custom(SCALE.no_unit(&number, &number)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_and_binary_units_differ() {
        assert_eq!("5MB".parse(), Ok(ByteSize::bytes(5_000_000)));
        assert_eq!("5MiB".parse(), Ok(ByteSize::mib(5)));
        assert_eq!("2GiB".parse(), Ok(ByteSize::gib(2)));
        assert_eq!("0B".parse(), Ok(ByteSize::default()));
    }

    #[test]
    fn a_size_without_a_unit_is_refused_with_a_hint() {
        let refused = "512".parse::<ByteSize>().unwrap_err().to_string();
        assert_eq!(
            refused,
            "`512` has no unit; write for example `512MiB` (units: B, KiB, MiB, GiB, TiB, kB, MB, GB, TB)"
        );
        let refused = serde_json::from_str::<ByteSize>("512").unwrap_err().to_string();
        assert!(refused.contains("write for example `512MiB`"), "{refused}");
    }

    #[test]
    fn nonsense_is_refused_and_named() {
        for written in
            ["", "MiB", "-1MiB", "1.5GiB", "1 GiB", "1Gi", "1mib", "1MiB2", "99999999TiB", "1GiB1MiB"]
        {
            let refused = written.parse::<ByteSize>().unwrap_err().to_string();
            assert!(refused.contains(&format!("`{written}`")), "{refused}");
        }
    }

    #[test]
    fn a_displayed_size_reads_back_as_itself() {
        for bytes in [0, 1, 999, 1000, 1024, 1_500_000, 3 << 20, (3 << 20) + 1, 5 << 40, u64::MAX] {
            let size = ByteSize::bytes(bytes);
            assert_eq!(size.to_string().parse(), Ok(size));
        }
        assert_eq!(ByteSize::gib(2).to_string(), "2GiB");
        assert_eq!(ByteSize::bytes(5_000_000).to_string(), "5MB");
    }

    proptest::proptest! {
        #[test]
        fn any_value_displayed_reads_back_as_itself(value: u64) {
            proptest::prop_assert_eq!(ByteSize::bytes(value).to_string().parse(), Ok(ByteSize::bytes(value)));
        }

        #[test]
        fn any_text_is_read_or_refused_without_a_panic(written: String) {
            let _ = written.parse::<ByteSize>();
        }
    }
}
