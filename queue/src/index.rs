//! The index: which record is where, and the state. The only file that names sled.
//!
//! sled 0.34.7 panics where it should return errors, and its own flush does not make file growth durable. So every
//! call is made under `catch_unwind`, and [`Index::sync`] syncs sled's files itself. Its lock outlives a dropped
//! database for a moment where a thread of its pool still ends, or a process that was just forked has not run its
//! program yet; so a held lock is waited for.
//!
//! Promises: nothing is durable before `sync` returned; a write is there as a whole or not at all; a panic of the
//! library never leaves this file, it becomes an [`IndexError`]; after one, the index must be dropped and built anew; a
//! lock that is let go within [`LINGERING`] is no error.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::directory;
use crate::entry::State;
use crate::slot::{Applied, Slot, weight};

const APPLIED: &[u8] = b"a";
const SLOT: u8 = b'r';
const STATE: u8 = b's';

/// How long the lock of an index is waited for. The queue's own lock is held then, so whoever has it is about to end.
const LINGERING: Duration = Duration::from_secs(5);
/// Between two looks at a lock.
const LOOK: Duration = Duration::from_millis(2);

/// The index cannot be used any more, in the words of its library.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub(crate) struct IndexError(pub(crate) String);

impl IndexError {
    /// It holds other things than it should.
    pub(crate) fn disagrees() -> IndexError {
        IndexError("it does not hold what it says".to_owned())
    }

    /// It was dropped after a failure.
    pub(crate) fn closed() -> IndexError {
        IndexError("it is not open".to_owned())
    }

    /// Whether somebody has the library's lock.
    fn is_held(&self) -> bool {
        self.0.contains("could not acquire lock")
    }

    /// Whether more room on the disk would help. The library hands system errors on as text, and in panics.
    pub(crate) fn is_full(&self) -> bool {
        ["StorageFull", "os error 28", "os error 112"].iter().any(|sign| self.0.contains(sign))
    }
}

/// An open index directory.
pub(crate) struct Index {
    db: sled::Db,
    log: File,
    blobs: PathBuf,
}

/// Changes that are written as one.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) slots: BTreeMap<u64, Option<Slot>>,
    pub(crate) state: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

impl Index {
    /// Opens or makes the index in `dir`.
    pub(crate) fn open(dir: &Path, cache_bytes: u64) -> Result<Index, IndexError> {
        let config = sled::Config::new()
            .path(dir)
            .cache_capacity(cache_bytes.max(1024 * 1024))
            .mode(sled::Mode::LowSpace)
            .flush_every_ms(None);
        let db = patiently(|| guard(|| config.open()))?;
        let log = OpenOptions::new().read(true).write(true).open(dir.join("db")).map_err(said)?;
        let around = dir.parent().unwrap_or(dir);
        log.sync_all()
            .and_then(|()| directory::sync(dir))
            .and_then(|()| directory::sync(around))
            .map_err(said)?;
        Ok(Index { db, log, blobs: dir.join("blobs") })
    }

    /// How far it has followed; `None` when it is new.
    pub(crate) fn applied(&self) -> Result<Option<Applied>, IndexError> {
        match guard(|| self.db.get(APPLIED))? {
            None => Ok(None),
            Some(bytes) => Applied::decode(&bytes).map(Some).ok_or_else(unreadable),
        }
    }

    pub(crate) fn slot(&self, position: u64) -> Result<Option<Slot>, IndexError> {
        match guard(|| self.db.get(slot_key(position)))? {
            None => Ok(None),
            Some(bytes) => Slot::decode(&bytes).map(Some).ok_or_else(unreadable),
        }
    }

    /// Slots from position `from` on, at most `max`.
    pub(crate) fn slots(&self, from: u64, max: usize) -> Result<Vec<(u64, Slot)>, IndexError> {
        guard(|| {
            let range = self.db.range(slot_key(from)..=slot_key(u64::MAX));
            range
                .take(max)
                .map(|pair| pair.map(|(key, value)| (key, Slot::decode(&value))))
                .collect::<Result<Vec<_>, _>>()
        })?
        .into_iter()
        .map(|(key, slot)| {
            let position = key.get(1..).and_then(|key| key.try_into().ok()).map(u64::from_be_bytes);
            position.zip(slot).ok_or_else(unreadable)
        })
        .collect()
    }

    pub(crate) fn state(&self, key: &[u8]) -> Result<Option<Vec<u8>>, IndexError> {
        Ok(guard(|| self.db.get(state_key(key)))?.map(|value| value.to_vec()))
    }

    /// All state under a prefix, in order of keys.
    pub(crate) fn states(&self, prefix: &[u8]) -> Result<State, IndexError> {
        let pairs = guard(|| self.db.scan_prefix(state_key(prefix)).collect::<Result<Vec<_>, _>>())?;
        Ok(pairs.into_iter().map(|(key, value)| (key[1..].to_vec(), value.to_vec())).collect())
    }

    /// Adds up what every state key weighs, as slots are added up by whoever walks them.
    pub(crate) fn state_weight(&self) -> Result<u64, IndexError> {
        let pairs = self.states(b"")?;
        Ok(pairs.iter().fold(0, |sum: u64, (key, value)| sum.wrapping_add(state_weight(key, value))))
    }

