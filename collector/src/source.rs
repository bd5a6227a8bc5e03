//! A log: its active file and its rotated siblings, read in the order in which they were written.
//!
//! Invariant: files are read in the order of their numbers; a file is numbered when it is seen first, older ones
//! before newer ones.

use std::path::{Path, PathBuf};

use proto::Origin;
use queue::Put;

use crate::checkpoint::{self, FileState, SourceState};
use crate::identity::FileKey;
use crate::tracked::Tracked;

mod look;
mod position;
mod read;

pub(crate) use read::{Read, Settings};

/// Most handles on unread or renamed files of one source; the oldest are read first.
const MOST_OPEN: usize = 16;

/// A log that is followed.
pub(crate) struct Source {
    pub(crate) state: SourceState,
    pub(crate) origin: Origin,
    /// In order of their numbers.
    pub(crate) files: Vec<Tracked>,
    /// Why the active file cannot be read, and what to do.
    pub(crate) problem: Option<String>,
    /// Files that went away unread, since the start.
    pub(crate) lost: Vec<String>,
    /// Begin at the end of what is there at the first look.
    from_end: bool,
    /// Nothing of it was in the queue's state.
    is_new: bool,
    looked: bool,
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
        from_end: bool,
        is_new: bool,
    ) -> Source {
        Source {
            state,
            origin,
            files: files.into_iter().map(Tracked::new).collect(),
            problem: None,
            lost: Vec::new(),
            from_end,
            is_new,
            looked: false,
            frozen: false,
            puts: Vec::new(),
        }
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

    /// Whether this source has the file with this key.
    pub(crate) fn has(&self, key: &FileKey, prefix: &[u8]) -> bool {
        self.files.iter().any(|file| file.state.key == *key && file.state.prefix.fits(prefix))
    }

    /// Bytes on the disk behind the reading position.
    pub(crate) fn lag(&self) -> u64 {
        self.files.iter().map(Tracked::lag).sum()
    }

    /// State to be committed that belongs to no batch.
    pub(crate) fn take_puts(&mut self) -> Vec<Put> {
        std::mem::take(&mut self.puts)
    }

    /// Why it is not read now, the source as a whole first.
    pub(crate) fn unreadable(&self) -> Vec<String> {
        let files = self.files.iter().filter_map(|file| file.problem.clone());
        self.problem.iter().cloned().chain(files).collect()
    }

    /// All that is wrong, what was lost included.
    pub(crate) fn problems(&self) -> Vec<String> {
        self.unreadable().into_iter().chain(self.lost.iter().cloned()).collect()
    }

    /// Files whose last line has no newline.
    pub(crate) fn half_lines(&self) -> Vec<(PathBuf, u64, u64)> {
        let half = self.files.iter().filter(|file| file.half > 0);
        half.map(|file| (file.state.path.clone(), file.state.offset, file.half)).collect()
    }

    fn put_file(&mut self, at: usize) {
        let put = self.files[at].state.put(self.state.number);
        self.puts.push(put);
    }

    fn forget(&mut self, at: usize) {
        let file = self.files.remove(at);
        self.puts.push(checkpoint::forget(self.state.number, file.state.number));
    }
}
