//! Bodies become durable, in turn.
//!
//! Invariants: all lines of a body, the numbers given to them and the knowledge of the body are one operation of the
//! queue, so that a crash keeps all or nothing; a body that was taken before is counted and not taken again; whoever
//! posted it is answered when the operation is on the disk. While one operation is written, further bodies gather
//! for the next one, up to a bound.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use proto::{Batch, Origin};
use queue::{Failed, Queue, Refused};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::posted::{Part, Posted};
use super::window::{Hash, Window};
use crate::books::Books;
use crate::checkpoint::SourceState;
use crate::quarantine::{Held, Quarantine};
use crate::record::Header;
use crate::tally::Tally;
use crate::{clock, lines, metrics};

/// What leaves out the lines of a body that was taken before.
pub(crate) const REPEAT: &str = "webhook repeat";
/// Bodies of one operation.
const MOST_BODIES: usize = 256;
/// Packed bytes of one operation, but for a single larger body.
const MOST_BYTES: u64 = 8 << 20;
/// How long a queue whose disk is behind is waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// Numbers that a batch may cover before one goes without events.
const MOST_NUMBERS: u64 = 1 << 30;

/// What became of a body.
pub(super) type Answer = Result<Taken, NotTaken>;

/// A body is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// Its lines were queued.
    Now,
    /// They had been before.
    Before,
}

/// Nothing of a body was taken.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum NotTaken {
    /// It may be posted again.
    #[error("{0}")]
    Later(String),
    /// It will never fit.
    #[error("{0}")]
    TooLarge(String),
    /// Nothing more is taken.
    #[error("the collector is ending; post the same again")]
    Ending,
    /// An operator wants nothing to be taken now.
    #[error("{0}; post the same again")]
    Paused(String),
}

/// A body that waits for its turn.
pub(super) struct Waiting {
    pub(super) posted: Posted,
    pub(super) answer: oneshot::Sender<Answer>,
    /// The memory that it may take.
    pub(super) _room: OwnedSemaphorePermit,
}

/// The one who gives numbers to the webhook's lines.
pub(super) struct Ledger {
    pub(super) queue: Queue,
    pub(super) books: Arc<Books>,
    pub(super) quarantine: Arc<Quarantine>,
    pub(super) origin: Origin,
    /// As it is durable.
    pub(super) state: SourceState,
    pub(super) window: Window,
    /// Most bytes that the queue may hold.
    pub(super) limit: u64,
}

/// What one operation does.
struct Draft {
    state: SourceState,
    records: Vec<(Header, Bytes)>,
    hashes: Vec<Hash>,
    answers: Vec<(oneshot::Sender<Answer>, Taken)>,
    repeats: Tally,
}

impl Ledger {
    /// Takes bodies until nobody posts any more.
    ///
    /// # Errors
    /// When the queue was closed.
    pub(super) async fn run(mut self, mut waiting: mpsc::Receiver<Waiting>) -> Result<(), String> {
        self.books.posted(&self.state, &self.origin, &[]);
        while let Some(first) = waiting.recv().await {
            let most = MOST_BYTES.min(self.limit / 16);
            let mut bytes = first.posted.packed();
            let mut group = vec![first];
            while group.len() < MOST_BODIES && bytes < most {
                let Ok(next) = waiting.try_recv() else { break };
                bytes += next.posted.packed();
                group.push(next);
            }
            self.take(group).await?;
        }
        Ok(())
    }

    async fn take(&mut self, group: Vec<Waiting>) -> Result<(), String> {
        let draft = match self.draft(group).await {
            Ok(draft) => draft,
            Err((answers, why)) => {
                self.books.set_posting(Some(format!("the webhook's bodies are refused: {why}")));
                refuse(answers, &NotTaken::Later(why));
                return Ok(());
            }
        };
        let headers: Vec<Header> = draft.records.iter().map(|(header, _)| header.clone()).collect();
        self.books.posted(&draft.state, &self.origin, &headers);
        match self.commit(&draft).await {
            Ok(()) => {
                self.done(draft);
                self.books.set_posting(None);
                Ok(())
            }
            Err(why) => {
                self.books.withdrawn(&self.state, &headers);
                self.books.set_posting(Some(format!("the webhook's bodies are refused: {why}")));
                let closed = matches!(why, NotTaken::Ending);
                refuse(draft.answers.into_iter().map(|(answer, _)| answer).collect(), &why);
                if closed { Err("the queue was closed".to_owned()) } else { Ok(()) }
            }
        }
    }

