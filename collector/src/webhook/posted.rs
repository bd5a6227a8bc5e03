//! A body becomes judged and packed lines, before it has its turn.
//!
//! Promises: this needs to know nothing of other bodies, so that several are prepared at a time; each item of a body
//! is one line, judged as lines of files are; a line that is no event stops nothing.

use std::io;
use std::ops::Range;

use chassis::datadog::Rules;
use proto::Batch;

use super::window::{self, Hash};
use crate::canary;
use crate::chunk::{Bounds, KEPT_BYTES};
use crate::event_list::{self, NoEventList};
use crate::lines;
use crate::tally::{Causes, Tally};

/// The lines of a body.
pub(super) struct Posted {
    pub(super) hash: Hash,
    pub(super) parts: Vec<Part>,
    /// IDs of canaries among them.
    pub(super) canaries: Vec<String>,
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
    /// The events, packed, as a batch whose numbers count from 0.
    pub(super) batch: Batch,
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
    pub(super) fn prepare(body: &[u8], bounds: Bounds, rules: &Rules) -> Result<Posted, NotPrepared> {
        let mut text = Vec::new();
        let ranges = event_list::split(body, &mut text)?;
        let hash = window::hash(body);
        let mut parts = Vec::new();
        for run in runs(&ranges, bounds.chunk) {
            let mut rest = &text[run];
            while !rest.is_empty() {
                let (part, used) = Part::of(rest, bounds.line, rules)?;
                parts.push(part);
                rest = &rest[used..];
            }
        }
        Ok(Posted { hash, parts, canaries: canary::among(&text) })
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
        self.parts.iter().map(|part| part.batch.block.len() as u64).sum()
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
    /// Judges whole lines, as those of a file are: as many as may go together when the rules are done with them. Gives
    /// how many bytes these are.
    fn of(text: &[u8], longest: usize, rules: &Rules) -> io::Result<(Part, usize)> {
        let judged = lines::judge(text, longest, rules);
        let text = &text[..judged.used];
        let bad = judged.bad.iter().map(|bad| {
            let line = judged.bytes(&bad.place, text);
            let head = line[..line.len().min(KEPT_BYTES)].to_vec();
            BadLine { number: bad.number, bytes: bad.bytes - 1, head, why: bad.why.clone() }
        });
        let part = Part {
            bad: bad.collect(),
            batch: lines::packed(Batch::default(), 0, text, &judged)?,
            lines: judged.lines,
            read: judged.read,
            filtered: judged.filtered,
            kept: judged.kept,
        };
        Ok((part, judged.used))
    }

    /// The number of each event, with that of the first line; nothing where they are those of the lines.
    pub(super) fn numbers(&self, first: u32) -> Vec<u32> {
        let Batch { numbers, events, .. } = &self.batch;
        match numbers.is_empty() {
            true if first == 0 => Vec::new(),
            true => (first..first + events).collect(),
            false => numbers.iter().map(|number| first + number).collect(),
        }
    }
}
