//! The sender: what is queued goes to the next stage, and leaves the queue when that has it.
//!
//! Promises: batches of a source are begun in order, a bounded number and a bounded number of bytes at a time;
//! whatever the next stage answers, nothing is lost; at a stop, what is on its way is waited for.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use prost::Message;
use proto::Batch;
use queue::{Entry, Queue, ReadError};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::books::Books;
use crate::record::Header;
use crate::recover::Again;
use crate::tally::{Causes, Tally};

mod backoff;
mod push;
mod release;

pub(crate) use backoff::Backoff;
pub(crate) use push::{Push, REFUSED};
use release::Releases;

/// Raw bytes of all batches that are on their way, but for a single larger one.
const MOST_BYTES: u64 = 32 << 20;
/// Entries that are listed ahead.
const WINDOW: usize = 512;
/// How long batches on their way are waited for at a stop.
const GRACE: Duration = Duration::from_secs(10);
/// The cause of dead lines whose record in the queue was damaged.
pub(crate) const DAMAGED: &str = "damaged";

/// How a batch ended.
struct Done {
    position: u64,
    source: u32,
    bytes: u64,
    /// What of it was refused for good; none when it was given up and stays queued.
    refused: Option<Causes>,
}

/// All that sending works with.
pub(crate) struct Sender {
    queue: Queue,
    push: Push,
    again: Again,
    in_flight: usize,
    books: Arc<Books>,
    window: VecDeque<(Entry, Header)>,
    /// The position that is listed next.
    cursor: u64,
    more: bool,
    bytes: u64,
    tasks: JoinSet<Done>,
    releases: Releases,
}

impl Sender {
    pub(crate) fn new(push: Push, again: Again, in_flight: usize) -> Sender {
        let (queue, books) = (again.queue.clone(), Arc::clone(&again.books));
        Sender {
            releases: Releases::new(queue.clone(), Arc::clone(&books)),
            queue,
            push,
            again,
            in_flight,
            books,
            window: VecDeque::new(),
            cursor: 0,
            more: true,
            bytes: 0,
            tasks: JoinSet::new(),
        }
    }

    /// Sends until `stop`, or, once `finish` says that nothing is added any more, until the queue is empty.
    ///
    /// # Errors
    /// When the queue was closed.
    pub(crate) async fn run(
        mut self,
        stop: CancellationToken,
        finish: CancellationToken,
    ) -> Result<(), String> {
        let mut committed = self.queue.committed();
        let mut finishing = false;
        loop {
            self.list().await;
            self.start();
            if finishing && !self.more && self.window.is_empty() && self.releases.is_idle() {
                return Ok(());
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = finish.cancelled(), if !finishing => (finishing, self.more) = (true, true),
                changed = committed.changed() => match changed {
                    Ok(()) => self.more = true,
                    Err(_) => return Err("the queue was closed".to_owned()),
                },
                Some(done) = self.tasks.join_next() => self.done(done),
                released = self.releases.changed() => released?,
            }
        }
        self.last().await
    }

    /// Waits for what is on its way.
    async fn last(mut self) -> Result<(), String> {
        let deadline = tokio::time::Instant::now() + GRACE;
        while !self.tasks.is_empty() {
            tokio::select! {
                () = tokio::time::sleep_until(deadline) => break,
                Some(done) = self.tasks.join_next() => self.done(done),
                released = self.releases.changed() => released?,
            }
        }
        self.releases.let_go();
        while !self.releases.is_settled() {
            tokio::select! {
                () = tokio::time::sleep_until(deadline) => break,
                released = self.releases.changed() => released?,
            }
        }
        Ok(())
    }

