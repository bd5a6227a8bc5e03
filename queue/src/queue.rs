//! The handle that everybody holds.
//!
//! Promises: appending never waits for the disk; what a ticket confirmed survives a crash, in order, until it is
//! removed; one operation is there after a crash as a whole or not at all.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use bytes::Bytes;
use tokio::sync::watch;

use crate::entry::{Entry, Put, State};
use crate::error::{Failed, OpenError, ReadError, Refused};
use crate::handover::{Data, Handover, Operation};
use crate::limits;
use crate::options::Options;
use crate::store::Store;
use crate::ticket::Ticket;
use crate::usage::{Opened, Usage};

/// A durable queue of records with a small state beside them, in one directory. Cheap to clone.
///
/// The last handle to be dropped closes the queue as [`Queue::close`] does, on the thread that drops it.
#[derive(Clone)]
pub struct Queue(Arc<Inner>);

struct Inner {
    store: Arc<Store>,
    handover: Arc<Handover>,
    committed: watch::Receiver<u64>,
    largest: u64,
    writer: Mutex<Option<JoinHandle<Result<(), Failed>>>>,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Queue").field("dir", &self.0.store.dir()).finish_non_exhaustive()
    }
}

impl Queue {
    /// Opens the queue in `dir`, or makes one. Blocking: after an unclean stop it reads all that is queued.
    ///
    /// # Errors
    /// See [`OpenError`]. Damage is no error: it is set aside and reported in [`Opened`].
    pub fn open(dir: &Path, options: Options) -> Result<(Queue, Opened), OpenError> {
        let largest = options.largest_operation();
        let (parts, opened) = crate::open::open(dir, options)?;
        let inner = Inner {
            store: parts.store,
            handover: parts.handover,
            committed: parts.committed,
            largest,
            writer: Mutex::new(Some(parts.writer)),
        };
        Ok((Queue(Arc::new(inner)), opened))
    }

    /// Random, made with the directory. A directory whose newest state cannot be proven at opening gets a new one, so
    /// that numbers given out twice are told apart by it.
    pub fn id(&self) -> [u8; 16] {
        self.0.store.id()
    }

    /// Queues one record, with state changes that become durable with it.
    ///
    /// # Errors
    /// [`Refused`]; then nothing of it was taken.
    pub fn append(&self, header: &[u8], payload: Bytes, puts: Vec<Put>) -> Result<Ticket, Refused> {
        self.remove_and_append(Vec::new(), vec![(header.to_vec(), payload)], puts)
    }

    /// Queues records, each with its header, and state changes: after a crash all are there, or none.
    ///
    /// # Errors
    /// [`Refused`]; then nothing of it was taken.
    pub fn append_many(&self, records: Vec<(Vec<u8>, Bytes)>, puts: Vec<Put>) -> Result<Ticket, Refused> {
        self.remove_and_append(Vec::new(), records, puts)
    }

    /// Changes only state. A full queue takes it.
    ///
    /// # Errors
    /// [`Refused`], but not `Full`.
    pub fn commit(&self, puts: Vec<Put>) -> Result<Ticket, Refused> {
        self.remove_and_append(Vec::new(), Vec::new(), puts)
    }

    /// Removes records, in any order, with state changes. Positions that are not queued are passed over. A full queue
    /// takes it.
    ///
    /// # Errors
    /// [`Refused`], but not `Full`.
    pub fn remove(&self, positions: Vec<u64>, puts: Vec<Put>) -> Result<Ticket, Refused> {
        self.remove_and_append(positions, Vec::new(), puts)
    }

    /// Replaces records by others, with state changes, as one.
    ///
    /// # Errors
    /// [`Refused`]; then nothing of it was taken.
    pub fn remove_and_append(
        &self,
        positions: Vec<u64>,
        records: Vec<(Vec<u8>, Bytes)>,
        puts: Vec<Put>,
    ) -> Result<Ticket, Refused> {
        let records = records.into_iter().map(|(header, payload)| Data { position: None, header, payload });
        let mut operation =
            Operation { records: records.collect(), removals: positions, puts, ..Operation::default() };
        operation.size = limits::check(&operation, self.0.largest)?;
        self.0.handover.offer(operation)
    }

    /// Durable records with a position of `from` or above, in order, at most `max`. Reads the index only. Blocking.
    ///
    /// # Errors
    /// [`ReadError::Index`].
    pub fn entries(&self, from: u64, max: usize) -> Result<Vec<Entry>, ReadError> {
        self.0.store.entries(from, max)
    }

    /// The payload of a record. Blocking.
    ///
    /// # Errors
    /// [`ReadError::Damaged`] when its bytes are not those that were written: the record is then set aside and no
    /// longer listed. [`ReadError::Gone`] when it was removed.
    pub fn read(&self, entry: &Entry) -> Result<Bytes, ReadError> {
        self.0.store.read(entry.position).inspect_err(|error| {
            if let ReadError::Damaged { position, .. } = error
                && self.remove(vec![*position], Vec::new()).is_err()
            {
                self.0.store.aside.settle(&[*position]); // closed or swamped: the next reader finds it again
            }
        })
    }

    /// The value of a state key. Blocking.
    ///
    /// # Errors
    /// [`ReadError::Index`].
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        self.0.store.get(key)
    }

    /// All state whose key begins with `prefix`, in order of keys. Blocking.
    ///
    /// # Errors
    /// [`ReadError::Index`].
    pub fn scan(&self, prefix: &[u8]) -> Result<State, ReadError> {
        self.0.store.scan(prefix)
    }

    /// How full the queue is, and what is wrong. Blocking, briefly: the oldest position is read from the index.
    pub fn usage(&self) -> Usage {
        Usage { used_bytes: self.0.handover.used(), ..self.0.store.usage() }
    }

    /// Changes after each group that became durable; the value is the number of the newest operation.
    pub fn committed(&self) -> watch::Receiver<u64> {
        self.0.committed.clone()
    }

    /// Whether an append of `needed` bytes (as a refusal names them) would be taken now.
    pub fn has_room(&self, needed: u64) -> bool {
        self.0.handover.has_room(needed)
    }

    /// Waits until an append of `needed` bytes (as a refusal names them) would be taken, or the queue is closed.
    pub async fn room(&self, needed: u64) {
        self.0.handover.room(needed).await;
    }

    /// Writes what was handed over, marks the directory as cleanly closed and ends the writer. Blocking. Other handles
    /// are refused from then on.
    ///
    /// # Errors
    /// [`Failed`] when the last group could not be written; the next opening then checks every record.
    pub fn close(self) -> Result<(), Failed> {
        self.0.stop()
    }
}

impl Inner {
    fn stop(&self) -> Result<(), Failed> {
        self.handover.close();
        let writer = self.writer.lock().expect("no code panics while it holds the writer's handle").take();
        writer.map_or(Ok(()), |thread| thread.join().unwrap_or(Err(Failed::Stopped)))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            tracing::warn!(dir = %self.store.dir().display(), %error, "queue was not closed cleanly");
        }
    }
}
