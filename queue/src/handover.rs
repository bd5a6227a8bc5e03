//! The bounded way from callers to the writer thread.
//!
//! Promises: handing over never waits for the disk; an append is taken only if it fits what the segments use plus
//! what already waits; what waits is bounded in bytes and in operations; removals and state pass a full queue.

use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{Notify, oneshot};

use crate::entry::Put;
use crate::error::Refused;
use crate::ticket::{Outcome, Ticket};

/// Bytes that may wait before appends are refused as busy. One operation may go beyond.
const WAITING_BYTES: u64 = 16 * 1024 * 1024;
/// Operations that may wait before appends are refused as busy.
const WAITING_OPERATIONS: usize = 4096;

/// A record on its way into a segment.
pub(crate) struct Data {
    /// Set when a record keeps the position it has.
    pub(crate) position: Option<u64>,
    pub(crate) header: Vec<u8>,
    pub(crate) payload: Bytes,
}

/// What becomes durable as one: all of it or nothing.
#[derive(Default)]
pub(crate) struct Operation {
    pub(crate) records: Vec<Data>,
    pub(crate) removals: Vec<u64>,
    /// Positions marked as removed even if the index does not know them.
    pub(crate) burials: Vec<u64>,
    pub(crate) puts: Vec<Put>,
    /// Bytes it takes in a segment.
    pub(crate) size: u64,
    pub(crate) reply: Option<oneshot::Sender<Outcome>>,
}

impl Operation {
    /// Whether it adds records.
    pub(crate) fn appends(&self) -> bool {
        !self.records.is_empty()
    }

    /// Whether it only takes records away.
    pub(crate) fn frees(&self) -> bool {
        self.records.is_empty() && !self.removals.is_empty()
    }
}

struct State {
    waiting: Vec<Operation>,
    waiting_bytes: u64,
    writing_bytes: u64,
    used: u64,
    /// A group failed, and callers are to notice it before they append more.
    paused: bool,
    closed: bool,
}

/// The shared part; callers on one side, the writer thread on the other.
pub(crate) struct Handover {
    state: Mutex<State>,
    work: Condvar,
    room: Notify,
    limit: u64,
}

impl Handover {
    pub(crate) fn new(limit: u64, used: u64) -> Handover {
        let waiting = Vec::new();
        let state = State { waiting, waiting_bytes: 0, writing_bytes: 0, used, paused: false, closed: false };
        Handover { state: Mutex::new(state), work: Condvar::new(), room: Notify::new(), limit }
    }

    /// Takes an operation, or says why not.
    pub(crate) fn offer(&self, mut operation: Operation) -> Result<Ticket, Refused> {
        let mut state = self.lock();
        state.admits(self.limit, operation.size, operation.appends())?;
        let (sender, ticket) = Ticket::new();
        operation.reply = Some(sender);
        state.waiting_bytes += operation.size;
        state.waiting.push(operation);
        drop(state);
        self.work.notify_one();
        Ok(ticket)
    }

    /// Whether an append of `needed` bytes would be taken now. `Closed` is an answer too, and ends the waiting.
    fn decided(&self, needed: u64) -> bool {
        matches!(self.lock().admits(self.limit, needed, true), Ok(()) | Err(Refused::Closed))
    }

    pub(crate) fn has_room(&self, needed: u64) -> bool {
        self.lock().admits(self.limit, needed, true).is_ok()
    }

    pub(crate) async fn room(&self, needed: u64) {
        loop {
            let mut changed = std::pin::pin!(self.room.notified());
            changed.as_mut().enable();
            if self.decided(needed) {
                return;
            }
            changed.await;
        }
    }

    /// Bytes that count against the limit.
    pub(crate) fn used(&self) -> u64 {
        let state = self.lock();
        state.used + state.waiting_bytes + state.writing_bytes
    }

