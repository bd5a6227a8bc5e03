//! The one thread that changes a spool.
//!
//! Invariant: one operation is on its way to the disk at a time, made of all changes that waited for it. So the order
//! of commits is the order of changes, and a commit that fails leaves nothing behind that a later one would build on.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use queue::{Queue, Refused};
use tokio::sync::{mpsc, oneshot, watch};

use crate::account::Entry;
use crate::change::{Change, NotDone};
use crate::ledger::{Draft, Ledger};
use crate::receipts::Receipts;

/// Changes that may wait.
pub(crate) const MOST_WAITING: usize = 64;

/// Bytes and changes that make one operation.
const MOST_BYTES: u64 = 16 << 20;
const MOST_CHANGES: usize = 256;

/// A change and who wants to know when it is durable.
pub(crate) struct Pending {
    pub(crate) change: Change,
    pub(crate) reply: oneshot::Sender<Result<(), NotDone>>,
    /// Its receipts are written; a change may be committed a second time, when it was the others' fault.
    pub(crate) noted: bool,
}

/// Makes changes until all senders are gone.
pub(crate) struct Committer {
    pub(crate) queue: Queue,
    pub(crate) ledger: Arc<Mutex<Ledger>>,
    pub(crate) changes: mpsc::Receiver<Pending>,
    /// Counts commits; changed under the lock of the ledger that shows what was committed, neither before nor after.
    pub(crate) committed: watch::Sender<u64>,
    /// Where receipts go, if anywhere.
    pub(crate) receipts: Arc<OnceLock<Receipts>>,
    /// Bytes above which no batch is taken; between it and the queue's own limit there is room to split bodies.
    pub(crate) limit: u64,
}

impl Committer {
    pub(crate) fn run(mut self) {
        while let Some(first) = self.changes.blocking_recv() {
            let mut bytes = first.change.size();
            let mut group = vec![first];
            while bytes < MOST_BYTES && group.len() < MOST_CHANGES {
                let Ok(next) = self.changes.try_recv() else { break };
                bytes += next.change.size();
                group.push(next);
            }
            self.commit(group);
        }
    }

    /// Commits the group as one; when the spool cannot take it as one, each change for itself.
    fn commit(&self, group: Vec<Pending>) {
        let mut operation = Operation::default();
        let mut staged = Vec::with_capacity(group.len());
        for pending in group {
            match operation.stage(&lock(&self.ledger), &pending.change, || self.admit(&pending.change)) {
                Ok(()) => staged.push(pending),
                Err(error) => answer(pending, Err(error)),
            }
        }
        self.note(&mut staged);
        match self.write(operation) {
            Err(NotDone::Full { .. }) if staged.len() > 1 => {
                staged.into_iter().for_each(|pending| self.commit(vec![pending]));
            }
            outcome => staged.into_iter().for_each(|pending| answer(pending, outcome.clone())),
        }
    }

    /// Writes the receipts of changes that were not noted yet, before anything leaves the spool.
    fn note(&self, staged: &mut [Pending]) {
        let Some(receipts) = self.receipts.get() else { return };
        let ledger = lock(&self.ledger);
        let slips: Vec<_> = staged
            .iter()
            .filter(|pending| !pending.noted)
            .flat_map(|pending| &pending.change.slips)
            .filter_map(|slip| Some((slip.clone(), ledger.account(slip.account)?.identity())))
            .collect();
        drop(ledger);
        receipts.write(&slips);
        staged.iter_mut().for_each(|pending| pending.noted = true);
    }

    fn admit(&self, change: &Change) -> Result<(), NotDone> {
        let used = self.queue.usage().used_bytes;
        if change.taking.is_some() && !change.append.is_empty() && used + change.size() > self.limit {
            return Err(NotDone::Full { used, limit: self.limit });
        }
        Ok(())
    }

    fn write(&self, operation: Operation) -> Result<(), NotDone> {
        if operation.is_empty() {
            return Ok(());
        }
        let puts = operation.draft.puts().chain(operation.puts).collect();
        let ticket =
            self.queue.remove_and_append(operation.remove, operation.append, puts).map_err(refused)?;
        ticket.wait().map_err(|failed| NotDone::Failed(failed.to_string()))?;
        let mut ledger = lock(&self.ledger);
        operation.draft.install(&mut ledger);
        self.committed.send_modify(|commits| *commits += 1);
        Ok(())
    }
}

fn answer(pending: Pending, outcome: Result<(), NotDone>) {
    // Whoever no longer listens finds the outcome in the ledger.
    let _ = pending.reply.send(outcome);
}

fn refused(refused: Refused) -> NotDone {
    match refused {
        Refused::Full { used, limit, .. } => NotDone::Full { used, limit },
        Refused::Closed => NotDone::Closed,
        other => NotDone::Failed(other.to_string()),
    }
}

/// The ledger; a panic elsewhere cannot leave it half changed, since installing moves whole accounts.
pub(crate) fn lock(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Several changes as one.
#[derive(Default)]
struct Operation {
    draft: Draft,
    remove: Vec<u64>,
    append: Vec<(Vec<u8>, bytes::Bytes)>,
    puts: Vec<queue::Put>,
    changed: bool,
}

impl Operation {
    fn is_empty(&self) -> bool {
        !self.changed
    }

    /// Adds a change, or nothing of it when its numbers were taken or there is no room.
    fn stage(
        &mut self,
        ledger: &Ledger,
        change: &Change,
        admit: impl Fn() -> Result<(), NotDone>,
    ) -> Result<(), NotDone> {
        let mut owner = None;
        if let Some(taking) = &change.taking {
            let number = self.draft.number_of(ledger, &taking.origin, taking.queue);
            if self.draft.missing(ledger, number, taking.first, taking.last) != taking.missing {
                return Err(NotDone::Overtaken);
            }
            admit()?;
            self.draft.apply(ledger, number, &taking.entry);
            self.draft.apply(ledger, number, &Entry::Told(taking.told));
            owner = Some(number);
        }
        for (number, entry) in &change.entries {
            self.draft.apply(ledger, *number, entry);
        }
        for returned in &change.returns {
            let number = self.draft.number_of(ledger, &returned.origin, returned.queue);
            self.draft.apply(ledger, number, &returned.entry);
            let records = returned.records.iter();
            self.append.extend(records.map(|record| (record.stored_header(number), record.payload.clone())));
        }
        self.remove.extend(&change.remove);
        self.puts.extend(change.puts.iter().cloned());
        for record in &change.append {
            let header = record.stored_header(owner.unwrap_or(record.header.account));
            self.append.push((header, record.payload.clone()));
        }
        self.changed = true;
        Ok(())
    }
}
