//! A body becomes judged and packed lines, before it has its turn.
//!
//! Promises: this needs to know nothing of other bodies, so that several are prepared at a time; each item of a body
//! is one line, judged as lines of files are; a line that is no event stops nothing.

use std::io;
use std::ops::Range;

use bytes::Bytes;
use proto::Encoding;

use super::window::{self, Hash};
use crate::chunk::{Bounds, KEPT_BYTES};
use crate::event_list::{self, NoEventList};
use crate::lines::{self, Judged};
use crate::tally::{Causes, Tally};

/// The lines of a body.
pub(super) struct Posted {
    pub(super) hash: Hash,
    pub(super) parts: Vec<Part>,
}

/// A run of lines that becomes one batch, if it has events. Numbers count from 0 in the part.
pub(super) struct Part {
    /// How many lines there are.
    pub(super) lines: u64,
    /// All of them.
    pub(super) read: Tally,
    /// Lines left out on purpose.
    pub(super) filtered: Causes,
    /// The events.
    pub(super) kept: Tally,
    /// The number of each event.
    pub(super) numbers: Vec<u32>,
    /// The events, packed.
    pub(super) block: Bytes,
    pub(super) encoding: Encoding,
    /// Lines that are no events.
    pub(super) bad: Vec<BadLine>,
}

/// A line that is no event.
pub(super) struct BadLine {
    pub(super) number: u64,
    pub(super) bytes: u64,
    /// Its beginning.
    pub(super) head: Vec<u8>,
    pub(super) why: String,
}

/// Why a body is not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotPrepared {
    /// The body is no list of events.
    #[error(transparent)]
    NoEventList(#[from] NoEventList),
    /// Packing failed.
    #[error("the lines cannot be packed: {0}")]
    Packing(#[from] io::Error),
}

impl Posted {
    /// Divides a body into lines and judges them. Blocking: it reads all of the body.
    ///
    /// # Errors
    /// [`NotPrepared`].
    pub(super) fn prepare(body: &[u8], bounds: Bounds) -> Result<Posted, NotPrepared> {
        let mut text = Vec::new();
        let ranges = event_list::split(body, &mut text)?;
        let hash = window::hash(body);
        let parts = runs(&ranges, bounds.chunk).into_iter().map(|run| Part::of(&text[run], bounds.line));
        Ok(Posted { hash, parts: parts.collect::<Result<_, _>>()? })
    }

    /// All lines.
    pub(super) fn read(&self) -> Tally {
        let mut sum = Tally::default();
        self.parts.iter().for_each(|part| sum.add(part.read));
        sum
    }

    /// How many numbers the lines take.
    pub(super) fn lines(&self) -> u64 {
        self.parts.iter().map(|part| part.lines).sum()
    }

    /// Bytes of all blocks.
    pub(super) fn packed(&self) -> u64 {
        self.parts.iter().map(|part| part.block.len() as u64).sum()
    }
}

/// Divides lines into runs of about `chunk` bytes, each with the newlines.
fn runs(lines: &[Range<usize>], chunk: usize) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for line in lines {
        match runs.last_mut() {
            Some(run) if line.end + 1 - run.start <= chunk => run.end = line.end + 1,
            _ => runs.push(line.start..line.end + 1),
        }
    }
    runs
}

impl Part {
    /// Judges whole lines, as those of a file are.
    fn of(text: &[u8], longest: usize) -> io::Result<Part> {
        let judged = lines::judge(text, longest);
        let encoding = Encoding::Zstd;
        let block = match judged.is_all(text) {
            true => proto::encode_block(text, encoding)?,
            false => proto::encode_block(&events(text, &judged), encoding)?,
        };
        let bad = judged.bad.iter().map(|bad| {
            let line = &text[bad.range.clone()];
            let (number, bytes, why) = (bad.number, line.len() as u64, bad.why.clone());
            BadLine { number, bytes, head: line[..line.len().min(KEPT_BYTES)].to_vec(), why }
        });
        Ok(Part {
            bad: bad.collect(),
            lines: judged.lines,
            read: judged.read,
            filtered: judged.filtered,
            kept: judged.kept,
            numbers: judged.events.iter().map(|(number, _)| *number as u32).collect(),
            block,
            encoding,
        })
    }
}

/// The events alone, each with its newline.
fn events(text: &[u8], judged: &Judged) -> Vec<u8> {
    let lines = judged.events.iter().flat_map(|(_, range)| [&text[range.clone()], b"\n"]);
    lines.collect::<Vec<_>>().concat()
}
