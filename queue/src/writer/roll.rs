//! Beginning the next segment, and ending for good.
//!
//! Promises: a new segment holds a snapshot of all state; an ended one has no room ahead left.

use super::{Writer, Wrong};
use crate::clean::{self, Mark};
use crate::entry::Put;
use crate::error::Failed;
use crate::index::{Index, IndexError};
use crate::record::Place;
use crate::segment::Header;
use crate::segment::active::Active;
use crate::slot::Applied;

impl Writer {
    /// Ends the active segment and begins the next.
    pub(crate) fn roll(&mut self) -> Result<(), Wrong> {
        self.trim()?;
        let header = {
            let index = self.store.index.read().expect("no code panics while it holds the index");
            let index = index.as_ref().ok_or_else(IndexError::closed)?;
            snapshot(index, &self.applied, self.active.number() + 1)?
        };
        self.active = Active::create(&self.store.dir, &header, self.options.step_size())?;
        self.catalogue.set_size(header.number, self.active.end(), self.active.allocated());
        Ok(())
    }

    /// Gives back the room ahead.
    fn trim(&mut self) -> std::io::Result<()> {
        self.active.cut(self.active.end())?;
        self.catalogue.set_size(self.active.number(), self.active.end(), self.active.allocated());
        Ok(())
    }

    /// Ends cleanly and says so in the directory.
    pub(crate) fn finish(&mut self) -> Result<(), Failed> {
        let end = Place { segment: self.active.number(), offset: self.active.end() };
        let ended = self.mend().and_then(|()| Ok(self.trim()?)).and_then(|()| {
            // The index first, as its directory must not change behind the mark.
            *self.store.index.write().expect("no code panics while it holds the index") = None;
            Ok(clean::set(&self.store.dir, Mark { txn: self.applied.txn, end })?)
        });
        let unlocked = self.lock.unlock().map_err(Wrong::Segment);
        ended.and(unlocked).map_err(|wrong| self.failed(&wrong))
    }
}

/// The header of a segment that is begun now.
pub(crate) fn snapshot(index: &Index, applied: &Applied, number: u64) -> Result<Header, IndexError> {
    let state = index.states(b"")?.into_iter().map(|(key, value)| Put { key, value: Some(value) }).collect();
    let Applied { id, seal, next, txn, .. } = *applied;
    Ok(Header { number, id, seal, next, txn, state })
}
