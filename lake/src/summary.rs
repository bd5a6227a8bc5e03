//! What the lake holds, in five numbers.
//!
//! Invariant: every number comes from listings and file metadata; no row is read.

use crate::{Lake, LakeError};

/// Size and extent of the table `events`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// How many Parquet files.
    pub files: u64,
    /// How many events in them.
    pub rows: u64,
    /// Their size on disk, in bytes.
    pub bytes: u64,
    /// The smallest event time, in microseconds since 1970 (UTC); None when no event tells its time.
    pub oldest_us: Option<i64>,
    /// The largest event time.
    pub newest_us: Option<i64>,
}

/// Adds up all files of the lake.
pub(crate) fn of(lake: &Lake) -> Result<Summary, LakeError> {
    let mut summary = Summary::default();
    for file in lake.files()? {
        let footer = match lake.footer(&file) {
            Ok(footer) => footer,
            Err(LakeError::Storage { missing: true, .. }) => continue,
            Err(error) => return Err(error),
        };
        summary.files += 1;
        summary.rows += footer.rows;
        summary.bytes += file.bytes;
        summary.oldest_us = summary.oldest_us.into_iter().chain(footer.oldest_us).min();
        summary.newest_us = summary.newest_us.max(footer.newest_us);
    }
    Ok(summary)
}
