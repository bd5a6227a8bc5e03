//! Changes gathered over the index until they are written as one.
//!
//! Invariants: a key read here shows what was changed here before; sum, counts and the fill of segments follow every
//! change, so that they hold for the index after the write and only then.

use std::collections::BTreeMap;

use crate::index::{Batch, Index, IndexError, slot_weight, state_weight};
use crate::slot::{Applied, Slot};

/// How the live part of a segment changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Delta {
    pub(crate) records: i64,
    pub(crate) bytes: i64,
    /// Lowest and highest position that was added.
    pub(crate) span: Option<(u64, u64)>,
}

/// An overlay on the index.
pub(crate) struct Changes<'a> {
    index: &'a Index,
    batch: Batch,
    pub(crate) applied: Applied,
    pub(crate) deltas: BTreeMap<u64, Delta>,
    pub(crate) added: u64,
}

impl<'a> Changes<'a> {
    pub(crate) fn new(index: &'a Index, applied: Applied) -> Changes<'a> {
        Changes { index, batch: Batch::default(), applied, deltas: BTreeMap::new(), added: 0 }
    }

    /// How many keys have changed.
    pub(crate) fn len(&self) -> usize {
        self.batch.slots.len() + self.batch.state.len()
    }

    /// Sets or removes a record's slot, and returns what was there.
    pub(crate) fn slot(&mut self, position: u64, new: Option<Slot>) -> Result<Option<Slot>, IndexError> {
        let old = match self.batch.slots.get(&position) {
            Some(changed) => changed.clone(),
            None => self.index.slot(position)?,
        };
        if let Some(old) = &old {
            let delta = self.deltas.entry(old.place.segment).or_default();
            delta.records -= 1;
            delta.bytes -= old.size() as i64;
            self.applied.records = self.applied.records.saturating_sub(1);
            self.applied.payload_bytes = self.applied.payload_bytes.saturating_sub(old.payload.into());
            self.applied.sum = self.applied.sum.wrapping_sub(slot_weight(position, old));
        }
        if let Some(new) = &new {
            let delta = self.deltas.entry(new.place.segment).or_default();
            delta.records += 1;
            delta.bytes += new.size() as i64;
            let (low, high) = delta.span.unwrap_or((position, position));
            delta.span = Some((low.min(position), high.max(position)));
            self.applied.records += 1;
            self.applied.payload_bytes += u64::from(new.payload);
            self.applied.sum = self.applied.sum.wrapping_add(slot_weight(position, new));
            self.added += u64::from(old.is_none());
        }
        if old.is_some() || new.is_some() {
            self.batch.slots.insert(position, new);
        }
        Ok(old)
    }

    /// Whether a record is queued.
    pub(crate) fn has(&self, position: u64) -> Result<bool, IndexError> {
        match self.batch.slots.get(&position) {
            Some(changed) => Ok(changed.is_some()),
            None => Ok(self.index.slot(position)?.is_some()),
        }
    }

    /// Sets or deletes a state key.
    pub(crate) fn state(&mut self, key: &[u8], new: Option<&[u8]>) -> Result<(), IndexError> {
        let old = match self.batch.state.get(key) {
            Some(changed) => changed.clone(),
            None => self.index.state(key)?,
        };
        if let Some(old) = old {
            self.applied.sum = self.applied.sum.wrapping_sub(state_weight(key, &old));
        }
        if let Some(new) = new {
            self.applied.sum = self.applied.sum.wrapping_add(state_weight(key, new));
        }
        self.batch.state.insert(key.to_vec(), new.map(<[u8]>::to_vec));
        Ok(())
    }

    /// Writes the changes to the index, not yet durably, and returns what then holds.
    pub(crate) fn write(self) -> Result<(Applied, BTreeMap<u64, Delta>), IndexError> {
        self.index.write(self.batch, &self.applied)?;
        Ok((self.applied, self.deltas))
    }
}
