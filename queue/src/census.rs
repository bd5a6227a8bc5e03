//! Counting what an index holds, and checking it against what it says it holds and against the segments.
//!
//! Promise: an index that lost, gained or changed any key is found out by [`count`]; a record that is not whole on
//! the disk is found by [`check`].

use std::collections::BTreeMap;
use std::io;

use crate::changes::Delta;
use crate::damage::Damaged;
use crate::files::Files;
use crate::index::{Index, IndexError, slot_weight};
use crate::replay::ReplayError;
use crate::segment::reading::Read;
use crate::slot::Applied;

const STRIDE: usize = 1000;

/// The live part of every segment; `None` when the index is not what `applied` says.
pub(crate) fn count(index: &Index, applied: &Applied) -> Result<Option<BTreeMap<u64, Delta>>, IndexError> {
    let (mut records, mut sum) = (0, index.state_weight()?);
    let mut segments: BTreeMap<u64, Delta> = BTreeMap::new();
    each(index, |position, slot| {
        records += 1;
        sum = sum.wrapping_add(slot_weight(position, slot));
        let delta = segments.entry(slot.place.segment).or_default();
        delta.records += 1;
        delta.bytes += slot.size() as i64;
        let (low, high) = delta.span.unwrap_or((position, position));
        delta.span = Some((low.min(position), high.max(position)));
        Ok::<(), IndexError>(())
    })?;
    Ok((records == applied.records && sum == applied.sum).then_some(segments))
}

/// Reads every record and returns those that are not whole, with the bytes that are there handed to `aside`.
pub(crate) fn check(
    index: &Index,
    files: &Files,
    mut aside: impl FnMut(&Damaged, &[u8]),
) -> Result<Vec<Damaged>, ReplayError> {
    let mut found = Vec::new();
    each(index, |position, slot| {
        let read: io::Result<Read> = files.read(position, slot);
        let read = read.map_err(|source| ReplayError::Read { segment: slot.place.segment, source })?;
        if let Read::Damaged(bytes) = read {
            let damaged = crate::store::damaged(position, slot);
            aside(&damaged, &bytes);
            found.push(damaged);
        }
        Ok::<(), ReplayError>(())
    })?;
    Ok(found)
}

fn each<E: From<IndexError>>(
    index: &Index,
    mut visit: impl FnMut(u64, &crate::slot::Slot) -> Result<(), E>,
) -> Result<(), E> {
    let mut from = 0;
    loop {
        let slots = index.slots(from, STRIDE)?;
        for (position, slot) in &slots {
            visit(*position, slot)?;
        }
        match slots.last() {
            Some((last, _)) if slots.len() == STRIDE => from = last + 1,
            _ => return Ok(()),
        }
    }
}
