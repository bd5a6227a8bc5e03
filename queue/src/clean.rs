//! The mark of a clean stop: where the writer ended.
//!
//! Promise: a mark that is torn, damaged or of another stop is no mark; it is taken away before anything is written.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::directory;
use crate::record::Place;
use crate::wire::Reader;

/// What the mark says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Number of the last commit.
    pub(crate) txn: u64,
    /// The write point.
    pub(crate) end: Place,
}

fn path(dir: &Path) -> PathBuf {
    dir.join("clean")
}

/// Marks the directory as cleanly closed, durably.
pub(crate) fn set(dir: &Path, mark: Mark) -> io::Result<()> {
    let mut bytes = Vec::new();
    for number in [mark.txn, mark.end.segment, mark.end.offset] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    let crc = crc32fast::hash(&bytes).to_le_bytes();
    directory::write_whole(&path(dir), &[&bytes, &crc]).map(drop)
}

/// Reads the mark and takes it away.
pub(crate) fn take(dir: &Path) -> io::Result<Option<Mark>> {
    let mark = read(dir)?;
    directory::remove_file(&path(dir))?;
    Ok(mark)
}

/// Reads the mark and leaves it.
pub(crate) fn read(dir: &Path) -> io::Result<Option<Mark>> {
    match fs::read(path(dir)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(|bytes| decode(&bytes)),
    }
}

fn decode(bytes: &[u8]) -> Option<Mark> {
    let mut reader = Reader(bytes);
    let mark = Mark { txn: reader.u64()?, end: Place { segment: reader.u64()?, offset: reader.u64()? } };
    (reader.u32()? == crc32fast::hash(&bytes[..24])).then_some(mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_once_and_a_damaged_one_never() {
        let dir = tempfile::tempdir().unwrap();
        let mark = Mark { txn: 5, end: Place { segment: 1, offset: 4096 } };
        set(dir.path(), mark).unwrap();
        let bytes = fs::read(path(dir.path())).unwrap();
        assert_eq!(take(dir.path()).unwrap(), Some(mark));
        assert_eq!(take(dir.path()).unwrap(), None);
        fs::write(path(dir.path()), &bytes[..20]).unwrap();
        assert_eq!(take(dir.path()).unwrap(), None);
    }
}
