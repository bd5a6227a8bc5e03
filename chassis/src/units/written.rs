//! Splitting `512MiB` into its number and its unit.
//!
//! Promise: only ASCII digits directly followed by a unit are accepted; no sign, no fraction, no blank inside.

use super::UnitError;

/// One kind of quantity: how its units are called and how large they are.
pub(super) struct Scale {
    /// Unit and its size in the smallest unit, in the order in which errors list them.
    pub(super) units: &'static [(&'static str, u64)],
    /// The units as text.
    pub(super) listed: &'static str,
    /// A spelling that is accepted.
    pub(super) example: &'static str,
    /// The unit that the hint for a bare number takes.
    pub(super) hint: &'static str,
}

impl Scale {
    /// The amount at the beginning of `rest` in the smallest unit, and what follows it.
    pub(super) fn take<'a>(&self, written: &str, rest: &'a str) -> Result<(u64, &'a str), UnitError> {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at(digits);
        if number.is_empty() {
            return Err(UnitError::NoNumber { written: written.to_owned(), example: self.example });
        }
        let end = after.bytes().position(|byte| byte.is_ascii_digit()).unwrap_or(after.len());
        let (unit, left) = after.split_at(end);
        let size = self.size_of(written, number, unit)?;
        let too_large = || UnitError::TooLarge { written: written.to_owned() };
        let count: u64 = number.parse().map_err(|_| too_large())?;
        Ok((count.checked_mul(size).ok_or_else(too_large)?, left))
    }

    fn size_of(&self, written: &str, number: &str, unit: &str) -> Result<u64, UnitError> {
        if unit.is_empty() {
            return Err(self.no_unit(written, number));
        }
        self.units.iter().find(|(name, _)| *name == unit).map(|(_, size)| *size).ok_or_else(|| {
            UnitError::UnknownUnit { written: written.to_owned(), unit: unit.to_owned(), units: self.listed }
        })
    }

    /// The refusal of a number that stands alone.
    pub(super) fn no_unit(&self, written: &str, number: &str) -> UnitError {
        let example = format!("{number}{}", self.hint);
        UnitError::NoUnit { written: written.to_owned(), example, units: self.listed }
    }

    /// The largest unit of which `amount` is a whole multiple, and how many of it there are.
    pub(super) fn spell(&self, amount: u64, units: &[&str]) -> Option<String> {
        units
            .iter()
            .filter_map(|name| self.units.iter().find(|(unit, _)| unit == name))
            .filter(|(_, size)| amount >= *size && amount.is_multiple_of(*size))
            .max_by_key(|(_, size)| *size)
            .map(|(unit, size)| format!("{}{unit}", amount / size))
    }
}
