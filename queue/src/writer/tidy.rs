//! Giving disk space back.
//!
//! Segments are deleted whole, oldest first. Where a few records that nobody takes (dead letters) keep an old segment,
//! they are moved to the newest, under their positions.
//!
//! Promises: a segment is deleted only after the index without its records is durable; a moved record is in two places
//! or in the new one, never in none.

use std::time::{Duration, Instant};

use super::{Writer, Wrong};
use crate::directory;
use crate::handover::{Data, Operation};
use crate::segment;
use crate::segment::reading::Read;
use crate::slot::Slot;

/// Bytes that are moved in one group.
const MOVED: u64 = 4 * 1024 * 1024;
/// An emptied segment from this size on is ended, so that it can be deleted.
const WORTH_ENDING: u64 = 4 * 1024 * 1024;
/// How long to let be what failed.
const LULL: Duration = Duration::from_secs(5);

impl Writer {
    /// Does what can be done now. Failures are told and tried again later.
    pub(crate) fn tidy(&mut self) {
        if Instant::now() < self.lull {
            return;
        }
        if let Err(wrong) = self.try_tidy() {
            tracing::warn!(error = %wrong, "disk space could not be given back; it is tried again later");
            self.distrust(&wrong);
            self.lull = Instant::now() + LULL;
        }
        self.reserve.restore();
    }

    /// Whether records are to be moved.
    pub(crate) fn has_moves(&self) -> bool {
        let oldest_is_active =
            self.catalogue.oldest().is_none_or(|(number, _)| number == self.active.number());
        !oldest_is_active
            && Instant::now() >= self.lull
            && self.catalogue.wants_moving(self.options.max_bytes)
    }

    fn try_tidy(&mut self) -> Result<(), Wrong> {
        if self.is_drained() {
            self.mend()?;
            self.roll()?;
        }
        self.delete_empty()?;
        if self.has_moves() {
            self.mend()?;
            self.move_some()?;
            self.delete_empty()?;
        }
        Ok(())
    }

    /// Whether the active segment is all there is, large, and holds nothing that is queued.
    fn is_drained(&self) -> bool {
        let worth = WORTH_ENDING.min(self.options.segment_size() / 2);
        let alone = self.catalogue.oldest().is_some_and(|(number, _)| number == self.active.number());
        alone && self.applied.records == 0 && self.active.end() >= worth
    }

    fn delete_empty(&mut self) -> Result<(), Wrong> {
        let mut deleted = false;
        while let Some((number, fill)) = self.catalogue.oldest()
            && number != self.active.number()
            && fill.records == 0
        {
            self.store.files.forget(number);
            std::fs::remove_file(segment::path(&self.store.dir, number))?;
            self.catalogue.forget(number);
            deleted = true;
        }
        if deleted {
            directory::sync(&segment::directory(&self.store.dir))?;
        }
        Ok(())
    }

    /// Moves records of the oldest segment behind the newest, a bounded number of bytes.
    fn move_some(&mut self) -> Result<(), Wrong> {
        let Some((oldest, fill)) = self.catalogue.oldest() else { return Ok(()) };
        let mut moving = Operation::default();
        for (position, slot) in self.slots_of(oldest, fill.span.unwrap_or((0, u64::MAX)))? {
            match self.store.files.read(position, &slot)? {
                Read::Whole { header, payload } => {
                    moving.records.push(Data { position: Some(position), header, payload });
                }
                Read::Damaged(bytes) => {
                    self.store.aside.keep(&crate::store::damaged(position, &slot), &bytes);
                    moving.removals.push(position);
                }
            }
            moving.size += slot.size();
        }
        if moving.size == 0 {
            self.lull = Instant::now() + LULL; // the count and the index disagree; the next opening finds out
            return Ok(());
        }
        if self.active.end() + moving.size > self.options.segment_size() && !self.active.is_empty() {
            self.roll()?;
        }
        self.write(&[moving]).map(drop)
    }

    /// The first records of a segment by position, with at most [`MOVED`] bytes; at least one.
    fn slots_of(&self, segment: u64, (low, high): (u64, u64)) -> Result<Vec<(u64, Slot)>, Wrong> {
        let index = self.store.index.read().expect("no code panics while it holds the index");
        let Some(index) = index.as_ref() else { return Ok(Vec::new()) };
        let (mut found, mut bytes, mut from) = (Vec::new(), 0, low);
        loop {
            let slots = index.slots(from, 1000)?;
            let Some(last) = slots.last().map(|(position, _)| *position) else { return Ok(found) };
            for (position, slot) in slots.into_iter().filter(|(_, slot)| slot.place.segment == segment) {
                bytes += slot.size();
                if !found.is_empty() && bytes > MOVED {
                    return Ok(found);
                }
                found.push((position, slot));
            }
            if last >= high {
                return Ok(found);
            }
            from = last + 1;
        }
    }
}
