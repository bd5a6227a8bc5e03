//! Items become bodies of exact size, packed once; bodies are taken apart again. The same for every dialect.
//!
//! Invariant: no body leaves here over the intake's limits, and every line that came in is in exactly one record.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use proto::{Encoding, Line};

use super::Repacker;
use super::dialect::{Dialect, Entry, Parts};
use crate::config::Compression;
use crate::dead::TOO_LARGE;
use crate::manifest::Listed;
use crate::parcel::{Packer, Parcel, listed};
use crate::record::{Header, Kind, Record};

/// Most buffers that are kept for the next batch.
const MOST_BUFFERS: usize = 4;

/// Makes bodies of a dialect, and takes them apart.
pub(crate) struct Bodies<D> {
    pub(crate) dialect: Arc<D>,
    compression: Compression,
    /// Buffers that bodies are made in, used again and again.
    buffers: Mutex<Vec<Vec<u8>>>,
}

impl<D: Dialect> Bodies<D> {
    pub(crate) fn new(dialect: Arc<D>, compression: Compression) -> Bodies<D> {
        Bodies { dialect, compression, buffers: Mutex::default() }
    }

    fn buffers(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.buffers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self, lines: &[Listed], raw: &[u8], read_at_us: i64) -> io::Result<Record> {
        Record::new(Kind::Body, lines, raw.len() as u64, read_at_us, |out| {
            self.dialect.pack(self.compression, raw, out)
        })
    }

    fn raw(&self, header: &Header, body: &Bytes) -> io::Result<Bytes> {
        self.dialect.unpack(body, usize::try_from(header.raw).map_err(io::Error::other)?)
    }

    /// A body of these items.
    fn join<'i>(&self, frame: &[u8], items: impl Iterator<Item = &'i [u8]>) -> Vec<u8> {
        let mut raw = self.dialect.open().to_vec();
        for (at, item) in items.enumerate() {
            raw.extend_from_slice(if at == 0 { b"" } else { self.dialect.between() });
            raw.extend_from_slice(item);
        }
        self.dialect.close(frame, &mut raw);
        raw
    }

    fn only(&self, raw: &[u8]) -> io::Result<Parts> {
        let parts = self.dialect.parts(raw)?;
        match parts.items.len() {
            1 => Ok(parts),
            count => Err(io::Error::other(format!("a body of one event has {count} items"))),
        }
    }
}

impl<D: Dialect> Packer for Bodies<D> {
    fn pack(&self, parcel: &Parcel) -> io::Result<Vec<Record>> {
        let mut raw = self.buffers().pop().unwrap_or_default();
        raw.clear();
        let frame = self.dialect.frame(&parcel.origin);
        let mut filling =
            Filling { bodies: self, parcel, frame, raw, lines: Vec::new(), records: Vec::new() };
        parcel.lines.iter().try_for_each(|line| filling.add(line))?;
        filling.close()?;
        let Filling { records, raw, .. } = filling;
        let mut buffers = self.buffers();
        if buffers.len() < MOST_BUFFERS {
            buffers.push(raw);
        }
        Ok(records)
    }
}

impl<D: Dialect> Repacker for Bodies<D> {
    fn split(
        &self,
        header: &Header,
        lines: &[Listed],
        body: &Bytes,
        groups: &[Vec<usize>],
    ) -> io::Result<Vec<Record>> {
        let raw = self.raw(header, body)?;
        let Parts { frame, items } = self.dialect.parts(&raw)?;
        if items.len() != lines.len() {
            let why = format!("a body of {} items lists {} lines", items.len(), lines.len());
            return Err(io::Error::other(why));
        }
        let one = |group: &Vec<usize>| {
            let whole = self.join(&frame, group.iter().map(|&at| &raw[items[at].clone()]));
            let listed: Vec<Listed> = group.iter().map(|&at| lines[at]).collect();
            self.record(&listed, &whole, header.read_at_us)
        };
        groups.iter().map(one).collect()
    }

