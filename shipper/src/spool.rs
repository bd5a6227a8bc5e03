//! A queue per destination with the books beside it: [`Spool::commit`] is where a receipt comes from.
//!
//! Promises: what a commit confirmed survives kill -9; the books always balance, also after damage was set aside;
//! room is kept beyond what batches may fill, so that a full spool can still take bodies apart.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use proto::v1::StoreStatus;
use queue::{Format, Opened, Options, Queue, ReadError};
use tokio::sync::{mpsc, oneshot, watch};

use crate::account::{Account, Entry, Tally};
use crate::change::{Change, NotDone};
use crate::commit::{self, Committer, MOST_WAITING, Pending};
use crate::ledger::{Key, Ledger};
use crate::receipts::Receipts;
use crate::record::Header;

/// Of accounts, headers, manifests and bodies.
const FORMAT: Format = Format { of: "spool", version: 1 };

/// Entries read at a time while opening.
const PAGE: usize = 1024;

/// A record as a delivery sees it.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) entry: queue::Entry,
    pub(crate) header: Header,
}

/// The spool of one destination; clones share it. The last one closes it.
#[derive(Clone)]
pub(crate) struct Spool(Arc<Inner>);

struct Inner {
    queue: Queue,
    ledger: Arc<Mutex<Ledger>>,
    committed: watch::Receiver<u64>,
    changes: Mutex<Option<mpsc::Sender<Pending>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    receipts: Arc<OnceLock<Receipts>>,
    limit: u64,
}

/// Why a spool was not opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotOpened {
    #[error(transparent)]
    Queue(#[from] queue::OpenError),
    #[error("{0}")]
    State(String),
}

impl From<ReadError> for NotOpened {
    fn from(error: ReadError) -> NotOpened {
        NotOpened::State(error.to_string())
    }
}

impl Spool {
    /// Opens the spool in `dir`, which may take `max_bytes` on disk, and puts its books in order. Blocking.
    pub(crate) fn open(dir: &Path, max_bytes: u64) -> Result<(Spool, Opened), NotOpened> {
        // The committer groups by itself: it need not wait long for the queue to group once more.
        let group_interval = Duration::from_millis(10);
        let format = Some(FORMAT);
        let (queue, opened) =
            Queue::open(dir, Options { max_bytes, group_interval, format, ..Options::default() })?;
        let ledger = Ledger::load(queue.scan(Ledger::prefix())?).map_err(NotOpened::State)?;
        let entries = ledger.reconcile(&held(&queue)?);
        let ledger = Arc::new(Mutex::new(ledger));
        let (sender, changes) = mpsc::channel(MOST_WAITING);
        let limit = max_bytes - (max_bytes / 8).min(64 << 20);
        let (counter, committed) = watch::channel(0);
        let receipts = Arc::new(OnceLock::new());
        let committer = Committer {
            queue: queue.clone(),
            ledger: ledger.clone(),
            changes,
            committed: counter,
            receipts: receipts.clone(),
            limit,
        };
        let thread = std::thread::Builder::new().name("spool".into()).spawn(move || committer.run());
        let thread = thread.map_err(|error| NotOpened::State(format!("no thread for it: {error}")))?;
        let inner = Inner {
            queue,
            ledger,
            committed,
            changes: Mutex::new(Some(sender)),
            thread: Mutex::new(Some(thread)),
            receipts,
            limit,
        };
        let spool = Spool(Arc::new(inner));
        if !entries.is_empty() {
            let change = Change { entries, ..Change::default() };
            spool.commit_blocking(change).map_err(|error| NotOpened::State(error.to_string()))?;
        }
        Ok((spool, opened))
    }

    /// Makes a change durable.
    pub(crate) async fn commit(&self, change: Change) -> Result<(), NotDone> {
        let (reply, outcome) = oneshot::channel();
        let sender = self.sender()?;
        sender.send(Pending { change, reply, noted: false }).await.map_err(|_| NotDone::Closed)?;
        outcome.await.unwrap_or(Err(NotDone::Closed))
    }

    /// Makes a change durable. Not to be called from an async task.
    pub(crate) fn commit_blocking(&self, change: Change) -> Result<(), NotDone> {
        let (reply, outcome) = oneshot::channel();
        self.sender()?.blocking_send(Pending { change, reply, noted: false }).map_err(|_| NotDone::Closed)?;
        outcome.blocking_recv().unwrap_or(Err(NotDone::Closed))
    }

    /// From now on what leaves because it was taken has receipts there.
    pub(crate) fn keep_receipts(&self, receipts: Receipts) {
        self.0.receipts.get_or_init(|| receipts);
    }

    /// Where receipts go, if anywhere.
    pub(crate) fn receipts(&self) -> Option<&Receipts> {
        self.0.receipts.get()
    }