    /// Lists what was queued meanwhile.
    async fn list(&mut self) {
        if !self.more || self.window.len() >= WINDOW {
            return;
        }
        let (queue, from) = (self.queue.clone(), self.cursor);
        match tokio::task::spawn_blocking(move || queue.entries(from, WINDOW)).await {
            Ok(Ok(listed)) => {
                self.more = listed.len() >= WINDOW;
                for entry in listed {
                    self.cursor = entry.position + 1;
                    match Header::decode(&entry.header) {
                        Some(header) => self.window.push_back((entry, header)),
                        None => {
                            tracing::error!(entry.position, "record has no header of ours; it is left alone")
                        }
                    }
                }
            }
            Ok(Err(error)) => {
                self.books.set_sending(Some(("queue", format!("sending waits: {error}"))));
                tokio::time::sleep(Backoff::LONG / 30).await;
            }
            Err(error) => tracing::error!(%error, "listing the queue failed"),
        }
    }

    /// Begins what may be begun, oldest first.
    fn start(&mut self) {
        let mut at = 0;
        while let Some((_, header)) = self.window.get(at) {
            let bytes = header.kept.bytes;
            if self.bytes > 0 && self.bytes + bytes > MOST_BYTES {
                break;
            }
            if self.releases.on_their_way(header.source) >= self.in_flight {
                at += 1;
                continue;
            }
            let Some((entry, header)) = self.window.remove(at) else { break };
            self.bytes += bytes;
            self.releases.begin(entry.position, header.clone());
            self.tasks.spawn(carry(self.again.clone(), self.push.clone(), entry, header));
        }
        self.note_oldest();
    }

    fn note_oldest(&self) {
        let mut oldest = BTreeMap::new();
        for (_, header) in &self.window {
            oldest.entry(header.source).or_insert(header.read_at_us);
        }
        for source in self.releases.sources() {
            oldest.extend(self.releases.oldest(source).map(|read_at_us| (source, read_at_us)));
        }
        for (source, read_at_us) in oldest {
            self.books.oldest(source, read_at_us);
        }
    }

    fn done(&mut self, done: Result<Done, tokio::task::JoinError>) {
        match done {
            Ok(done) => {
                self.bytes -= done.bytes;
                if let Some(refused) = done.refused {
                    self.releases.done(done.source, done.position, refused);
                }
            }
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => tracing::debug!("a batch on its way was given up; it stays queued"),
            },
        }
    }
}

/// Reads a batch, from its file when its record is damaged, and sends it until it is done.
async fn carry(again: Again, push: Push, entry: Entry, header: Header) -> Done {
    let (position, source, bytes) = (entry.position, header.source, header.kept.bytes);
    let mut refused = Causes::default();
    let batch = match read(again.queue.clone(), entry, &push.books).await {
        Ok(batch) => batch,
        Err(damage) => {
            tracing::error!(
                first = header.first,
                last = header.last,
                "queued lines are read again: {damage}"
            );
            let batch = again.batch(&header).await;
            if batch.is_none() {
                refused.add(DAMAGED, Tally::new(header.kept.events, header.kept.bytes));
            }
            batch
        }
    };
    if let Some(batch) = batch {
        match push.batch(batch).await {
            Some(tally) => refused.add(REFUSED, tally),
            None => return Done { position, source, bytes, refused: None },
        }
    }
    Done { position, source, bytes, refused: Some(refused) }
}

/// The batch of a record; none when it is not queued any more.
///
/// # Errors
/// The record is damaged.
async fn read(queue: Queue, entry: Entry, books: &Books) -> Result<Option<Batch>, String> {
    let mut backoff = Backoff::new();
    loop {
        let (queue, wanted) = (queue.clone(), entry.clone());
        let read = tokio::task::spawn_blocking(move || queue.read(&wanted)).await;
        let error = match read {
            Ok(Ok(payload)) => return Batch::decode(payload).map(Some).map_err(|error| error.to_string()),
            Ok(Err(error @ ReadError::Damaged { .. })) => return Err(error.to_string()),
            Ok(Err(ReadError::Gone { .. })) => return Ok(None),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        books.set_sending(Some(("queue", format!("sending waits: {error}"))));
        tokio::time::sleep(backoff.next()).await;
    }
}
