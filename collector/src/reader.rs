//! The reader: one thread that looks at files, reads them in turn, and hands batches to the queue.
//!
//! Promises: every source gets a chunk in its turn, so that none starves; when the queue is full nothing is read and
//! nothing is dropped, and files are still watched; a stop ends reading between two chunks.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::append::Appends;
use crate::books::Books;
use crate::error::{HalfLine, Once};
use crate::metrics;
use crate::orders::{Orders, Place, Seek, Sought};
use crate::quarantine::Quarantine;
use crate::source::{Read, Settings, Source};
use crate::sources::Sources;
use crate::watch::Watch;

/// Least distance between two looks, however often files change: lines of that time go together.
const LINGER: Duration = Duration::from_millis(50);
/// Looks after which a file that cannot be read any further is given up, when reading to the end.
const PATIENCE: u32 = 20;
/// How long the last batches may take into the queue when reading ends.
const LAST_APPENDS: Duration = Duration::from_secs(5);

/// How long to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// For ever.
    Stopped,
    /// To the ends that the files have at the first look.
    End,
}

/// What reading came to.
#[derive(Debug, Default)]
pub(crate) struct Reached {
    /// For [`Until::End`]: the half lines.
    pub(crate) once: Once,
    /// For [`Until::End`]: what was to be read and was not.
    pub(crate) unread: Vec<String>,
}

/// All that the thread works with.
pub(crate) struct Reader {
    pub(crate) sources: Sources,
    pub(crate) appends: Appends,
    pub(crate) quarantine: Arc<Quarantine>,
    pub(crate) books: Arc<Books>,
    pub(crate) orders: Arc<Orders>,
    pub(crate) settings: Settings,
    pub(crate) poll: Duration,
    /// Whether changes wake it, not the poll alone.
    pub(crate) watch: bool,
    pub(crate) until: Until,
}

impl Reader {
    /// Reads on the calling thread, which must be none of the runtime's, until `stop` or the end.
    ///
    /// # Errors
    /// When the queue was closed.
    pub(crate) fn run(mut self, handle: &Handle, stop: &CancellationToken) -> Result<Reached, String> {
        let _inside = handle.enter();
        let mut watch = if self.watch { Watch::new() } else { Watch::nothing() };
        let (mut buffer, mut patience) = (Vec::new(), PATIENCE);
        let mut looked = Instant::now();
        let mut due = looked;
        while !stop.is_cancelled() {
            if Instant::now() >= due {
                self.look(&mut watch);
                looked = Instant::now();
                due = looked + self.poll;
            }
            self.appends.advance()?;
            if self.appends.has_space() && self.round(&mut buffer) {
                continue;
            }
            self.report();
            if self.until == Until::End && self.appends.is_idle() {
                let lasts = |source: &Source| source.is_unread() || source.waits_for().next().is_some();
                if patience == 0 || !self.sources.all.iter().any(lasts) {
                    return Ok(self.reached());
                }
                patience -= 1; // a rotation just now: the next look finds the file under its new name
                due = due.min(looked + LINGER);
            }
            let next = handle.block_on(async {
                tokio::select! {
                    () = stop.cancelled() => Ok(due),
                    () = tokio::time::sleep_until(due) => Ok(due),
                    () = watch.woken() => Ok(due.min(looked + LINGER)),
                    () = self.orders.given.notified() => Ok(Instant::now()),
                    changed = self.appends.changed() => changed.map(|()| due),
                }
            });
            due = next?;
        }
        self.finish(handle)?;
        Ok(Reached::default())
    }

    fn look(&mut self, watch: &mut Watch) {
        let first = self.sources.all.is_empty();
        let seeks = self.begin_seeks();
        self.sources.look();
        self.end_seeks(seeks);
        if self.until == Until::End && first {
            self.sources.freeze();
        }
        for source in &mut self.sources.all {
            watch.directory_of(source.path());
            self.appends.add(None, source.take_puts());
            self.books.looked(source);
        }
        self.appends.tell_usage();
        self.report();
    }