    /// What taking these bodies comes to; bad lines are in quarantine then.
    async fn draft(&self, group: Vec<Waiting>) -> Result<Draft, (Vec<oneshot::Sender<Answer>>, String)> {
        let mut draft = Draft::of(self.state.clone());
        let mut bad = Vec::new();
        for Waiting { posted, answer, .. } in group {
            if self.window.has(&posted.hash) || draft.hashes.contains(&posted.hash) {
                draft.repeat(&posted);
                draft.answers.push((answer, Taken::Before));
                continue;
            }
            draft.hashes.push(posted.hash);
            draft.answers.push((answer, Taken::Now));
            for part in posted.parts {
                let first = draft.state.next;
                draft.part(&part, &self.origin, self.queue.id());
                bad.extend(part.bad.into_iter().map(|bad| (first + bad.number, bad)));
            }
        }
        let (quarantine, path) = (Arc::clone(&self.quarantine), self.origin.path.clone());
        let keep = move || {
            let held = bad.iter().map(|(number, bad)| Held {
                path: Path::new(&path),
                offset: None,
                number: *number,
                bytes: bad.bytes,
                line: &bad.head,
                cause: lines::QUARANTINE,
                why: &bad.why,
            });
            let held: Vec<_> = held.collect();
            if held.is_empty() { Ok(0) } else { quarantine.keep(&held).map(|()| held.len() as u64) }
        };
        let kept =
            tokio::task::spawn_blocking(keep).await.unwrap_or_else(|error| Err(io::Error::other(error)));
        match kept {
            Ok(bad) => {
                metrics::left_out(lines::QUARANTINE, bad);
                Ok(draft)
            }
            Err(error) => {
                let why = format!("bad items cannot be kept in quarantine: {error}; free some room");
                Err((draft.answers.into_iter().map(|(answer, _)| answer).collect(), why))
            }
        }
    }

    /// One operation, until it is on the disk.
    async fn commit(&self, draft: &Draft) -> Result<(), NotTaken> {
        let mut puts = self.window.puts(draft.hashes.iter());
        puts.push(draft.state.put());
        let records: Vec<(Vec<u8>, Bytes)> =
            draft.records.iter().map(|(header, payload)| (header.encode(), payload.clone())).collect();
        let mut refused = self.queue.append_many(records.clone(), puts.clone());
        if let Err(Refused::Busy { needed, .. }) = refused {
            let room = tokio::time::timeout(PATIENCE, self.queue.room(needed)).await;
            refused = if room.is_ok() { self.queue.append_many(records, puts) } else { refused };
        }
        let written = match refused {
            Ok(ticket) => ticket.await,
            Err(Refused::Closed) => return Err(NotTaken::Ending),
            Err(error @ Refused::TooLarge { .. }) => return Err(NotTaken::TooLarge(error.to_string())),
            Err(error) => return Err(NotTaken::Later(error.to_string())),
        };
        match written {
            Ok(_) => Ok(()),
            Err(Failed::Stopped) => Err(NotTaken::Ending),
            Err(error) => Err(NotTaken::Later(error.to_string())),
        }
    }

    fn done(&mut self, draft: Draft) {
        let mut read = draft.state.read;
        read.take(self.state.read);
        metrics::read(read);
        metrics::left_out(REPEAT, draft.repeats.events);
        self.state = draft.state;
        draft.hashes.into_iter().for_each(|hash| self.window.add(hash));
        for (answer, taken) in draft.answers {
            metrics::posted(if taken == Taken::Now { "taken" } else { "repeated" });
            // Whoever posted it may be gone; the body is taken all the same.
            let _ = answer.send(Ok(taken));
        }
    }
}

impl Draft {
    fn of(state: SourceState) -> Draft {
        let (records, hashes, answers) = (Vec::new(), Vec::new(), Vec::new());
        Draft { state, records, hashes, answers, repeats: Tally::default() }
    }

    /// The lines of a body that was taken before: they are counted, and go no further.
    fn repeat(&mut self, posted: &Posted) {
        let read = posted.read();
        self.state.read.add(read);
        self.state.filtered.add(REPEAT, read);
        self.state.next += posted.lines();
        self.repeats.add(read);
    }

    /// The lines of a part get their numbers; those since the last batch, and these, are covered by one.
    fn part(&mut self, part: &Part, origin: &Origin, queue: [u8; 16]) {
        let state = &mut self.state;
        let (first, next, before) = (state.uncovered, state.next, state.handed_on());
        let start = state.read.bytes;
        state.next += part.lines;
        state.read.add(part.read);
        state.filtered.merge(&part.filtered);
        part.bad.iter().for_each(|bad| state.dead.add(lines::QUARANTINE, Tally::new(1, bad.bytes + 1)));
        if part.batch.events == 0 && state.next - first < MOST_NUMBERS {
            return;
        }
        state.uncovered = state.next;
        let gap = (next - first) as u32; // below MOST_NUMBERS
        let batch = Batch {
            events_before: before.events,
            bytes_before: before.bytes,
            origin: Some(origin.clone()),
            queue: queue.to_vec(),
            first,
            last: state.next - 1,
            read_at_us: clock::now_us(),
            numbers: part.numbers(gap),
            ..part.batch.clone()
        };
        let header = Header {
            source: state.number,
            file: 0,
            start,
            end: state.read.bytes,
            first,
            last: batch.last,
            kept: part.kept,
            before: Tally::new(batch.events_before, batch.bytes_before),
            read_at_us: batch.read_at_us,
        };
        self.records.push((header, batch.encode_to_vec().into()));
    }
}

fn refuse(answers: Vec<oneshot::Sender<Answer>>, why: &NotTaken) {
    for answer in answers {
        // As above.
        let _ = answer.send(Err(why.clone()));
    }
}
