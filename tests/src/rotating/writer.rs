//! Writes numbered lines into a rotating log, as fast as it can, on a thread of its own.
//!
//! Promise: it stays a bounded number of bytes ahead of what arrived, so that a run needs a bounded disk.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::dice::Dice;
use crate::next_stage::Taking;
use crate::numbered::{Kind, Numbered};
use crate::rotating::gate::Gate;
use crate::rotating::{Log, Rotation};

/// Most bytes that were written and did not arrive.
const AHEAD: u64 = 6 << 20;

/// The writer, running.
pub struct Writer {
    shared: Arc<Shared>,
    gate: Arc<Gate>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    stop: AtomicBool,
    /// It rests when it wrote so many bytes.
    ceiling: AtomicU64,
    lines: AtomicU64,
    bytes: AtomicU64,
    rotations: AtomicU64,
    /// Held while something is removed: the last line that was, and the last one that was written when the reader
    /// was started last.
    removal: Mutex<Removal>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Removal {
    removed: u64,
    started: u64,
}

/// While this is there, nothing is removed.
pub struct Kept<'a> {
    writer: &'a Writer,
    removal: MutexGuard<'a, Removal>,
}

/// What a writer writes.
#[derive(Clone)]
pub struct Work {
    /// The lines.
    pub lines: Numbered,
    /// Chance, for the sizes of files.
    pub dice: Dice,
    /// How files are rotated.
    pub rotation: Rotation,
    /// Who gets the lines in the end.
    pub taking: Taking,
}

impl Writer {
    /// Begins to write `audit.log` in a directory.
    #[must_use]
    pub fn start(directory: &Path, work: Work) -> Writer {
        let shared = Arc::new(Shared {
            stop: AtomicBool::new(false),
            ceiling: AtomicU64::new(0),
            lines: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            rotations: AtomicU64::new(0),
            removal: Mutex::default(),
        });
        let gate = Arc::new(Gate::default());
        let mut dice = work.dice.clone();
        let limit = 60_000 + dice.below(400_000);
        let log = Log::new(directory, work.rotation, limit, Arc::clone(&gate));
        let writing = Arc::clone(&shared);
        let thread = std::thread::spawn(move || write(log, &work, &writing, &mut dice));
        Writer { shared, gate, thread: Some(thread) }
    }

    /// Where its rotations can be held.
    #[must_use]
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// It may write so many bytes more than it wrote until now.
    pub fn may_write(&self, bytes: u64) {
        self.shared.ceiling.store(self.bytes() + bytes, Ordering::Relaxed);
    }

    /// Lines that were written.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.shared.lines.load(Ordering::Acquire)
    }

    /// Their bytes, with newlines.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.shared.bytes.load(Ordering::Relaxed)
    }

    /// Rotations that were finished.
    #[must_use]
    pub fn rotations(&self) -> u64 {
        self.shared.rotations.load(Ordering::Relaxed)
    }

    /// Nothing is removed from now on, as long as this is held.
    #[must_use]
    pub fn keeps(&self) -> Kept<'_> {
        let removal = self.shared.removal.lock().unwrap_or_else(PoisonError::into_inner);
        Kept { writer: self, removal }
    }

    /// Ends, its last line written. Gives the number of lines.
    ///
    /// # Panics
    /// When writing failed.
    pub fn end(&mut self) -> u64 {
        self.ask_to_end();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
        self.lines()
    }

    fn ask_to_end(&self) {
        self.gate.open();
        self.shared.stop.store(true, Ordering::Relaxed);
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.ask_to_end();
    }
}

impl Kept<'_> {
    /// The last line of what was removed.
    #[must_use]
    pub fn removed(&self) -> u64 {
        self.removal.removed
    }

    /// The reader is started now: it has nothing open.
    pub fn reader_starts(&mut self) {
        self.removal.started = self.writer.lines();
    }
}

fn write(mut log: Log, work: &Work, shared: &Shared, dice: &mut Dice) {
    let (mut number, mut first) = (0, 1);
    while !shared.stop.load(Ordering::Relaxed) {
        let bytes = shared.bytes.load(Ordering::Relaxed);
        if bytes >= shared.ceiling.load(Ordering::Relaxed) || bytes > work.taking.bytes() + AHEAD {
            std::thread::sleep(Duration::from_millis(1));
            continue;
        }
        let line = work.lines.line(number + 1);
        if log.is_due(&line) && rotate(&mut log, work, shared, dice, &mut number, first) {
            shared.rotations.fetch_add(1, Ordering::Relaxed);
            first = number + 1;
            continue;
        }
        log.write(&line);
        number += 1;
        shared.wrote(number, line.len());
    }
    log.finish();
}

/// Rotates, if it may; whether it did.
fn rotate(
    log: &mut Log,
    work: &Work,
    shared: &Shared,
    dice: &mut Dice,
    number: &mut u64,
    first: u64,
) -> bool {
    let mut removal = shared.removal.lock().unwrap_or_else(PoisonError::into_inner);
    if work.rotation.removes() {
        // Whoever read a line that was written since it was started, and is in this file, has it open.
        let open = first.max(removal.started + 1);
        if !(open..=*number).take(20).any(|line| work.taking.has(line)) {
            return false;
        }
        removal.removed = *number;
    } else {
        drop(removal);
    }
    let late: Vec<Vec<u8>> = (1..=dice.below(3)).map(|more| work.lines.line(*number + more)).collect();
    let written = log.rotate(*number, work.taking.upto(), &late);
    for line in &late[..written] {
        *number += 1;
        shared.wrote(*number, line.len());
    }
    true
}

impl Shared {
    fn wrote(&self, number: u64, length: usize) {
        self.bytes.fetch_add(length as u64 + 1, Ordering::Relaxed);
        self.lines.store(number, Ordering::Release);
    }
}

/// How many of the first lines are of a kind, and their bytes as they are counted, each with a newline.
#[must_use]
pub fn count(lines: Numbered, upto: u64, kind: Kind) -> (u64, u64) {
    let bytes =
        (1..=upto).filter(|&number| lines.kind(number) == kind).map(|number| lines.line(number).len());
    bytes.fold((0, 0), |(events, sum), bytes| (events + 1, sum + bytes as u64 + 1))
}