    /// Forgets how far the logs were read that are sought in; with the bytes that were behind and before that place.
    fn begin_seeks(&mut self) -> Vec<(Seek, u64, u64)> {
        let mut begun = Vec::new();
        for seek in self.orders.take_seeks() {
            let sources = &mut self.sources.all;
            if let Some(source) = sources.iter_mut().find(|source| source.path() == seek.path) {
                let (read, unread) = source.sizes();
                tracing::warn!(path = source.origin.path, to = ?seek.to, "an operator has this log read from another place");
                source.begin_at(seek.to);
                begun.push((seek, read, unread));
            }
        }
        begun
    }

    /// Says what came of them.
    fn end_seeks(&self, seeks: Vec<(Seek, u64, u64)>) {
        for (seek, read, unread) in seeks {
            let Some(source) = self.sources.all.iter().find(|source| source.path() == seek.path) else {
                continue;
            };
            let (_, now) = source.sizes();
            let sought = match seek.to {
                Place::Beginning => Sought { again: read, skipped: 0 },
                Place::End => Sought { again: 0, skipped: unread.saturating_sub(now) },
            };
            // Who asked may have given up.
            let _ = seek.done.send(sought);
        }
    }

    fn report(&self) {
        let appends = self.appends.problem().map(str::to_owned);
        let problems = self.sources.problems.iter().cloned().chain(appends).collect();
        metrics::held("reading", &metrics::HOLDS_READING, self.appends.held_by());
        self.books.set_reading(problems, self.appends.problem().is_some());
    }

    /// One chunk of every source; whether there was any.
    fn round(&mut self, buffer: &mut Vec<u8>) -> bool {
        let mut any = false;
        for source in &mut self.sources.all {
            if !self.appends.has_space() {
                break;
            }
            if self.until == Until::Stopped && self.orders.paused(source.path()).is_some() {
                continue;
            }
            let batch = match source.read(&self.settings, &self.quarantine, buffer) {
                Ok(Read::Nothing) => continue,
                Ok(Read::More) => None,
                Ok(Read::Batch(batch)) => Some(*batch),
                Err(error) => {
                    hold(source, &self.quarantine, &error);
                    self.books.looked(source);
                    continue;
                }
            };
            any = true;
            self.books.read(source, batch.as_ref().map(|(header, _)| header));
            self.appends.add(batch.map(|(header, payload)| (header.encode(), payload)), source.take_puts());
        }
        any
    }

    fn reached(&self) -> Reached {
        let sources = &self.sources.all;
        let half = |(path, offset, bytes): (PathBuf, u64, u64)| HalfLine { path, offset, bytes };
        let half_lines = sources.iter().flat_map(Source::half_lines).map(half).collect();
        let gaps = sources.iter().flat_map(Source::new_gaps).map(ToString::to_string);
        let waited_for = sources.iter().flat_map(Source::waits_for);
        let unread = sources.iter().flat_map(Source::unreadable).chain(waited_for).chain(gaps).collect();
        Reached { once: Once { half_lines }, unread }
    }

    /// Brings what was read into the queue, if it has room; otherwise it is read again at the next start.
    fn finish(&mut self, handle: &Handle) -> Result<(), String> {
        handle.block_on(async {
            let all = async {
                self.appends.advance()?;
                while !self.appends.is_idle() && !self.appends.is_full() {
                    self.appends.changed().await?;
                    self.appends.advance()?;
                }
                Ok(())
            };
            tokio::time::timeout(LAST_APPENDS, all).await.unwrap_or(Ok(()))
        })
    }
}

/// Bad lines cannot be kept, so nothing more is read of this source until the next look.
fn hold(source: &mut Source, quarantine: &Quarantine, error: &std::io::Error) {
    let dir = quarantine.dir().display();
    let why =
        format!("bad lines cannot be kept in {dir}: {error}; free some room, reading then goes on by itself");
    for file in &mut source.files {
        file.problem = Some(why.clone());
    }
}
