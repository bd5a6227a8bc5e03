//! Sizes and durations as operators write them: always with a unit.
//!
//! Promise: a number without a unit is refused with an example, and what is displayed reads back as the same
//! value.

mod byte_size;
mod span;
mod written;

pub use byte_size::ByteSize;
pub use span::Span;

/// Why a size or a duration was refused; names what was written and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// A number stands alone.
    #[error("`{written}` has no unit; write for example `{example}` (units: {units})")]
    NoUnit {
        /// What was written.
        written: String,
        /// A spelling that would be accepted.
        example: String,
        /// All units, comma separated.
        units: &'static str,
    },
    /// The unit is not one of ours.
    #[error("`{written}` has the unknown unit `{unit}`; use one of {units}")]
    UnknownUnit {
        /// What was written.
        written: String,
        /// Its unit.
        unit: String,
        /// All units, comma separated.
        units: &'static str,
    },
    /// There is no whole number before the unit.
    #[error("`{written}` does not begin with a whole number; write for example `{example}`")]
    NoNumber {
        /// What was written.
        written: String,
        /// A spelling that would be accepted.
        example: &'static str,
    },
    /// The value does not fit in 64 bits.
    #[error("`{written}` is too large")]
    TooLarge {
        /// What was written.
        written: String,
    },
}
