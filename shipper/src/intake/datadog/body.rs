//! Items become bodies: JSON arrays of exact size, packed once.
//!
//! Invariant: no body leaves here over the intake's limits, and every line that came in is in exactly one record.

use std::io;

use bytes::Bytes;
use proto::{Encoding, Line};
use serde_json::value::RawValue;

use super::{MOST_BODY_BYTES, MOST_ITEMS, item};
use crate::config::Compression;
use crate::dead::TOO_LARGE;
use crate::encode::{decode, encode};
use crate::manifest::Listed;
use crate::parcel::listed;
use crate::record::{Header, Kind, Record};

/// Bodies in the making.
pub(super) struct Bodies {
    compression: Compression,
    read_at_us: i64,
    /// The body that is being filled: `[` or a comma before each item.
    raw: Vec<u8>,
    lines: Vec<Listed>,
    records: Vec<Record>,
}

impl Bodies {
    pub(super) fn new(compression: Compression, read_at_us: i64) -> Bodies {
        Bodies { compression, read_at_us, raw: Vec::new(), lines: Vec::new(), records: Vec::new() }
    }

    /// Adds a line, and begins another body where this one is full.
    pub(super) fn add(&mut self, line: &Line, tail: &[u8]) -> io::Result<()> {
        let start = self.raw.len();
        self.raw.push(if start == 0 { b'[' } else { b',' });
        let Some(written) = item::write(&line.bytes, self.read_at_us, tail, &mut self.raw) else {
            self.raw.truncate(start);
            self.records.push(unsendable(line, self.read_at_us)?);
            return Ok(());
        };
        if start > 0 && (self.raw.len() + 1 > MOST_BODY_BYTES || self.lines.len() == MOST_ITEMS) {
            let item = self.raw.split_off(start);
            self.close()?;
            self.raw.push(b'[');
            self.raw.extend_from_slice(&item[1..]);
        }
        self.lines.push(Listed { shrunk: written.shrunk, replaced: written.replaced, ..listed(line) });
        Ok(())
    }

    /// All records, in the order of their lines but for unsendable ones, which may come earlier.
    pub(super) fn finish(mut self) -> io::Result<Vec<Record>> {
        self.close()?;
        Ok(self.records)
    }

    fn close(&mut self) -> io::Result<()> {
        if self.lines.is_empty() {
            return Ok(());
        }
        self.raw.push(b']');
        self.records.push(record(self.compression, &self.lines, &self.raw, self.read_at_us)?);
        self.raw.clear();
        self.lines.clear();
        Ok(())
    }
}

/// A whole body as a record.
pub(super) fn record(
    compression: Compression,
    lines: &[Listed],
    raw: &[u8],
    read_at_us: i64,
) -> io::Result<Record> {
    Record::new(Kind::Body, lines, raw.len() as u64, read_at_us, |out| encode(compression, raw, out))
}

fn unsendable(line: &Line, read_at_us: i64) -> io::Result<Record> {
    let kind = Kind::Unsendable(TOO_LARGE.to_owned());
    Record::new(kind, &[listed(line)], line.bytes.len() as u64, read_at_us, |out| {
        out.extend_from_slice(&proto::encode_block(&line.bytes, Encoding::Zstd)?);
        Ok(())
    })
}

/// A body as it was before it was packed.
pub(super) fn raw(header: &Header, body: &Bytes) -> io::Result<Bytes> {
    decode(body, usize::try_from(header.raw).map_err(io::Error::other)?)
}

/// A body as two.
pub(super) fn halve(
    compression: Compression,
    header: &Header,
    lines: &[Listed],
    body: &Bytes,
) -> io::Result<Vec<Record>> {
    let raw = raw(header, body)?;
    let items: Vec<&RawValue> = serde_json::from_slice(&raw).map_err(io::Error::other)?;
    if items.len() != lines.len() || items.len() < 2 {
        return Err(io::Error::other(format!("a body of {} items lists {} lines", items.len(), lines.len())));
    }
    let middle = items.len() / 2;
    let halves = [(&items[..middle], &lines[..middle]), (&items[middle..], &lines[middle..])];
    halves
        .into_iter()
        .map(|(items, lines)| {
            let items: Vec<&str> = items.iter().map(|item| item.get()).collect();
            record(compression, lines, format!("[{}]", items.join(",")).as_bytes(), header.read_at_us)
        })
        .collect()
}
