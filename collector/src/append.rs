//! The way of batches into the queue.
//!
//! Invariants: what is handed in is handed in in order, one operation at a time, and again until the queue has it: a
//! later checkpoint is never committed without the lines before it. What waits is bounded; the reader then waits.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use queue::{Put, Queue, Refused, Ticket};

use crate::metrics;

/// Batches of one operation.
const MOST_RECORDS: usize = 64;
/// Bytes of one operation, but for a single larger batch.
const MOST_BYTES: u64 = 8 << 20;
/// How long after a failed write the same is handed in again.
const AGAIN: Duration = Duration::from_millis(500);

/// What becomes durable as one.
#[derive(Clone, Default)]
struct Operation {
    records: Vec<(Vec<u8>, Bytes)>,
    bytes: u64,
    puts: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

enum State {
    Idle,
    /// Handed in; kept, in case that writing fails.
    Writing(Ticket, Operation),
    /// The queue wants this much room first.
    Full(u64),
    /// Writing failed.
    Failed,
}

/// Batches on their way into the queue.
pub(crate) struct Appends {
    queue: Queue,
    most_bytes: u64,
    waiting: Operation,
    state: State,
    problem: Option<String>,
}

impl Appends {
    /// `limit`: the most bytes that the queue may hold.
    pub(crate) fn new(queue: Queue, limit: u64) -> Appends {
        let most_bytes = MOST_BYTES.min(limit / 16);
        Appends { queue, most_bytes, waiting: Operation::default(), state: State::Idle, problem: None }
    }

    /// Whether another batch may be added.
    pub(crate) fn has_space(&self) -> bool {
        self.waiting.records.len() < MOST_RECORDS && self.waiting.bytes < self.most_bytes
    }

    /// Whether all that was added is durable.
    pub(crate) fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle) && self.waiting.is_empty()
    }

    /// Why reading waits.
    pub(crate) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// What holds up reading, in the words of the metric.
    pub(crate) fn held_by(&self) -> Option<&'static str> {
        let [full, disk] = metrics::HOLDS_READING;
        self.problem.as_ref().map(|_| if self.is_full() { full } else { disk })
    }

    /// Whether the queue has no room.
    pub(crate) fn is_full(&self) -> bool {
        matches!(self.state, State::Full(_))
    }

    /// Tells the metrics how full the queue is.
    pub(crate) fn tell_usage(&self) {
        let usage = self.queue.usage();
        metrics::queue(usage.used_bytes, usage.limit);
    }

    /// Adds a batch with the state behind it, or state alone.
    pub(crate) fn add(&mut self, record: Option<(Vec<u8>, Bytes)>, puts: Vec<Put>) {
        if let Some((header, payload)) = record {
            self.waiting.bytes += payload.len() as u64;
            self.waiting.records.push((header, payload));
        }
        self.waiting.puts.extend(puts.into_iter().map(|put| (put.key, put.value)));
    }

    /// Does what can be done without waiting.
    ///
    /// # Errors
    /// When the queue was closed, or will never take what there is.
    pub(crate) fn advance(&mut self) -> Result<(), String> {
        if let State::Writing(ticket, _) = &mut self.state {
            match ticket.now_or_never() {
                Some(outcome) => self.written(outcome.map(|_| ()))?,
                None => return Ok(()),
            }
        }
        match self.state {
            State::Full(needed) if !self.queue.has_room(needed) => Ok(()),
            State::Failed => Ok(()),
            _ => self.hand_in(),
        }
    }

    /// Waits until [`Appends::advance`] has something to do; for ever when nothing was added. Dropping it loses
    /// nothing.
    pub(crate) async fn changed(&mut self) -> Result<(), String> {
        match &mut self.state {
            State::Idle if self.waiting.is_empty() => std::future::pending().await,
            State::Idle => Ok(()),
            State::Full(needed) => {
                self.queue.room(*needed).await;
                Ok(())
            }
            State::Failed => {
                tokio::time::sleep(AGAIN).await;
                self.state = State::Idle;
                Ok(())
            }
            State::Writing(ticket, _) => {
                let outcome = ticket.await;
                self.written(outcome.map(|_| ()))
            }
        }
    }

    /// The ticket said how it went.
    fn written(&mut self, outcome: Result<(), queue::Failed>) -> Result<(), String> {
        let State::Writing(_, operation) = std::mem::replace(&mut self.state, State::Idle) else {
            return Ok(());
        };
        match outcome {
            Ok(()) => {
                self.problem = None;
                Ok(())
            }
            Err(queue::Failed::Stopped) => Err(queue::Failed::Stopped.to_string()),
            Err(error) => {
                tracing::error!(%error, "lines are not queued; the same are handed in again");
                self.problem = Some(format!("reading waits: {error}"));
                self.waiting = operation.followed_by(std::mem::take(&mut self.waiting));
                self.state = State::Failed;
                Ok(())
            }
        }
    }

    fn hand_in(&mut self) -> Result<(), String> {
        self.state = State::Idle;
        if self.waiting.is_empty() {
            return Ok(());
        }
        match self.queue.append_many(self.waiting.records.clone(), self.waiting.puts()) {
            Ok(ticket) => {
                self.state = State::Writing(ticket, std::mem::take(&mut self.waiting));
                Ok(())
            }
            Err(Refused::Full { used, limit, needed }) => {
                self.problem = Some(format!(
                    "reading waits: the queue is full ({used} of {limit} bytes); it goes on when the next stage takes batches again"
                ));
                self.state = State::Full(needed);
                Ok(())
            }
            Err(Refused::Busy { needed, .. }) => {
                self.state = State::Full(needed);
                Ok(())
            }
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Operation {
    fn is_empty(&self) -> bool {
        self.records.is_empty() && self.puts.is_empty()
    }

    fn puts(&self) -> Vec<Put> {
        self.puts.iter().map(|(key, value)| Put { key: key.clone(), value: value.clone() }).collect()
    }

    fn followed_by(mut self, later: Operation) -> Operation {
        self.records.extend(later.records);
        self.bytes += later.bytes;
        self.puts.extend(later.puts);
        self
    }
}
