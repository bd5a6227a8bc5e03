//! What a caller gives to be written: the lines of one batch with what only the pipe knows about them.
//!
//! Invariant: numbers grow strictly, lie within `first..=last`, and fit the table's 64-bit signed column.

use crate::LakeError;

/// Times outside these microseconds (years 0001 to 9999) have no partition.
const TIMES: std::ops::RangeInclusive<i64> = -62_135_596_800_000_000..=253_402_300_799_999_999;

/// Lines of one origin, to become one file per hour.
///
/// Whoever writes them again after a crash must give the same values, `received_us` included: they are
/// part of the file.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    /// Where the lines were read: collector and source, as the batch names it. Goes into `origin`.
    pub origin: &'a str,
    /// The cluster whose API server wrote them; "" when not known.
    pub cluster: &'a str,
    /// The node the log was read on; "" when not known.
    pub node: &'a str,
    /// The id of the queue that numbered the lines; with the numbers it names the file.
    pub queue: [u8; 16],
    /// First number of the range that these lines are taken from.
    pub first: u64,
    /// Last number of that range, inclusive.
    pub last: u64,
    /// When the range was received, in microseconds since 1970 (UTC).
    pub received_us: i64,
    /// Number and original bytes (without the newline) of each line, in the order of the numbers.
    pub lines: &'a [(u64, &'a [u8])],
}

impl Rows<'_> {
    /// Refuses rows that could not be written twice with the same result.
    pub(crate) fn check(&self) -> Result<(), LakeError> {
        let mut next = self.first;
        for (number, (seq, _)) in self.lines.iter().enumerate() {
            if *seq < next || *seq > self.last {
                return Err(
                    self.refused(format!("line {number} has the number {seq}, out of range or order"))
                );
            }
            next = seq.saturating_add(1);
        }
        if i64::try_from(self.last).is_err() {
            return Err(self.refused("numbers above 2^63-1 do not fit the column `seq`".into()));
        }
        if !TIMES.contains(&self.received_us) {
            return Err(self.refused(format!("received_us {} is no time", self.received_us)));
        }
        Ok(())
    }

    fn refused(&self, why: String) -> LakeError {
        LakeError::Rows { first: self.first, last: self.last, why }
    }
}

/// Says how many lines there are instead of showing them: they may hold secrets.
impl std::fmt::Debug for Rows<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows")
            .field("origin", &self.origin)
            .field("first", &self.first)
            .field("last", &self.last)
            .field("lines", &self.lines.len())
            .finish_non_exhaustive()
    }
}

/// Whether the time, in microseconds since 1970, lies in a year that a partition can name.
pub(crate) fn is_a_time(us: i64) -> bool {
    TIMES.contains(&us)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows<'a>(first: u64, last: u64, lines: &'a [(u64, &'a [u8])]) -> Rows<'a> {
        Rows { origin: "o", cluster: "", node: "", queue: [0; 16], first, last, received_us: 0, lines }
    }

    #[test]
    fn lines_out_of_order_or_range_are_refused() {
        for numbers in [[3, 3], [4, 3], [2, 3], [4, 8]] {
            let lines = numbers.map(|n| (n, &b"{}"[..]));
            let error = rows(3, 7, &lines).check().unwrap_err();
            assert!(matches!(error, LakeError::Rows { first: 3, last: 7, .. }), "{numbers:?}: {error}");
        }
        assert!(rows(3, 7, &[(3, b"{}"), (7, b"{}")]).check().is_ok());
    }

    #[test]
    fn numbers_and_times_that_the_columns_cannot_hold_are_refused() {
        assert!(rows(0, u64::MAX, &[]).check().is_err());
        assert!(Rows { received_us: i64::MAX, ..rows(0, 0, &[]) }.check().is_err());
    }

    #[test]
    fn debug_output_shows_no_line() {
        let shown = format!("{:?}", rows(0, 1, &[(0, b"{\"token\":\"hunter2\"}")]));
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
