//! Mending what a failed group left behind.
//!
//! Promise: after `mend` the active segment holds nothing of a failed group, and the index is what the segments say;
//! until it succeeds, nothing is written.

use super::{Broken, Writer, Wrong};
use crate::census;
use crate::index::{Index, IndexError};
use crate::index_directory;
use crate::replay::replay;
use crate::slot::Applied;

impl Writer {
    /// Brings segment and index back to the last group that was written.
    pub(crate) fn mend(&mut self) -> Result<(), Wrong> {
        if let Some(end) = self.broken.cut {
            self.active.cut(end)?;
            self.broken.cut = None;
        }
        if self.store.index.read().expect("no code panics while it holds the index").is_none() {
            self.rebuild()?;
        }
        if self.broken.roll {
            self.roll()?;
        }
        self.broken = Broken::default();
        Ok(())
    }

    /// Whether there is something to mend.
    pub(super) fn is_broken(&self) -> bool {
        let no_index = || self.store.index.read().expect("no code panics while it holds the index").is_none();
        self.broken.cut.is_some() || self.broken.roll || no_index()
    }

    /// Tries to mend without being asked to write.
    pub(super) fn mend_idly(&mut self) {
        if self.is_broken()
            && let Err(wrong) = self.mend()
        {
            self.note_error(Some(self.failed(&wrong).to_string()));
        }
    }

    fn rebuild(&mut self) -> Result<(), Wrong> {
        let dir = &self.store.dir;
        index_directory::set_aside(dir)?;
        if self.broken.full {
            index_directory::forget(dir)?;
        }
        let index = Index::open(&index_directory::path(dir), self.options.cache_bytes)?;
        let blank = Applied { next: self.applied.next, ..Applied::blank(self.applied.id, self.applied.seal) };
        let (applied, findings) = replay(dir, &index, blank, true, &self.catalogue.numbers())?;
        if !findings.proven || applied.txn != self.applied.txn {
            return Err(IndexError("the segments changed; open the queue again".to_owned()).into());
        }
        index.sync()?;
        let live = census::count(&index, &applied)?.ok_or_else(IndexError::disagrees)?;
        self.catalogue.recount(&live);
        self.applied = applied;
        *self.store.index.write().expect("no code panics while it holds the index") = Some(index);
        Ok(())
    }
}
