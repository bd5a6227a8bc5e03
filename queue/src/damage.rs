//! Where damaged bytes go: out of the way, never silently.
//!
//! Promises: what is set aside is counted; its bytes are kept under `damaged/` as long as that directory stays below
//! [`KEPT`] bytes, beyond it they are counted only; a record is counted once however often it is read.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use crate::directory;

/// Most bytes that `damaged/` holds.
pub(crate) const KEPT: u64 = 64 * 1024 * 1024;
/// Most positions that are remembered as damaged and not yet removed.
const REMEMBERED: usize = 4096;

/// One damaged place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damaged {
    /// Number of the segment file.
    pub segment: u64,
    /// Where the damage begins in it.
    pub offset: u64,
    /// How many bytes it covers.
    pub bytes: u64,
    /// The record that was there, if that is known.
    pub position: Option<u64>,
    /// Its header, if that is known.
    pub header: Option<Vec<u8>>,
}

#[derive(Default)]
struct Count {
    records: u64,
    bytes: u64,
    /// Found by a reader, and not yet removed by the writer.
    pending: BTreeSet<u64>,
}

/// The directory `damaged/` with its count.
pub(crate) struct Aside {
    dir: PathBuf,
    count: Mutex<Count>,
}

impl Aside {
    pub(crate) fn new(queue: &Path) -> Aside {
        Aside { dir: queue.join("damaged"), count: Mutex::default() }
    }

    /// Counts a damaged place and keeps its bytes.
    pub(crate) fn keep(&self, damaged: &Damaged, bytes: &[u8]) {
        let Damaged { segment, offset, position, .. } = *damaged;
        let mut count = self.count();
        if let Some(position) = position
            && count.pending.len() < REMEMBERED
            && !count.pending.insert(position)
        {
            return;
        }
        count.records += 1;
        count.bytes += damaged.bytes;
        drop(count);
        tracing::error!(segment, offset, bytes = damaged.bytes, position, "damaged record set aside");
        if let Err(error) = self.store(&format!("{segment:016x}-{offset:08x}.bytes"), bytes) {
            tracing::warn!(%error, dir = %self.dir.display(), "damaged bytes could not be kept");
        }
    }

    fn store(&self, name: &str, bytes: &[u8]) -> std::io::Result<()> {
        directory::create(&self.dir)?;
        let mut held = 0;
        for entry in fs::read_dir(&self.dir)? {
            held += entry?.metadata()?.len();
        }
        if held + bytes.len() as u64 <= KEPT {
            directory::write_whole(&self.dir.join(name), &[bytes])?;
        }
        Ok(())
    }

    /// Records and bytes so far.
    pub(crate) fn counted(&self) -> (u64, u64) {
        let count = self.count();
        (count.records, count.bytes)
    }

    /// Whether a record was found damaged and is not yet removed.
    pub(crate) fn is_pending(&self, position: u64) -> bool {
        self.count().pending.contains(&position)
    }

    /// These records are removed.
    pub(crate) fn settle(&self, positions: &[u64]) {
        let mut count = self.count();
        if !count.pending.is_empty() {
            for position in positions {
                count.pending.remove(position);
            }
        }
    }

    fn count(&self) -> MutexGuard<'_, Count> {
        self.count.lock().expect("no code panics while it holds the count of damage")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_record_is_counted_once_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let aside = Aside::new(dir.path());
        let damaged = Damaged { segment: 1, offset: 80, bytes: 5, position: Some(3), header: None };
        aside.keep(&damaged, b"bytes");
        aside.keep(&damaged, b"bytes");
        assert_eq!(aside.counted(), (1, 5));
        assert!(aside.is_pending(3));
        aside.settle(&[3]);
        assert!(!aside.is_pending(3));
        let kept = fs::read(dir.path().join("damaged/0000000000000001-00000050.bytes")).unwrap();
        assert_eq!(kept, b"bytes");
    }

    #[test]
    fn beyond_its_limit_damage_is_counted_and_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let aside = Aside::new(dir.path());
        fs::create_dir(dir.path().join("damaged")).unwrap();
        fs::File::create(dir.path().join("damaged/earlier.bytes")).unwrap().set_len(KEPT).unwrap();
        aside.keep(&Damaged { segment: 1, offset: 80, bytes: 5, position: None, header: None }, b"bytes");
        assert_eq!(aside.counted(), (1, 5));
        assert_eq!(fs::read_dir(dir.path().join("damaged")).unwrap().count(), 1);
    }
}
