//! How the Parquet reader reads a stored file: by ranges, never the whole of it.
//!
//! Invariant: one read holds at most [`AHEAD`] bytes beside the pages that the reader asks for by length.

use crate::storage::Storage;
use bytes::{Buf, Bytes};
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};
use std::io::Read;

/// Read at once where the reader does not say how much it needs: enough for any page header.
const AHEAD: u64 = 16 * 1024;

/// One stored file.
pub(crate) struct Chunks {
    pub(crate) storage: Storage,
    pub(crate) path: String,
    pub(crate) size: u64,
}

impl Chunks {
    fn range(&self, start: u64, length: u64) -> Result<Bytes> {
        let end = start.checked_add(length).filter(|end| *end <= self.size);
        let end =
            end.ok_or_else(|| ParquetError::EOF(format!("{length} bytes at {start} are not in the file")))?;
        if start == end {
            return Ok(Bytes::new());
        }
        self.storage.range(&self.path, start..end).map_err(|error| ParquetError::External(Box::new(error)))
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
        let whole = Chunks { storage: self.storage.clone(), path: self.path.clone(), size: self.size };
        Ok(Stream { chunks: whole, next: start, ready: Bytes::new() })
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

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.ready.is_empty() {
            let length = AHEAD.min(self.chunks.size.saturating_sub(self.next));
            self.ready = self.chunks.range(self.next, length).map_err(std::io::Error::other)?;
            self.next += length;
        }
        let length = buffer.len().min(self.ready.len());
        self.ready.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}
