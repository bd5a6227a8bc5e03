//! One step of reading: a chunk of the oldest unread file becomes a batch and the checkpoint behind it.
//!
//! Promises: what a step counts is what it read; the batch and the state that speaks of it are handed on together;
//! numbers follow each other, and a batch covers all numbers since the last one.

use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use proto::{Batch, Trace};

use super::Source;
use crate::canary::{Sightings, among};
use crate::chunk::{self, Bounds, Chunk};
use crate::lines::{self, Judged};
use crate::quarantine::{Held, Quarantine};
use crate::record::Header;
use crate::tally::Tally;
use crate::tracked::Tracked;
use crate::{clock, metrics, problem};

/// Numbers that a batch may cover before one goes without events.
const MOST_NUMBERS: u64 = 1 << 30;

/// What all sources of a collector have in common.
#[derive(Clone)]
pub(crate) struct Settings {
    /// The queue's id, part of every batch.
    pub(crate) queue: [u8; 16],
    pub(crate) bounds: Bounds,
    /// Where lines of canaries are told of.
    pub(crate) canaries: Arc<Sightings>,
}

/// What a step gave.
pub(crate) enum Read {
    /// Nothing to read now.
    Nothing,
    /// Something was read that makes no batch; there may be more.
    More,
    /// A batch for the queue.
    Batch(Box<(Header, Bytes)>),
}

impl Source {
    /// Reads one chunk. State that goes with it is in [`Source::take_puts`]. Blocking.
    ///
    /// # Errors
    /// When the quarantine cannot be written: nothing was read then.
    pub(crate) fn read(
        &mut self,
        settings: &Settings,
        quarantine: &Quarantine,
        buffer: &mut Vec<u8>,
    ) -> io::Result<Read> {
        let is_next = |file: &Tracked| file.holds_others() || (file.is_unread() && file.problem.is_none());
        let next = self.files.iter().position(is_next).filter(|&at| !self.files[at].holds_others());
        let Some(at) = next else { return Ok(Read::Nothing) };
        let file = &mut self.files[at];
        let (offset, limit) = (file.state.offset, file.limit);
        let chunk = match file.open() {
            Ok(Some(_)) => {
                let content = file.content.as_mut().expect("it was opened just now");
                chunk::next(content, offset, limit, settings.bounds, &mut file.skip, buffer)
            }
            Ok(None) => {
                file.problem = Some(format!("{} is not there any more", file.state.path.display()));
                file.unsure = true;
                return Ok(Read::More);
            }
            Err(error) => Err(error),
        };
        match chunk.and_then(|chunk| Ok((file.is_intact()?, chunk))) {
            Ok((false, _)) => {
                let path = file.state.path.display();
                file.problem = Some(format!("{path} was truncated or overwritten while it was read"));
                file.unsure = true;
                Ok(Read::More)
            }
            Ok((true, chunk)) => self.chunk(at, settings, quarantine, chunk, buffer),
            Err(error) => {
                let file = &mut self.files[at];
                file.problem = Some(problem::with_file(&file.state.path, &error));
                file.broken = error.kind() == io::ErrorKind::InvalidData;
                file.content = None;
                Ok(Read::More)
            }
        }
    }

    /// What was read at the position, and is to be counted and handed on.
    fn chunk(
        &mut self,
        at: usize,
        settings: &Settings,
        quarantine: &Quarantine,
        chunk: Chunk,
        buffer: &[u8],
    ) -> io::Result<Read> {
        match chunk {
            Chunk::Lines(end) => self.lines(at, settings, quarantine, &buffer[..end]),
            Chunk::TooLong(bytes) => self.too_long(at, settings, quarantine, bytes, buffer),
            Chunk::Nuls(bytes) => {
                self.nuls(at, bytes);
                Ok(Read::More)
            }
            Chunk::Skipping => Ok(Read::More),
            Chunk::Half(bytes) => {
                self.half(at, bytes);
                Ok(Read::More)
            }
        }
    }

    fn lines(
        &mut self,
        at: usize,
        settings: &Settings,
        quarantine: &Quarantine,
        raw: &[u8],
    ) -> io::Result<Read> {
        // Not around the look at the file: most looks find nothing, and would be traces of nothing.
        let span = tracing::info_span!("collector.read", path = self.origin.path, first = self.state.next);
        let _inside = span.enter();
        let judged = lines::judge(raw, settings.bounds.line, &self.rules);
        let (raw, rest) = raw.split_at(judged.used);
        if let Some(content) = &mut self.files[at].content {
            content.put_back(rest);
        }
        let start = self.files[at].state.offset;
        self.quarantine_bad(&self.files[at].state.path, start, raw, &judged, quarantine)?;
        let batch = self.batch(settings, raw, &judged)?;
        settings.canaries.were_read(&among(raw));
        let dead = judged.bad.iter().map(|bad| Tally::new(1, bad.bytes));
        for tally in dead {
            self.state.dead.add(lines::QUARANTINE, tally);
        }
        metrics::left_out(lines::QUARANTINE, judged.bad.len() as u64);
        judged.filtered.iter().for_each(|(cause, tally)| metrics::left_out(cause, tally.events));
        self.state.filtered.merge(&judged.filtered);
        self.state.next += judged.lines;
        self.advance(at, raw.len() as u64, Some(raw), judged.read);
        Ok(self.handed(at, start, batch, judged.kept))
    }

