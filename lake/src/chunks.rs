//! How the Parquet reader reads a stored file: by ranges, never the whole of it.
//!
//! Invariant: beside what was fetched ahead, one read holds at most [`AHEAD`] bytes and the pages that the reader asks
//! for by length.

use std::io::Read;
use std::ops::Range;

use bytes::{Buf, Bytes};
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

use crate::LakeError;
use crate::storage::Storage;

/// Read at once where the reader does not say how much it needs: enough for any page header.
const AHEAD: u64 = 16 * 1024;

/// One stored file.
#[derive(Clone)]
pub(crate) struct Chunks {
    pub(crate) storage: Storage,
    pub(crate) path: String,
    pub(crate) size: u64,
    /// Parts that are in memory, each with where it begins.
    ahead: Vec<(u64, Bytes)>,
}

impl Chunks {
    pub(crate) fn of(storage: &Storage, path: &str, size: u64) -> Chunks {
        Chunks { storage: storage.clone(), path: path.to_owned(), size, ahead: Vec::new() }
    }

    /// The same file with these ranges in memory, fetched in one go.
    pub(crate) fn with_ahead(&self, ranges: Vec<Range<u64>>) -> std::result::Result<Chunks, LakeError> {
        let parts = self.storage.ranges(&self.path, ranges.clone())?;
        let ahead = ranges.into_iter().map(|range| range.start).zip(parts).collect();
        Ok(Chunks { ahead, ..self.clone() })
    }

    fn range(&self, start: u64, length: u64) -> Result<Bytes> {
        let end = start.checked_add(length).filter(|end| *end <= self.size);
        let end =
            end.ok_or_else(|| ParquetError::EOF(format!("{length} bytes at {start} are not in the file")))?;
        if start == end {
            return Ok(Bytes::new());
        }
        if let Some(bytes) = self.in_memory(start, length) {
            return Ok(bytes);
        }
        self.storage.range(&self.path, start..end).map_err(|error| ParquetError::External(Box::new(error)))
    }

    /// A range that lies in a part that was fetched ahead.
    fn in_memory(&self, start: u64, length: u64) -> Option<Bytes> {
        self.ahead.iter().find_map(|(at, part)| {
            let from = usize::try_from(start.checked_sub(*at)?).ok()?;
            let to = from.checked_add(usize::try_from(length).ok()?)?;
            (to <= part.len()).then(|| part.slice(from..to))
        })
    }
}

impl Length for Chunks {
    fn len(&self) -> u64 {
        self.size
    }
}

impl ChunkReader for Chunks {
    type T = Stream;

    fn get_read(&self, start: u64) -> Result<Stream> {
        Ok(Stream { chunks: self.clone(), next: start, ready: Bytes::new() })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        self.range(start, length as u64)
    }
}

/// The file from a place on.
pub(crate) struct Stream {
    chunks: Chunks,
    next: u64,
    ready: Bytes,
}

impl Stream {
    /// What comes next: the rest of the part that was fetched ahead, or a little from the file.
    fn fill(&mut self) -> std::io::Result<()> {
        let here = self.chunks.ahead.iter().find_map(|(at, part)| {
            let from = usize::try_from(self.next.checked_sub(*at)?).ok().filter(|from| *from < part.len())?;
            Some(part.slice(from..))
        });
        self.ready = match here {
            Some(part) => part,
            None => {
                let length = AHEAD.min(self.chunks.size.saturating_sub(self.next));
                self.chunks.range(self.next, length).map_err(std::io::Error::other)?
            }
        };
        self.next += self.ready.len() as u64;
        Ok(())
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.ready.is_empty() {
            self.fill()?;
        }
        let length = buffer.len().min(self.ready.len());
        self.ready.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}