    /// Notes that this was no destination for a while. Not to be called from an async task.
    pub(crate) fn rejoin(&self) -> Result<(), NotDone> {
        let numbers = commit::lock(&self.0.ledger).numbers();
        let entries = numbers.into_iter().map(|number| (number, Entry::Rejoined)).collect();
        self.commit_blocking(Change { entries, ..Change::default() })
    }

    /// What of `first..=last` is not durably taken.
    pub(crate) fn missing(&self, key: &Key, first: u64, last: u64) -> Vec<(u64, u64)> {
        commit::lock(&self.0.ledger).missing(key, first, last)
    }

    /// Where the run of taken lines begins that a line of an account is in.
    pub(crate) fn run_of(&self, account: u32, line: u64) -> u64 {
        commit::lock(&self.0.ledger).account(account).map_or(line, |account| account.covered.run_of(line))
    }

    /// Counts a batch that came again; that need not survive a crash, so a failure is no matter.
    pub(crate) async fn count_repeated(&self, key: &Key) {
        let number = self.number(key);
        if let Some(number) = number {
            let change = Change { entries: vec![(number, Entry::Repeated)], ..Change::default() };
            if let Err(error) = self.commit(change).await {
                tracing::debug!(%error, "a repeated batch is not counted");
            }
        }
    }

    /// The account with this number.
    pub(crate) fn account(&self, number: u32) -> Account {
        commit::lock(&self.0.ledger).account(number).cloned().unwrap_or_default()
    }

    /// All accounts, for status.
    pub(crate) fn accounts(&self) -> Vec<proto::v1::Account> {
        commit::lock(&self.0.ledger).accounts().map(Account::to_proto).collect()
    }

    /// Records at `from` and above, oldest first. Blocking.
    pub(crate) fn list(&self, from: u64, max: usize) -> Result<Vec<Stored>, ReadError> {
        let entries = self.0.queue.entries(from, max)?;
        Ok(entries.into_iter().filter_map(stored).collect())
    }

    /// The payload of a record. Blocking.
    pub(crate) fn read(&self, stored: &Stored) -> Result<Bytes, ReadError> {
        self.0.queue.read(&stored.entry)
    }

    /// What an intake remembers under `key`. Blocking.
    pub(crate) fn remembered(&self, key: &str) -> Result<Option<Vec<u8>>, ReadError> {
        self.0.queue.get(key.as_bytes())
    }

    /// All that is remembered under keys that begin with `prefix`. Blocking.
    pub(crate) fn remembered_all(&self, prefix: &str) -> Result<queue::State, ReadError> {
        self.0.queue.scan(prefix.as_bytes())
    }

    /// The number of the account of this origin and queue.
    pub(crate) fn number(&self, key: &Key) -> Option<u32> {
        commit::lock(&self.0.ledger).number(key)
    }

    /// Changes after each commit, when the books show it.
    pub(crate) fn committed(&self) -> watch::Receiver<u64> {
        self.0.committed.clone()
    }

    /// Events that wait to be delivered, by the books.
    pub(crate) fn events(&self) -> u64 {
        commit::lock(&self.0.ledger).accounts().map(|account| account.spooled.events).sum()
    }

    /// The id of the spool's directory.
    pub(crate) fn id(&self) -> [u8; 16] {
        self.0.queue.id()
    }

    pub(crate) fn status(&self) -> StoreStatus {
        store_status(&self.0.queue, self.0.limit)
    }

    fn sender(&self) -> Result<mpsc::Sender<Pending>, NotDone> {
        let sender = self.0.changes.lock().unwrap_or_else(PoisonError::into_inner);
        sender.clone().ok_or(NotDone::Closed)
    }
}

impl Drop for Inner {
    /// Ends the committer before the queue is closed, so that what it had taken is written.
    fn drop(&mut self) {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).take();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Err(_)) = thread.map(JoinHandle::join) {
            tracing::error!("the thread of a spool panicked");
        }
    }
}

fn stored(entry: queue::Entry) -> Option<Stored> {
    let header = Header::read(&entry.header)?;
    Some(Stored { entry, header })
}

/// What a queue's usage says to operators.
pub(crate) fn store_status(queue: &Queue, limit: u64) -> StoreStatus {
    let usage = queue.usage();
    StoreStatus {
        records: usage.records,
        bytes: usage.used_bytes,
        limit_bytes: limit,
        damaged: usage.damaged_records,
        problem: usage.last_error.unwrap_or_default(),
    }
}

/// How much the records of each account add up to.
fn held(queue: &Queue) -> Result<BTreeMap<u32, Tally>, NotOpened> {
    let mut held: BTreeMap<u32, Tally> = BTreeMap::new();
    let mut from = 0;
    loop {
        let page = queue.entries(from, PAGE)?;
        let Some(last) = page.last() else { return Ok(held) };
        from = last.position + 1;
        for entry in page {
            let header = Header::read(&entry.header).ok_or_else(|| {
                let position = entry.position;
                NotOpened::State(format!("record {position} has an unknown form; start the newer program"))
            })?;
            held.entry(header.account).or_default().add(header.all);
        }
    }
}
