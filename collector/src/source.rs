//! A log: its active file and its rotated siblings, read in the order in which they were written.
//!
//! Invariant: files are read in the order of their numbers; a file is numbered when it is seen first, older ones
//! before newer ones.

use std::path::{Path, PathBuf};

use chassis::datadog::Rules;
use proto::Origin;
use queue::Put;

use crate::checkpoint::{self, FileState, SourceState};
use crate::clock;
use crate::entry::Entry;
use crate::gap::Gap;
use crate::identity::FileKey;
use crate::orders::Place;
use crate::tracked::Tracked;

mod look;
mod meet;
mod miss;
mod position;
mod read;
mod retention;
#[cfg(test)]
mod tests;

pub(crate) use read::{Read, Settings};
pub(crate) use retention::Retention;

/// Most handles on unread or renamed files of one source; the oldest are read first.
const MOST_OPEN: usize = 64;

/// A log that is followed.
pub(crate) struct Source {
    pub(crate) state: SourceState,
    pub(crate) origin: Origin,
    /// In order of their numbers.
    pub(crate) files: Vec<Tracked>,
    /// Why the active file cannot be read, and what to do.
    pub(crate) problem: Option<String>,
    /// What is known of how long the API server keeps rotated files.
    pub(crate) retention: Retention,
    /// `--audit-log-maxbackup` of the API server, where it was configured.
    pub(crate) max_backups: Option<usize>,
    /// When this was made: gaps noticed later are new.
    started_us: i64,
    /// Begin at the end of what is there at the first look.
    from_end: bool,
    /// What happens to its lines first.
    rules: Rules,
    /// Nothing of it was in the queue's state.
    is_new: bool,
    looked: bool,
    /// For how many looks its directory has changed during each.
    unsteady: u32,
    /// The last look could tell of all files who they are.
    pub(crate) settled: bool,
    /// No new files: what was there at the first look is all.
    frozen: bool,
    /// State that is not in the queue yet.
    puts: Vec<Put>,
}

impl Source {
    /// A source with what is known of it; `is_new` when that is nothing.
    pub(crate) fn new(
        state: SourceState,
        files: Vec<FileState>,
        origin: Origin,
        entry: &Entry,
        is_new: bool,
    ) -> Source {
        Source {
            state,
            origin,
            files: files.into_iter().map(Tracked::new).collect(),
            problem: None,
            retention: Retention::default(),
            max_backups: None,
            started_us: clock::now_us(),
            from_end: entry.start.at_end,
            rules: entry.rules.clone(),
            is_new,
            looked: false,
            unsteady: 0,
            settled: false,
            frozen: false,
            puts: Vec::new(),
        }
    }

    /// Forgets what was read, for a log that is read anew at every start. Numbers go on.
    pub(crate) fn begin_anew(&mut self) {
        for _ in 0..self.files.len() {
            self.forget(0);
        }
        self.is_new = true;
    }

    /// Forgets what was read, and reads from another place from the next look on. Numbers go on.
    pub(crate) fn begin_at(&mut self, place: Place) {
        self.begin_anew();
        (self.from_end, self.looked) = (place == Place::End, false);
    }

    /// Bytes on the disk before the reading position, and behind it.
    pub(crate) fn sizes(&self) -> (u64, u64) {
        let there = self.files.iter().filter(|file| !file.state.gone);
        let all: u64 = there.map(|file| file.state.size).sum();
        let unread = self.lag();
        (all.saturating_sub(unread), unread)
    }

    /// Path of the active file.
    pub(crate) fn path(&self) -> &Path {
        &self.state.path
    }

    /// From now on: what is there, up to the size that it has.
    pub(crate) fn freeze(&mut self) {
        self.frozen = true;
        for file in self.files.iter_mut().filter(|file| !file.is_packed()) {
            file.limit = file.state.size;
        }
    }

    /// Whether there may be lines to read.
    pub(crate) fn is_unread(&self) -> bool {
        self.files.iter().any(Tracked::is_unread)
    }

    /// Whether this source has the file with this key. Before its first look, it has what it had.
    pub(crate) fn has(&self, key: &FileKey) -> bool {
        let is_there =
            |file: &Tracked| file.present || file.content.is_some() || (!self.looked && !file.state.gone);
        self.files.iter().any(|file| file.state.key == *key && is_there(file))
    }

    /// Bytes on the disk behind the reading position.
    pub(crate) fn lag(&self) -> u64 {
        self.files.iter().map(Tracked::lag).sum()
    }

    /// State to be committed that belongs to no batch.
    pub(crate) fn take_puts(&mut self) -> Vec<Put> {
        std::mem::take(&mut self.puts)
    }

    /// What of its files has yet to come, but for further lines.
    pub(crate) fn waits_for(&self) -> impl Iterator<Item = String> {
        self.files.iter().filter_map(Tracked::waits_for)
    }

    /// Why it is not read now, the source as a whole first.
    pub(crate) fn unreadable(&self) -> Vec<String> {
        let files = self.files.iter().filter_map(|file| file.problem.clone());
        self.problem.iter().cloned().chain(files).collect()
    }

    /// What went away unread since the start.
    pub(crate) fn new_gaps(&self) -> impl Iterator<Item = &Gap> {
        self.state.gaps.iter().filter(|gap| gap.noticed_us >= self.started_us)
    }

    /// Files whose last line has no newline.
    pub(crate) fn half_lines(&self) -> Vec<(PathBuf, u64, u64)> {
        let half = self.files.iter().filter(|file| file.half > 0);
        half.map(|file| (file.state.path.clone(), file.state.offset, file.half)).collect()
    }

    /// Commits what is known of a file, and of the source: its number must not be given again.
    fn put_file(&mut self, at: usize) {
        let file = self.files[at].state.put(self.state.number);
        self.puts.extend([self.state.put(), file]);
    }

    fn forget(&mut self, at: usize) {
        let file = self.files.remove(at);
        self.puts.push(checkpoint::forget(self.state.number, file.state.number));
    }
}
