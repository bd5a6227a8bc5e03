//! Writing one group, from the segment to the index.
//!
//! Invariant: what the writer knows (`applied`, fill of segments, durable positions) changes only after the index was
//! synced.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::atomic::Ordering;

use super::{Broken, Writer, Wrong};
use crate::changes::{Changes, Delta};
use crate::commit::Commit;
use crate::error::Failed;
use crate::handover::{Data, Operation};
use crate::index::{Index, IndexError};
use crate::record::{Kind, Place};
use crate::segment::active::Active;
use crate::slot::{Applied, Slot};

/// What a group did, once it is durable.
struct Done {
    ranges: Vec<Range<u64>>,
    applied: Applied,
    deltas: BTreeMap<u64, Delta>,
}

impl Writer {
    /// Commits as many operations from the front as the active segment takes, at least one. An index that fails is
    /// rebuilt, and the group tried once more.
    pub(crate) fn write_some(&mut self, operations: &[Operation]) -> Result<Vec<Range<u64>>, Failed> {
        self.mend().map_err(|wrong| self.failed(&wrong))?;
        let mut count = self.fitting(operations);
        if count == 0 {
            self.roll().inspect_err(|wrong| self.distrust(wrong)).map_err(|wrong| self.failed(&wrong))?;
            count = self.fitting(operations).max(1);
        }
        let batch = &operations[..count];
        match self.write(batch) {
            Err(Wrong::Index(error)) => {
                tracing::warn!(%error, "the index failed and is rebuilt");
                self.mend().and_then(|()| self.write(batch))
            }
            other => other,
        }
        .map_err(|wrong| self.failed(&wrong))
    }

    /// How many operations the active segment takes before it is full. An empty one takes any.
    fn fitting(&self, operations: &[Operation]) -> usize {
        let limit = self.options.segment_size();
        let mut end = self.active.end();
        let fits = |operation: &&Operation| {
            end += operation.size;
            end <= limit
        };
        let count = operations.iter().take_while(fits).count();
        if count == 0 && self.active.is_empty() { 1 } else { count }
    }

    /// Commits one group to the active segment and the index, or leaves word of what is to be mended.
    pub(crate) fn write(&mut self, operations: &[Operation]) -> Result<Vec<Range<u64>>, Wrong> {
        let before = self.active.end();
        match self.attempt(operations) {
            Ok(done) => {
                self.applied = done.applied;
                self.catalogue.set_size(self.active.number(), self.active.end(), self.active.allocated());
                self.catalogue.apply(&done.deltas);
                self.store.durable.store(self.applied.next, Ordering::Release);
                operations.iter().for_each(|operation| self.store.aside.settle(&operation.removals));
                self.note_fill();
                self.committed.send_replace(self.applied.txn);
                Ok(done.ranges)
            }
            Err(wrong) => {
                let full = wrong.is_full();
                let roll = matches!(wrong, Wrong::Segment(_)) && !full;
                self.broken = Broken { cut: Some(before), roll, full };
                self.distrust(&wrong);
                Err(wrong)
            }
        }
    }

    fn attempt(&mut self, operations: &[Operation]) -> Result<Done, Wrong> {
        let index = self.store.index.read().expect("no code panics while it holds the index");
        let index = index.as_ref().ok_or_else(IndexError::closed)?;
        let mut group = Group::new(index, self.applied, &mut self.active);
        let ranges =
            operations.iter().map(|operation| group.operation(operation)).collect::<Result<_, _>>()?;
        let Group { changes, active, .. } = group;
        active.sync()?;
        let (applied, deltas) = changes.write()?;
        index.sync()?;
        Ok(Done { ranges, applied, deltas })
    }
}

struct Group<'a> {
    changes: Changes<'a>,
    active: &'a mut Active,
    meta: Vec<u8>,
}

impl<'a> Group<'a> {
    fn new(index: &'a Index, applied: Applied, active: &'a mut Active) -> Group<'a> {
        Group { changes: Changes::new(index, applied), active, meta: Vec::new() }
    }

    fn operation(&mut self, operation: &Operation) -> Result<Range<u64>, Wrong> {
        let first = self.changes.applied.next;
        for data in &operation.records {
            self.data(data)?;
        }
        let mut removals = Vec::new();
        for position in &operation.removals {
            if self.changes.slot(*position, None)?.is_some() {
                removals.push(*position);
            }
        }
        for position in &operation.burials {
            self.changes.slot(*position, None)?;
            removals.push(*position);
        }
        for put in &operation.puts {
            self.changes.state(&put.key, put.value.as_deref())?;
        }
        self.commit(operation, removals)?;
        Ok(first..self.changes.applied.next)
    }

    fn data(&mut self, data: &Data) -> Result<(), Wrong> {
        let position = data.position.unwrap_or(self.changes.applied.next);
        let place = self.active.push(Kind::Data, position, &data.header, &data.payload)?;
        let slot = Slot { place, payload: data.payload.len() as u32, header: data.header.clone() };
        self.changes.slot(position, Some(slot))?;
        let applied = &mut self.changes.applied;
        applied.next = applied.next.max(position + 1);
        Ok(())
    }

    fn commit(&mut self, operation: &Operation, removals: Vec<u64>) -> io::Result<()> {
        let commit = Commit {
            records: operation.records.len() as u32,
            durable: self.active.synced(),
            removals,
            puts: operation.puts.clone(),
        };
        self.meta.clear();
        commit.encode(&mut self.meta);
        let applied = &mut self.changes.applied;
        applied.txn += 1;
        self.active.push(Kind::Commit, applied.txn, &self.meta, &[])?;
        applied.place = Place { segment: self.active.number(), offset: self.active.end() };
        Ok(())
    }
}