    /// Applies a batch; not yet durable.
    pub(crate) fn write(&self, batch: Batch, applied: &Applied) -> Result<(), IndexError> {
        let mut writes = sled::Batch::default();
        for (position, slot) in batch.slots {
            match slot {
                Some(slot) => writes.insert(&slot_key(position)[..], slot.encode()),
                None => writes.remove(&slot_key(position)[..]),
            }
        }
        for (key, value) in batch.state {
            match value {
                Some(value) => writes.insert(state_key(&key), value),
                None => writes.remove(state_key(&key)),
            }
        }
        writes.insert(APPLIED, applied.encode());
        guard(|| self.db.apply_batch(writes))
    }

    /// Makes everything that was applied durable.
    pub(crate) fn sync(&self) -> Result<(), IndexError> {
        guard(|| self.db.flush())?;
        self.sync_blobs().map_err(said)?;
        self.log.sync_data().map_err(said)
    }

    /// Pages that outgrew sled's log are files of their own, which sled never syncs. Here they are rare, as headers and
    /// state values are small.
    fn sync_blobs(&self) -> io::Result<()> {
        let mut any = false;
        for entry in fs::read_dir(&self.blobs)? {
            any = true;
            match OpenOptions::new().read(true).write(true).open(entry?.path()) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                other => other?.sync_all()?,
            }
        }
        if any { directory::sync(&self.blobs) } else { Ok(()) }
    }
}

/// What a slot adds to the sum.
pub(crate) fn slot_weight(position: u64, slot: &Slot) -> u64 {
    weight(&slot_key(position), &slot.encode())
}

/// What a state key adds to the sum.
pub(crate) fn state_weight(key: &[u8], value: &[u8]) -> u64 {
    weight(&state_key(key), value)
}

fn slot_key(position: u64) -> [u8; 9] {
    let mut key = [SLOT; 9];
    key[1..].copy_from_slice(&position.to_be_bytes());
    key
}

fn state_key(key: &[u8]) -> Vec<u8> {
    [&[STATE], key].concat()
}

/// Tries again as long as a lock lingers.
fn patiently<T>(mut open: impl FnMut() -> Result<T, IndexError>) -> Result<T, IndexError> {
    let until = Instant::now() + LINGERING;
    loop {
        match open() {
            Err(error) if error.is_held() && Instant::now() < until => std::thread::sleep(LOOK),
            other => return other,
        }
    }
}

fn guard<T, E: std::fmt::Display>(call: impl FnOnce() -> Result<T, E>) -> Result<T, IndexError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(said),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given");
            Err(IndexError(format!("the index library panicked: {text}")))
        }
    }
}

fn said(error: impl std::fmt::Display) -> IndexError {
    IndexError(error.to_string())
}

fn unreadable() -> IndexError {
    IndexError("an entry cannot be read".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Place;

    fn applied() -> Applied {
        let place = Place { segment: 1, offset: 72 };
        Applied { id: [1; 16], seal: 2, place, txn: 3, next: 4, records: 5, payload_bytes: 6, sum: 7 }
    }

    #[test]
    fn a_batch_is_found_again_after_a_reopening() {
        let dir = tempfile::tempdir().unwrap();
        let slot = Slot { place: Place { segment: 1, offset: 80 }, payload: 5, header: b"head".to_vec() };
        let index = Index::open(dir.path(), 0).unwrap();
        assert_eq!(index.applied().unwrap(), None);
        let mut batch = Batch::default();
        batch.slots.insert(300, Some(slot.clone()));
        batch.slots.insert(20, Some(slot.clone()));
        batch.state.insert(b"key".to_vec(), Some(b"value".to_vec()));
        index.write(batch, &applied()).unwrap();
        index.sync().unwrap();
        drop(index);
        let index = Index::open(dir.path(), 0).unwrap();
        assert_eq!(index.applied().unwrap(), Some(applied()));
        assert_eq!(index.slots(0, 9).unwrap(), [(20, slot.clone()), (300, slot.clone())]);
        assert_eq!(index.slots(21, 9).unwrap(), [(300, slot)]);
        assert_eq!(index.states(b"k").unwrap(), [(b"key".to_vec(), b"value".to_vec())]);
        assert_eq!(index.state_weight().unwrap(), state_weight(b"key", b"value"));
    }

    #[test]
    fn a_lock_that_lingers_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let mut holder = Some(Index::open(dir.path(), 0).unwrap());
        let mut refusals = 0;
        let opened = patiently(|| {
            let opened = guard(|| sled::open(dir.path()));
            if opened.is_err() {
                refusals += 1;
                holder = None;
            }
            opened
        });
        assert!(opened.is_ok() && refusals > 0, "{:?}", opened.err());
    }

    #[test]
    fn a_panic_of_the_library_becomes_an_error() {
        let error = guard(|| -> Result<(), String> { panic!("inside") }).unwrap_err();
        assert_eq!(error.to_string(), "the index library panicked: inside");
    }
}
