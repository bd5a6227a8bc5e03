//! The one thread that writes.
//!
//! A group is committed in this order: segment synced, index written, index synced; only then its tickets resolve.
//!
//! Promises: a group is durable as a whole before anybody hears of it; a group that failed is cut off again, and
//! appends that waited behind it fail with it, so that none overtakes another; removals are still written when the
//! disk is full, as far as the reserve allows.

mod group;
mod mend;
mod roll;
mod tidy;

pub(crate) use roll::snapshot;

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::catalogue::Catalogue;
use crate::error::{Failed, OpenError};
use crate::handover::{Handover, Operation};
use crate::index::IndexError;
use crate::index_directory;
use crate::options::Options;
use crate::replay::ReplayError;
use crate::reserve::Reserve;
use crate::segment::active::Active;
use crate::slot::Applied;
use crate::store::Store;

/// How long an idle writer waits before it looks around.
const IDLE: Duration = Duration::from_secs(3600);
/// How long before it tries again to mend what failed, so that readers are not kept without an index.
const MENDING: Duration = Duration::from_secs(1);
/// How long no append is taken after one failed.
const PAUSE: Duration = Duration::from_secs(1);

/// What went wrong below a group.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Wrong {
    #[error("{0}")]
    Segment(#[from] io::Error),
    #[error("the index failed: {0}")]
    Index(#[from] IndexError),
}

/// What must be mended before the next group.
#[derive(Debug, Default)]
pub(crate) struct Broken {
    /// The active segment holds bytes of a failed group behind this offset.
    cut: Option<u64>,
    /// The active segment is not to be trusted after a failed sync.
    roll: bool,
    /// The disk was full: a damaged index is not kept.
    full: bool,
}

/// Everything that only the writer thread touches.
pub(crate) struct Writer {
    pub(crate) store: Arc<Store>,
    pub(crate) handover: Arc<Handover>,
    pub(crate) options: Options,
    pub(crate) catalogue: Catalogue,
    pub(crate) active: Active,
    pub(crate) applied: Applied,
    pub(crate) committed: watch::Sender<u64>,
    pub(crate) reserve: Reserve,
    pub(crate) lock: File,
    pub(crate) broken: Broken,
    /// Work that can wait is not tried before, after it failed.
    pub(crate) lull: Instant,
    /// Appends are taken again from then on.
    pub(crate) paused_until: Option<Instant>,
}

impl Writer {
    /// Works until the queue is closed and drained.
    pub(crate) fn run(mut self) -> Result<(), Failed> {
        let _closing = Closing(self.handover.clone());
        let interval = self.options.interval();
        let mut not_before = Instant::now();
        loop {
            match self.handover.take(not_before, self.patience()) {
                Some(group) if group.is_empty() => return self.finish(),
                Some(group) => {
                    not_before = Instant::now() + interval;
                    self.group(group);
                }
                None => self.mend_idly(),
            }
            self.end_pause();
            self.tidy();
            self.settle();
        }
    }

    /// How long to wait for work before doing what can be done without any.
    fn patience(&self) -> Duration {
        match () {
            () if self.paused_until.is_some() => PAUSE,
            () if self.is_broken() => MENDING,
            () if self.has_moves() => Duration::ZERO,
            () => IDLE,
        }
    }

    fn end_pause(&mut self) {
        if self.paused_until.is_some_and(|until| Instant::now() >= until) {
            self.paused_until = None;
            self.handover.resume();
        }
    }

    fn group(&mut self, group: Vec<Operation>) {
        let mut rest = VecDeque::from(group);
        let mut reserve_used = false;
        while !rest.is_empty() {
            match self.write_some(rest.make_contiguous()) {
                Ok(ranges) => {
                    self.note_error(None);
                    rest.drain(..ranges.len())
                        .zip(ranges)
                        .for_each(|(operation, range)| answer(operation, Ok(range)));
                }
                Err(failed) => {
                    tracing::warn!(error = %failed, "a group was not written");
                    self.note_error(Some(failed.to_string()));
                    rest = self.refuse(rest, &failed, reserve_used);
                    reserve_used = true;
                }
            }
        }
    }

    /// Answers what failed, and appends that waited behind it. On a full disk the reserve is given up for removals,
    /// once; they are returned.
    fn refuse(
        &mut self,
        rest: VecDeque<Operation>,
        failed: &Failed,
        reserve_used: bool,
    ) -> VecDeque<Operation> {
        let again = matches!(failed, Failed::DiskFull { .. }) && !reserve_used;
        if again {
            self.reserve.release();
        }
        let (again, refused): (VecDeque<_>, VecDeque<_>) =
            rest.into_iter().partition(|operation| again && operation.frees());
        if let Err(wrong) = self.mend() {
            tracing::warn!(error = %wrong, "a failed group could not be cut off yet; it is tried again");
        }
        self.paused_until = Some(Instant::now() + PAUSE);
        let waiting = self.handover.withdraw_appends();
        refused.into_iter().chain(waiting).for_each(|operation| answer(operation, Err(failed.clone())));
        again
    }

    /// Forgets an index that failed, so that it is rebuilt before the next group.
    fn distrust(&self, wrong: &Wrong) {
        if matches!(wrong, Wrong::Index(_)) {
            *self.store.index.write().expect("no code panics while it holds the index") = None;
        }
    }

    /// Tells callers how much room there is.
    pub(crate) fn settle(&self) {
        self.note_fill();
        self.handover.settle(self.catalogue.written());
    }

    fn note_fill(&self) {
        let mut usage = self.store.usage.lock().expect("no code panics while it holds the usage");
        usage.records = self.applied.records;
        usage.payload_bytes = self.applied.payload_bytes;
        usage.disk_bytes = self.catalogue.allocated();
    }

    fn note_error(&self, error: Option<String>) {
        self.store.usage.lock().expect("no code panics while it holds the usage").last_error = error;
    }

    fn failed(&self, wrong: &Wrong) -> Failed {
        let (dir, why) = (self.store.dir.clone(), wrong.to_string().into());
        if wrong.is_full() { Failed::DiskFull { dir, why } } else { Failed::Write { dir, why } }
    }
}

impl From<ReplayError> for Wrong {
    fn from(error: ReplayError) -> Wrong {
        match error {
            ReplayError::Index(error) => Wrong::Index(error),
            ReplayError::Read { ref source, .. } => Wrong::Segment(io::Error::new(source.kind(), error)),
        }
    }
}

impl Wrong {
    /// As an error of opening the queue in `dir`.
    pub(crate) fn at(self, dir: &Path) -> OpenError {
        match self {
            Wrong::Segment(source) => OpenError::io("reading or writing segments in", dir)(source),
            Wrong::Index(error) => {
                OpenError::Index { path: index_directory::path(dir), why: error.to_string() }
            }
        }
    }

    /// Whether more room on the disk would help.
    pub(crate) fn is_full(&self) -> bool {
        match self {
            Wrong::Segment(error) => {
                matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
            }
            Wrong::Index(error) => error.is_full(),
        }
    }
}

fn answer(operation: Operation, outcome: Result<Range<u64>, Failed>) {
    if let Some(reply) = operation.reply {
        let _ = reply.send(outcome); // a dropped ticket wants no answer
    }
}

/// Closes the hand-over however the thread ends, so that no caller waits for ever.
struct Closing(Arc<Handover>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.abandon();
    }
}