    /// Waits for work until there is some and `not_before` has passed, or the queue is closed. An empty group means
    /// closed and drained; `None`, that `patience` ran out.
    pub(crate) fn take(&self, not_before: Instant, patience: Duration) -> Option<Vec<Operation>> {
        let give_up = Instant::now() + patience;
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            let ready =
                !state.waiting.is_empty() && (now >= not_before || state.waiting_bytes >= WAITING_BYTES / 2);
            if state.closed || ready {
                return Some(state.take());
            }
            if state.waiting.is_empty() && now >= give_up {
                return None;
            }
            let until = if state.waiting.is_empty() { give_up } else { not_before };
            let (next, _) = self
                .work
                .wait_timeout(state, until.saturating_duration_since(now))
                .expect("no code panics while it holds the hand-over");
            state = next;
        }
    }

    /// Says that what was taken is written, or failed, and what the segments use now.
    pub(crate) fn settle(&self, used: u64) {
        let mut state = self.lock();
        state.writing_bytes = 0;
        state.used = used;
        drop(state);
        self.room.notify_waiters();
    }

    /// What waits and adds records: it must not be written once something before it failed. No more is taken until
    /// [`Handover::resume`].
    pub(crate) fn withdraw_appends(&self) -> Vec<Operation> {
        let mut state = self.lock();
        state.paused = true;
        let (appends, others) = std::mem::take(&mut state.waiting).into_iter().partition(Operation::appends);
        state.waiting = others;
        state.waiting_bytes = state.waiting.iter().map(|operation| operation.size).sum();
        appends
    }

    /// Takes appends again.
    pub(crate) fn resume(&self) {
        self.lock().paused = false;
        self.room.notify_waiters();
    }

    /// Closes, and drops what waits; its tickets then say so.
    pub(crate) fn abandon(&self) {
        self.close();
        self.lock().waiting.clear();
    }

    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.work.notify_one();
        self.room.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no code panics while it holds the hand-over")
    }
}

impl State {
    fn admits(&self, limit: u64, needed: u64, append: bool) -> Result<(), Refused> {
        if self.closed {
            return Err(Refused::Closed);
        }
        let factor = if append { 1 } else { 2 }; // what empties a queue passes when appends no longer do
        let waiting = self.waiting_bytes;
        if (append && self.paused)
            || waiting >= WAITING_BYTES * factor as u64
            || self.waiting.len() >= WAITING_OPERATIONS * factor
        {
            return Err(Refused::Busy { waiting, needed });
        }
        let used = self.used + self.waiting_bytes + self.writing_bytes;
        if append && used + needed > limit {
            return Err(Refused::Full { used, limit, needed });
        }
        Ok(())
    }

    fn take(&mut self) -> Vec<Operation> {
        self.writing_bytes += self.waiting_bytes;
        self.waiting_bytes = 0;
        std::mem::take(&mut self.waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn append(size: u64) -> Operation {
        let record = Data { position: None, header: Vec::new(), payload: Bytes::new() };
        Operation { records: vec![record], size, ..Operation::default() }
    }

    fn removal(size: u64) -> Operation {
        Operation { removals: vec![1], size, ..Operation::default() }
    }

    #[test]
    fn an_append_is_taken_only_if_it_fits_what_is_used_and_what_waits() {
        let handover = Handover::new(100, 40);
        let _ticket = handover.offer(append(50)).unwrap();
        let refused = handover.offer(append(20)).unwrap_err();
        assert_eq!(refused, Refused::Full { used: 90, limit: 100, needed: 20 });
        assert!(handover.has_room(10) && !handover.has_room(11));
        let _removal = handover.offer(removal(20)).unwrap();
        assert_eq!(handover.take(Instant::now(), Duration::ZERO).unwrap().len(), 2);
        assert_eq!(handover.used(), 110);
        handover.settle(60);
        assert_eq!(handover.used(), 60);
    }

    #[test]
    fn what_waits_is_bounded_and_removals_pass_a_little_longer() {
        let handover = Handover::new(u64::MAX, 0);
        let mut tickets = vec![handover.offer(append(WAITING_BYTES)).unwrap()];
        assert_eq!(
            handover.offer(append(1)).unwrap_err(),
            Refused::Busy { waiting: WAITING_BYTES, needed: 1 }
        );
        while let Ok(ticket) = handover.offer(removal(1)) {
            tickets.push(ticket);
        }
        assert_eq!(tickets.len(), 2 * WAITING_OPERATIONS);
    }

    #[test]
    fn no_append_overtakes_a_failed_one_until_the_writer_resumes() {
        let handover = Handover::new(1000, 0);
        let (_append, _removal) = (handover.offer(append(10)).unwrap(), handover.offer(removal(5)).unwrap());
        assert_eq!(handover.withdraw_appends().len(), 1);
        assert!(matches!(handover.offer(append(10)), Err(Refused::Busy { waiting: 5, .. })));
        let _taken = handover.offer(removal(5)).unwrap();
        handover.resume();
        let _taken = handover.offer(append(10)).unwrap();
    }

    #[test]
    fn an_abandoned_hand_over_answers_everybody_who_waits() {
        let handover = Handover::new(1000, 0);
        let ticket = handover.offer(append(10)).unwrap();
        handover.abandon();
        assert!(matches!(ticket.wait(), Err(crate::error::Failed::Stopped)));
        assert_eq!(handover.offer(append(10)).unwrap_err(), Refused::Closed);
        assert!(handover.decided(u64::MAX), "nobody waits for room in a closed queue");
    }
}