    /// The events among the lines, as a batch that covers all numbers since the last one.
    fn batch(&self, settings: &Settings, raw: &[u8], judged: &Judged) -> io::Result<Option<Batch>> {
        let (first, next) = (self.state.uncovered, self.state.next);
        if judged.events.is_empty() && next + judged.lines - first < MOST_NUMBERS {
            return Ok(None);
        }
        let before = self.state.handed_on();
        let head = Batch {
            trace: Trace::current().map(|trace| trace.to_string()).unwrap_or_default(),
            events_before: before.events,
            bytes_before: before.bytes,
            origin: Some(self.origin.clone()),
            queue: settings.queue.to_vec(),
            first,
            last: next + judged.lines - 1,
            read_at_us: clock::now_us(),
            ..Batch::default()
        };
        lines::packed(head, next, raw, judged).map(Some)
    }

    fn quarantine_bad(
        &self,
        path: &Path,
        start: u64,
        raw: &[u8],
        judged: &Judged,
        quarantine: &Quarantine,
    ) -> io::Result<()> {
        if judged.bad.is_empty() {
            return Ok(());
        }
        let held = judged.bad.iter().map(|bad| Held {
            path,
            offset: Some(start + bad.range.start as u64),
            number: self.state.next + bad.number,
            bytes: bad.range.len() as u64,
            line: judged.bytes(&bad.place, raw),
            cause: lines::QUARANTINE,
            why: &bad.why,
        });
        quarantine.keep(&held.collect::<Vec<_>>())
    }

    /// A line that was passed over; `head` is its beginning.
    fn too_long(
        &mut self,
        at: usize,
        settings: &Settings,
        quarantine: &Quarantine,
        bytes: u64,
        head: &[u8],
    ) -> io::Result<Read> {
        let state = &self.files[at].state;
        let kept = self.rules.mask_head(head, settings.bounds.line);
        let why = lines::too_long(bytes - 1, settings.bounds.line);
        let (number, cause) = (self.state.next, lines::QUARANTINE);
        let held = Held {
            path: &state.path,
            offset: Some(state.offset),
            number,
            bytes: bytes - 1,
            line: &kept,
            cause,
            why: &why,
        };
        quarantine.keep(&[held])?;
        metrics::left_out(cause, 1);
        self.state.dead.add(cause, Tally::new(1, bytes));
        self.state.next += 1;
        self.advance(at, bytes, None, Tally::new(1, bytes));
        let start = self.files[at].state.offset;
        Ok(self.handed(at, start, None, Tally::default()))
    }

    fn nuls(&mut self, at: usize, bytes: u64) {
        self.state.filtered.add(lines::NUL, Tally::new(0, bytes));
        self.advance(at, bytes, None, Tally::new(0, bytes));
        let start = self.files[at].state.offset;
        self.handed(at, start, None, Tally::default());
    }

    fn half(&mut self, at: usize, bytes: u64) {
        let file = &mut self.files[at];
        file.half = bytes;
        file.end();
        if file.is_packed() {
            self.put_file(at);
        }
    }

    fn advance(&mut self, at: usize, bytes: u64, raw: Option<&[u8]>, read: Tally) {
        let file = &mut self.files[at];
        file.advance(bytes, raw);
        self.state.gaps.retain(|gap| gap.file != file.state.number);
        self.state.read.add(read);
        metrics::read(read);
    }

    /// Notes the state behind what was read, and gives the batch its header.
    fn handed(&mut self, at: usize, start: u64, batch: Option<Batch>, kept: Tally) -> Read {
        if batch.is_some() {
            self.state.uncovered = self.state.next;
        }
        if let Err(error) = self.files[at].end_if_read() {
            tracing::debug!(%error, "whether the file is at its end is seen when it is read on");
        }
        self.put_file(at);
        let Some(batch) = batch else { return Read::More };
        let file = &self.files[at].state;
        let header = Header {
            before: Tally::new(batch.events_before, batch.bytes_before),
            source: self.state.number,
            file: file.number,
            start,
            end: file.offset,
            first: batch.first,
            last: batch.last,
            kept,
            read_at_us: batch.read_at_us,
        };
        Read::Batch(Box::new((header, batch.encode_to_vec().into())))
    }
}
