//! What goes when the lake is too old or too large.
//!
//! Promises: whole hours go, the oldest first; the newest hour never does; within an hour, what was merged into another
//! file goes before that file, so that no row comes back when this is interrupted.

use std::collections::BTreeMap;

use crate::coverage::Live;
use crate::{File, Lake, LakeError, Partition};

const HOUR_US: i64 = 3_600_000_000;

/// How much is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keeping {
    /// Hours that ended longer ago than this, in microseconds, go.
    pub age_us: Option<i64>,
    /// When the files are larger than this together, in bytes, the oldest hours go.
    pub bytes: Option<u64>,
}

/// What went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expired {
    /// Files.
    pub files: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// Hours.
    pub hours: u64,
}

pub(crate) fn expire(lake: &Lake, keeping: &Keeping, now_us: i64) -> Result<Expired, LakeError> {
    let Live { files, covered } = lake.live(None)?;
    let mut hours: BTreeMap<Partition, Vec<File>> = BTreeMap::new();
    for file in covered.into_iter().chain(files) {
        hours.entry(file.partition).or_default().push(file);
    }
    let mut total: u64 = hours.values().flatten().map(|file| file.bytes).sum();
    let mut expired = Expired::default();
    while hours.len() > 1 {
        let Some((hour, files)) = hours.pop_first() else { break };
        let too_old = keeping.age_us.is_some_and(|age| hour.start_us() + HOUR_US + age < now_us);
        if !too_old && keeping.bytes.is_none_or(|most| total <= most) {
            break;
        }
        for file in &files {
            lake.storage.delete(&file.path)?;
            total -= file.bytes;
            expired.files += 1;
            expired.bytes += file.bytes;
        }
        expired.hours += 1;
        lake.storage.tidy(&hour.to_string());
    }
    Ok(expired)
}
