//! Items become bodies of exact size, packed once; bodies are taken apart again. The same for every dialect.
//!
//! Invariant: no body leaves here over the intake's limits, and every line that came in is in exactly one record.

use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use proto::{Encoding, Line};

use super::Repacker;
use super::dialect::{Dialect, Entry, Parts};
use crate::config::{Compression, OldEvents};
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

    fn record(&self, lines: &[Listed], raw: &[u8], read_at_us: i64, age: Age) -> io::Result<Record> {
        let mut record = Record::new(Kind::Body, lines, raw.len() as u64, read_at_us, |out| {
            self.dialect.pack(self.compression, raw, out)
        })?;
        (record.header.oldest_ms, record.header.backfilled) = (age.oldest_ms, age.backfilled);
        Ok(record)
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

    /// An item as of now, shrunk where that makes it too large.
    fn renewed(&self, item: &[u8], line: Listed, now_ms: i64) -> io::Result<(Vec<u8>, Listed)> {
        let (renewed, most) = (self.dialect.renewed(item, now_ms)?, self.dialect.limits().item);
        if renewed.len() <= most {
            return Ok((renewed, line));
        }
        let whole = self.dialect.line(&renewed)?;
        let fits = |line: &[u8]| self.dialect.with_line(&renewed, line).is_ok_and(|item| item.len() <= most);
        let Ok(shrunk) = audit::shrink(&whole, fits) else { return Ok((renewed, line)) };
        Ok((self.dialect.with_line(&renewed, &shrunk.line)?, Listed { shrunk: true, ..line }))
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
        let mut filling = Filling {
            bodies: self,
            parcel,
            frame,
            raw,
            lines: Vec::new(),
            age: Age::default(),
            records: Vec::new(),
        };
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
            let mut age = Age { oldest_ms: header.oldest_ms, backfilled: 0 };
            group.iter().for_each(|&at| age.count(&*self.dialect, &raw[items[at].clone()]));
            self.record(&listed, &whole, header.read_at_us, age)
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
        self.record(&[line], &with(&shrunk.line)?, header.read_at_us, Age::of(header)).map(Some)
    }

    fn minds_age(&self, header: &Header, now_ms: i64) -> Option<OldEvents> {
        let old = header.oldest_ms? < self.dialect.oldest_ms(now_ms)?;
        old.then(|| self.dialect.old_events())
    }

    fn too_old(&self, header: &Header, body: &Bytes, now_ms: i64) -> io::Result<Vec<usize>> {
        let Some(oldest) = self.dialect.oldest_ms(now_ms) else { return Ok(Vec::new()) };
        let raw = self.raw(header, body)?;
        let items = self.dialect.parts(&raw)?.items;
        let old = |item: &Range<usize>| {
            self.dialect.time_ms(&raw[item.clone()], None).is_some_and(|time| time < oldest)
        };
        Ok(items.iter().enumerate().filter(|(_, item)| old(item)).map(|(at, _)| at).collect())
    }

    fn renew(
        &self,
        header: &Header,
        lines: &[Listed],
        body: &Bytes,
        old: &[usize],
        now_ms: i64,
    ) -> io::Result<Vec<Record>> {
        let raw = self.raw(header, body)?;
        let Parts { frame, items } = self.dialect.parts(&raw)?;
        let mut told = Vec::new();
        for (at, (item, line)) in items.into_iter().zip(lines).enumerate() {
            let item = &raw[item];
            told.push(if old.contains(&at) {
                self.renewed(item, *line, now_ms)?
            } else {
                (item.to_vec(), *line)
            });
        }
        let middle = told.len() / 2;
        let whole = self.join(&frame, told.iter().map(|(item, _)| item.as_slice()));
        let parts = if whole.len() <= self.dialect.limits().body {
            vec![&told[..]]
        } else {
            vec![&told[..middle], &told[middle..]]
        };
        let one = |part: &[(Vec<u8>, Listed)]| {
            let whole = self.join(&frame, part.iter().map(|(item, _)| item.as_slice()));
            let lines: Vec<Listed> = part.iter().map(|(_, line)| *line).collect();
            let mut age = Age::default();
            for (item, _) in part {
                age.count(&*self.dialect, item);
                age.add(self.dialect.time_ms(item, None));
            }
            self.record(&lines, &whole, header.read_at_us, age)
        };
        parts.into_iter().map(one).collect()
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
    age: Age,
    records: Vec<Record>,
}

/// What a body tells of the age of its events.
#[derive(Clone, Copy, Debug, Default)]
struct Age {
    oldest_ms: Option<i64>,
    backfilled: u64,
}

impl Age {
    fn of(header: &Header) -> Age {
        Age { oldest_ms: header.oldest_ms, backfilled: header.backfilled }
    }

    fn add(&mut self, time_ms: Option<i64>) {
        self.oldest_ms = self.oldest_ms.into_iter().chain(time_ms).min();
    }

    fn count(&mut self, dialect: &impl Dialect, item: &[u8]) {
        self.backfilled += u64::from(dialect.is_renewed(item));
    }
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
        let time = dialect.time_ms(&self.raw[start..], Some(&self.frame));
        let renewed = u64::from(dialect.is_renewed(&self.raw[start..]));
        let whole = self.raw.len() + dialect.closing(&self.frame);
        if !first && (whole > limits.body || self.lines.len() == limits.items) {
            let item = self.raw.split_off(start);
            self.raw.truncate(before);
            self.close()?;
            self.raw.extend_from_slice(self.bodies.dialect.open());
            self.raw.extend_from_slice(&item);
        }
        self.age.add(time);
        self.age.backfilled += renewed;
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
        let age = std::mem::take(&mut self.age);
        self.records.push(self.bodies.record(&self.lines, &self.raw, self.parcel.read_at_us, age)?);
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
