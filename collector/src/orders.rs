//! What operators ask of the reader while it runs: to pause, to go on, to read from another place.
//!
//! Promises: a pause ends between two chunks and lasts until somebody ends it or the process does; a seek is done between
//! two chunks, is durable, and what comes again or is left out is told in bytes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Seeks that wait for the reader.
const MOST_SEEKS: usize = 16;
/// Longest reason that is kept, in characters.
const LONGEST: usize = 200;

/// Where to read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The first line of the oldest file that is there.
    Beginning,
    /// Behind the last line that is there now.
    End,
}

/// What a seek did, in bytes on the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sought {
    /// Read before, and coming again.
    pub(crate) again: u64,
    /// Not read, and left out.
    pub(crate) skipped: u64,
}

/// A seek, and who waits for it.
pub(crate) struct Seek {
    pub(crate) path: PathBuf,
    pub(crate) to: Place,
    pub(crate) done: SyncSender<Sought>,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Orders {
    wishes: Mutex<Wishes>,
    /// Wakes the reader.
    pub(crate) given: Notify,
}

#[derive(Default)]
struct Wishes {
    /// Why each log is paused.
    paused: BTreeMap<PathBuf, String>,
    /// Why all are.
    all: Option<String>,
    seeks: Vec<Seek>,
}

impl Orders {
    /// Pauses a log, or all; goes on without a reason.
    pub(crate) fn pause(&self, path: Option<&Path>, reason: Option<&str>) {
        let reason = reason.map(|reason| reason.chars().filter(|c| !c.is_control()).take(LONGEST).collect());
        let mut wishes = self.wishes();
        match (path, reason) {
            (Some(path), Some(reason)) => drop(wishes.paused.insert(path.to_owned(), reason)),
            (Some(path), None) => drop(wishes.paused.remove(path)),
            (None, reason) => {
                if reason.is_none() {
                    wishes.paused.clear();
                }
                wishes.all = reason;
            }
        }
        self.given.notify_one();
    }

    /// Why a log is paused, in words; none when it is not.
    pub(crate) fn paused(&self, path: &Path) -> Option<String> {
        let wishes = self.wishes();
        let reason = wishes.paused.get(path).or(wishes.all.as_ref())?;
        let why = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
        Some(format!("paused by an operator{why}; the call Collector.Resume reads on"))
    }

    /// Hands a seek to the reader; what it did comes out of the receiver. None when too many wait.
    pub(crate) fn seek(&self, path: &Path, to: Place) -> Option<Receiver<Sought>> {
        let mut wishes = self.wishes();
        let (done, answer) = sync_channel(1);
        let room = wishes.seeks.len() < MOST_SEEKS;
        room.then(|| wishes.seeks.push(Seek { path: path.to_owned(), to, done }));
        self.given.notify_one();
        room.then_some(answer)
    }

    /// The seeks that wait.
    pub(crate) fn take_seeks(&self) -> Vec<Seek> {
        std::mem::take(&mut self.wishes().seeks)
    }

    fn wishes(&self) -> MutexGuard<'_, Wishes> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
