//! What readers see: the durable records and the state.
//!
//! Promises: a record is listed only when its whole group is durable; a payload is handed out only after its CRC was
//! checked; a record that is moved or removed meanwhile is never taken for a damaged one.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, RwLock};

use bytes::Bytes;

use crate::damage::{Aside, Damaged};
use crate::entry::{Entry, State};
use crate::error::ReadError;
use crate::files::Files;
use crate::index::{Index, IndexError};
use crate::segment;
use crate::segment::reading::Read;
use crate::slot::Slot;
use crate::usage::Usage;

/// Shared by all handles and the writer.
pub(crate) struct Store {
    pub(crate) dir: PathBuf,
    pub(crate) id: [u8; 16],
    /// Empty while a damaged index waits to be rebuilt.
    pub(crate) index: RwLock<Option<Index>>,
    pub(crate) files: Files,
    pub(crate) aside: Aside,
    /// Records from this position on are not yet durable.
    pub(crate) durable: AtomicU64,
    pub(crate) usage: Mutex<Usage>,
}

impl Store {
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn id(&self) -> [u8; 16] {
        self.id
    }

    pub(crate) fn entries(&self, from: u64, max: usize) -> Result<Vec<Entry>, ReadError> {
        let durable = self.durable.load(Ordering::Acquire);
        let mut entries = Vec::new();
        let mut next = from;
        while entries.len() < max {
            let wanted = max - entries.len();
            let slots = self.ask(|index| index.slots(next, wanted.min(1024)))?;
            let Some((last, _)) = slots.last() else { break };
            next = last.saturating_add(1);
            entries.extend(slots.into_iter().filter_map(|(position, slot)| {
                let listed = position < durable && !self.aside.is_pending(position);
                listed.then_some(Entry { position, header: slot.header, bytes: slot.payload })
            }));
            if next >= durable {
                break;
            }
        }
        Ok(entries)
    }

    pub(crate) fn read(&self, position: u64) -> Result<Bytes, ReadError> {
        loop {
            let slot = self.slot(position)?;
            let path = || segment::path(&self.dir, slot.place.segment);
            let read = self.files.read(position, &slot);
            if let Ok(Read::Whole { payload, .. }) = read {
                return Ok(payload);
            }
            if self.slot(position)? != slot {
                continue; // moved since it was looked up
            }
            let bytes = match read {
                Err(source) => return Err(ReadError::Io { path: path(), source }),
                Ok(Read::Damaged(bytes)) => bytes,
                Ok(Read::Whole { payload, .. }) => return Ok(payload),
            };
            self.aside.keep(&damaged(position, &slot), &bytes);
            return Err(ReadError::Damaged { position, path: path(), offset: slot.place.offset });
        }
    }

    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        self.ask(|index| index.state(key))
    }

    pub(crate) fn scan(&self, prefix: &[u8]) -> Result<State, ReadError> {
        self.ask(|index| index.states(prefix))
    }

    pub(crate) fn usage(&self) -> Usage {
        let usage = self.usage.lock().expect("no code panics while it holds the usage").clone();
        let (damaged_records, damaged_bytes) = self.aside.counted();
        let oldest = self.entries(0, 1).ok().and_then(|entries| entries.first().map(|entry| entry.position));
        Usage { damaged_records, damaged_bytes, oldest, ..usage }
    }

    fn slot(&self, position: u64) -> Result<Slot, ReadError> {
        self.ask(|index| index.slot(position))?.ok_or(ReadError::Gone { position })
    }

    fn ask<T>(&self, question: impl FnOnce(&Index) -> Result<T, IndexError>) -> Result<T, ReadError> {
        let index = self.index.read().expect("no code panics while it holds the index");
        let Some(index) = index.as_ref() else {
            return Err(ReadError::Index {
                why: "the queue is closed, or the index failed and is not rebuilt yet".to_owned(),
            });
        };
        question(index).map_err(|error| ReadError::Index { why: error.to_string() })
    }
}

/// A record's place, as damage is reported.
pub(crate) fn damaged(position: u64, slot: &Slot) -> Damaged {
    Damaged {
        segment: slot.place.segment,
        offset: slot.place.offset,
        bytes: slot.size(),
        position: Some(position),
        header: Some(slot.header.clone()),
    }
}
