//! The segment that is written to.
//!
//! Promises: bytes behind the write point are zeros or not there; `cut` brings back exactly what was there before a
//! failed group; only [`Active::sync`] makes anything durable.
//!
//! Small groups get room of zeros ahead, as syncing a file that does not grow is about ten times faster. Large groups
//! grow the file themselves, as writing everything twice would cost more than it saves.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use super::Header;
use crate::directory;
use crate::positional;
use crate::record::{self, Kind, Place};

/// Bytes gathered before they are written.
const GATHER: usize = 256 * 1024;
/// Payloads from this size on are written without being copied first.
const DIRECT: usize = 64 * 1024;
/// A group from this size on gets no zeros ahead.
const LARGE_GROUP: u64 = 1024 * 1024;

/// The write point in the newest segment.
pub(crate) struct Active {
    file: File,
    number: u64,
    seal: u64,
    step: u64,
    /// Where the first record goes.
    begin: u64,
    /// Where the next record goes.
    end: u64,
    /// Where `gathered` goes.
    flushed: u64,
    gathered: Vec<u8>,
    /// Length of the file.
    allocated: u64,
    synced: u64,
}

impl Active {
    /// Begins a segment, durably.
    pub(crate) fn create(dir: &Path, header: &Header, step: u64) -> io::Result<Active> {
        let bytes = header.encode();
        let file = directory::write_whole(&super::path(dir, header.number), &[&bytes])?;
        Ok(Active::at(file, (header.number, header.seal), step, bytes.len() as u64))
    }

    /// Goes on at `end` in segment `number` with this seal, whose records begin at `begin`; whatever is behind `end` is
    /// cut off.
    pub(crate) fn resume(
        dir: &Path,
        (number, seal): (u64, u64),
        step: u64,
        begin: u64,
        end: u64,
    ) -> io::Result<Active> {
        let file = OpenOptions::new().read(true).write(true).open(super::path(dir, number))?;
        let mut active = Active::at(file, (number, seal), step, begin);
        active.cut(end)?;
        Ok(active)
    }

    fn at(file: File, (number, seal): (u64, u64), step: u64, begin: u64) -> Active {
        let (end, flushed, allocated, synced, gathered) = (begin, begin, begin, begin, Vec::new());
        Active { file, number, seal, step, begin, end, flushed, gathered, allocated, synced }
    }

    /// Whether it has no record yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.end == self.begin
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Up to where it is durable.
    pub(crate) fn synced(&self) -> u64 {
        self.synced
    }

    /// Length of its file.
    pub(crate) fn allocated(&self) -> u64 {
        self.allocated
    }

    /// Writes a record behind the others, not yet durably.
    pub(crate) fn push(&mut self, kind: Kind, number: u64, meta: &[u8], payload: &[u8]) -> io::Result<Place> {
        let place = Place { segment: self.number, offset: self.end };
        let head = record::encode(self.seal, place, kind, number, meta, payload);
        self.gathered.extend_from_slice(&head);
        self.gathered.extend_from_slice(meta);
        if payload.len() >= DIRECT {
            self.flush()?;
            positional::write_all(&self.file, payload, self.flushed)?;
            self.flushed += payload.len() as u64;
        } else {
            self.gathered.extend_from_slice(payload);
        }
        self.end += record::size(meta.len(), payload.len());
        let padding = self.end - self.flushed - self.gathered.len() as u64;
        self.gathered.resize(self.gathered.len() + padding as usize, 0);
        if self.gathered.len() >= GATHER {
            self.flush()?;
        }
        Ok(place)
    }

    /// Makes everything that was pushed durable.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.flush()?;
        if self.end > self.allocated {
            self.allocated = self.end;
            if self.end - self.synced < LARGE_GROUP {
                self.extend();
            }
        }
        self.file.sync_data()?;
        self.synced = self.end;
        Ok(())
    }

    /// Cuts the segment back to `end`, durably.
    pub(crate) fn cut(&mut self, end: u64) -> io::Result<()> {
        self.gathered.clear();
        self.file.set_len(end)?;
        self.file.sync_all()?;
        (self.end, self.flushed, self.allocated, self.synced) = (end, end, end, end);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        positional::write_all(&self.file, &self.gathered, self.flushed)?;
        self.flushed += self.gathered.len() as u64;
        self.gathered.clear();
        self.gathered.shrink_to(2 * GATHER);
        Ok(())
    }

    /// Room ahead is a convenience: where the disk has none, the next write says so.
    fn extend(&mut self) {
        let zeros = vec![0; self.step as usize];
        if positional::write_all(&self.file, &zeros, self.end).is_ok() {
            self.allocated = self.end + self.step;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn active(dir: &Path) -> Active {
        std::fs::create_dir_all(super::super::directory(dir)).unwrap();
        let header = Header { number: 1, id: [1; 16], seal: 5, next: 1, txn: 0, state: Vec::new() };
        Active::create(dir, &header, 4096).unwrap()
    }

    #[test]
    fn a_cut_leaves_the_file_as_it_was_before_the_group() {
        let dir = tempfile::tempdir().unwrap();
        let mut active = active(dir.path());
        active.push(Kind::Data, 1, b"h", b"kept").unwrap();
        active.sync().unwrap();
        let end = active.end();
        let before = std::fs::read(super::super::path(dir.path(), 1)).unwrap();
        active.push(Kind::Data, 2, b"h", &vec![7; 3 * DIRECT]).unwrap();
        active.sync().unwrap();
        active.cut(end).unwrap();
        assert_eq!(std::fs::read(super::super::path(dir.path(), 1)).unwrap(), before[..end as usize]);
    }

    #[test]
    fn small_groups_get_zeros_ahead_and_large_ones_none() {
        let dir = tempfile::tempdir().unwrap();
        let mut active = active(dir.path());
        active.push(Kind::Data, 1, b"h", b"small").unwrap();
        active.sync().unwrap();
        assert_eq!(active.allocated(), active.end() + 4096);
        active.push(Kind::Data, 2, b"h", &vec![7; LARGE_GROUP as usize]).unwrap();
        active.sync().unwrap();
        assert_eq!(active.allocated(), active.end());
    }
}