    fn shrink(&self, header: &Header, line: &Listed, body: &Bytes) -> io::Result<Option<Record>> {
        let raw = self.raw(header, body)?;
        let Parts { frame, items } = self.only(&raw)?;
        let item = &raw[items[0].clone()];
        let with = |line: &[u8]| {
            Ok::<_, io::Error>(self.join(&frame, [&*self.dialect.with_line(item, line)?].into_iter()))
        };
        let fits = |line: &[u8]| with(line).is_ok_and(|whole| whole.len() <= raw.len() / 2);
        let whole = self.dialect.line(item)?;
        let Ok(shrunk) = audit::shrink(&whole, fits) else { return Ok(None) };
        let line = Listed { shrunk: true, ..*line };
        self.record(&[line], &with(&shrunk.line)?, header.read_at_us).map(Some)
    }

    fn line(&self, header: &Header, body: &Bytes) -> io::Result<Bytes> {
        let raw = self.raw(header, body)?;
        let Parts { items, .. } = self.only(&raw)?;
        Ok(self.dialect.line(&raw[items[0].clone()])?.into())
    }
}

/// Bodies in the making.
struct Filling<'p, D> {
    bodies: &'p Bodies<D>,
    parcel: &'p Parcel,
    frame: Vec<u8>,
    /// The body that is being filled.
    raw: Vec<u8>,
    lines: Vec<Listed>,
    records: Vec<Record>,
}

impl<D: Dialect> Filling<'_, D> {
    /// Adds a line, and begins another body where this one is full.
    fn add(&mut self, line: &Line) -> io::Result<()> {
        let (dialect, limits) = (&self.bodies.dialect, self.bodies.dialect.limits());
        let before = self.raw.len();
        let first = self.lines.is_empty();
        self.raw.extend_from_slice(if first { dialect.open() } else { dialect.between() });
        let start = self.raw.len();
        let Some(written) = self.write(line) else {
            self.raw.truncate(before);
            self.records.push(unsendable(line, self.parcel.read_at_us)?);
            return Ok(());
        };
        let whole = self.raw.len() + dialect.closing(&self.frame);
        if !first && (whole > limits.body || self.lines.len() == limits.items) {
            let item = self.raw.split_off(start);
            self.raw.truncate(before);
            self.close()?;
            self.raw.extend_from_slice(self.bodies.dialect.open());
            self.raw.extend_from_slice(&item);
        }
        self.lines.push(written);
        Ok(())
    }

    /// Appends an item that fits, shrunk if it has to be; None when it cannot be made to.
    fn write(&mut self, line: &Line) -> Option<Listed> {
        let (dialect, most) = (&self.bodies.dialect, self.bodies.dialect.limits().item);
        let (queue, read_at_us) = (self.parcel.queue, self.parcel.read_at_us);
        let entry = Entry { line: &line.bytes, queue, number: line.number, read_at_us };
        let start = self.raw.len();
        if line.bytes.len() <= most {
            let replaced = dialect.write(&entry, &self.frame, &mut self.raw);
            if self.raw.len() - start <= most {
                return Some(Listed { replaced, ..listed(line) });
            }
            self.raw.truncate(start);
        }
        let mut scratch = Vec::new();
        let fits = |smaller: &[u8]| {
            scratch.clear();
            dialect.write(&Entry { line: smaller, ..entry }, &self.frame, &mut scratch);
            scratch.len() <= most
        };
        let shrunk = audit::shrink(&line.bytes, fits).ok()?;
        let smaller = Entry { line: &shrunk.line, ..entry };
        let replaced = dialect.write(&smaller, &self.frame, &mut self.raw);
        Some(Listed { shrunk: true, replaced, ..listed(line) })
    }

    fn close(&mut self) -> io::Result<()> {
        if self.lines.is_empty() {
            return Ok(());
        }
        self.bodies.dialect.close(&self.frame, &mut self.raw);
        self.records.push(self.bodies.record(&self.lines, &self.raw, self.parcel.read_at_us)?);
        self.raw.clear();
        self.lines.clear();
        Ok(())
    }
}

fn unsendable(line: &Line, read_at_us: i64) -> io::Result<Record> {
    let kind = Kind::Unsendable(TOO_LARGE.to_owned());
    Record::new(kind, &[listed(line)], line.bytes.len() as u64, read_at_us, |out| {
        out.extend_from_slice(&proto::encode_block(&line.bytes, Encoding::Zstd)?);
        Ok(())
    })
}

#[cfg(test)]
mod tests;
