//! A next stage for a collector alone: it takes batches by gRPC in this process, answers as it is told, and keeps
//! of every line what is needed to say whether it came once, whole and in order.
//!
//! Promise: what it holds grows by a few bytes per line, so that a run may write gigabytes.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use proto::v1::StatusReply;
use proto::{Batch, Receipt, Refusal};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::dice::Dice;
use crate::eventually::eventually;
use crate::numbered::{Kind, Numbered};
use crate::port::free_port;

/// How it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// At once.
    Fast,
    /// After up to so many milliseconds.
    Slow(u64),
    /// So many of 100 batches are refused as busy.
    Busy(u64),
    /// So many of 100 batches are refused as unavailable.
    Unavailable(u64),
    /// Of so many of 100 batches the receipt is lost on its way.
    LosingReceipts(u64),
}

/// The stage. It listens only while it is open.
pub struct NextStage {
    port: u16,
    taking: Taking,
    server: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

/// What the stage and those who look at it share.
#[derive(Clone)]
pub struct Taking(Arc<Shared>);

struct Shared {
    lines: Numbered,
    mood: Mutex<(Mood, Dice)>,
    record: Mutex<Record>,
    batches: AtomicU64,
    bytes: AtomicU64,
    upto: AtomicU64,
}

/// What came.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// For each line, by its number: the number that the collector gave it when it came first; 0 when it never came.
    pub lines: Vec<u64>,
    /// Batches by queue id and first number.
    pub batches: BTreeMap<(Vec<u8>, u64), Taken>,
    /// How many lives the sender had.
    pub lives: u64,
    /// The first numbers of batches, as they came first, and in which life of the sender that was.
    pub order: Vec<(u64, u64)>,
    /// What must never come; the first few of it.
    pub wrong: Vec<String>,
    /// Batches that were taken and whose receipt did not go out.
    pub receipts_lost: u64,
    /// Lines that were written otherwise, and are not to come.
    pub left_out: BTreeSet<u64>,
}

/// A batch that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The number of its last line.
    pub last: u64,
    /// Hash of its lines.
    pub lines: u64,
    /// How often it came.
    pub times: u64,
}

impl NextStage {
    /// A stage that knows which lines are to come; closed.
    #[must_use]
    pub fn new(lines: Numbered, seed: u64) -> NextStage {
        let shared = Shared {
            lines,
            mood: Mutex::new((Mood::Fast, Dice::new(seed))),
            record: Mutex::default(),
            batches: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            upto: AtomicU64::new(0),
        };
        NextStage { port: free_port(), taking: Taking(Arc::new(shared)), server: None }
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What it took so far.
    #[must_use]
    pub fn taking(&self) -> Taking {
        self.taking.clone()
    }

    /// From now on it answers so.
    pub fn set_mood(&self, mood: Mood) {
        lock(&self.taking.0.mood).0 = mood;
    }

    /// Listens, if it does not yet.
    pub async fn open(&mut self) {
        if self.server.is_some() {
            return;
        }
        let port = self.port;
        let listener = eventually("the port of the next stage is free", async || {
            TcpListener::bind(("127.0.0.1", port)).await.map_err(|error| error.to_string())
        })
        .await;
        let taking = self.taking();
        let stage = proto::stage(move |batch| {
            let taking = taking.clone();
            async move { taking.answer(batch).await }
        });
        let (stop, stopped) = oneshot::channel();
        let server = proto::Server::new(Arc::new(StatusReply::default)).stage(stage);
        let serving = tokio::spawn(async move {
            let stopped = async move {
                let _ = stopped.await;
            };
            server.run(listener, stopped).await.unwrap();
        });
        self.server = Some((stop, serving));
    }

    /// Listens no more; calls in flight are answered first.
    pub async fn close(&mut self) {
        if let Some((stop, serving)) = self.server.take() {
            let _ = stop.send(());
            serving.await.unwrap();
        }
    }
}

impl Taking {
    /// How many batches came, repeats included.
    #[must_use]
    pub fn batches(&self) -> u64 {
        self.0.batches.load(Ordering::Relaxed)
    }

    /// Bytes of all lines that came, with their newlines, repeats left out.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }

    /// Every event up to the line with this number came.
    #[must_use]
    pub fn upto(&self) -> u64 {
        self.0.upto.load(Ordering::Relaxed)
    }

    /// Whether the line with this number came.
    #[must_use]
    pub fn has(&self, number: u64) -> bool {
        lock(&self.0.record).number(number) != 0
    }

    /// The line with this number was written otherwise and is not to come.
    pub fn leaves_out(&self, number: u64) {
        let mut record = lock(&self.0.record);
        record.left_out.insert(number);
        self.advance(&record);
    }

    /// Waits until every event up to the line with this number came.
    ///
    /// # Panics
    /// When they never do.
    pub async fn until(&self, number: u64) {
        eventually(&format!("lines up to {number} came"), async || {
            if self.upto() >= number { Ok(()) } else { Err(format!("those up to {}", self.upto())) }
        })
        .await;
    }

    /// What came, as of now.
    #[must_use]
    pub fn record(&self) -> Record {
        lock(&self.0.record).clone()
    }

    /// The sender begins anew: what was on its way before is not any more.
    pub fn sender_starts(&self) {
        lock(&self.0.record).lives += 1;
    }

    async fn answer(&self, batch: Batch) -> Result<Receipt, Refusal> {
        let (mood, pause, refuses) = {
            let mut mood = lock(&self.0.mood);
            let percent = match mood.0 {
                Mood::Busy(percent) | Mood::Unavailable(percent) | Mood::LosingReceipts(percent) => percent,
                Mood::Fast | Mood::Slow(_) => 0,
            };
            let pause = if let Mood::Slow(millis) = mood.0 { mood.1.millis(millis) } else { Duration::ZERO };
            (mood.0, pause, mood.1.chance(percent))
        };
        let why = || "it was told so".to_owned();
        match mood {
            Mood::Slow(_) => tokio::time::sleep(pause).await,
            Mood::Busy(_) if refuses => return Err(Refusal::Busy { why: why() }),
            Mood::Unavailable(_) if refuses => return Err(Refusal::Unavailable { why: why() }),
            _ => {}
        }
        let receipt = batch.receipt();
        self.take(&batch);
        if matches!(mood, Mood::LosingReceipts(_)) && refuses {
            lock(&self.0.record).receipts_lost += 1;
            return Err(Refusal::Unavailable { why: why() });
        }
        Ok(receipt)
    }

    fn take(&self, batch: &Batch) {
        let lines = batch.lines().unwrap();
        let mut hash = DefaultHasher::new();
        lines.iter().for_each(|line| line.bytes.hash(&mut hash));
        let hash = hash.finish();
        let bad: Vec<String> = lines.iter().filter_map(|line| self.wrong(&line.bytes)).collect();
        let mut record = lock(&self.0.record);
        bad.into_iter().for_each(|bad| record.note(bad));
        let key = (batch.queue.to_vec(), batch.first);
        if let Some(taken) = record.batches.get_mut(&key) {
            taken.times += 1;
            if (taken.last, taken.lines) != (batch.last, hash) {
                record.note(format!("batch {} to {} came again with other lines", batch.first, batch.last));
            }
        } else {
            record.batches.insert(key, Taken { last: batch.last, lines: hash, times: 1 });
            let life = record.lives;
            record.order.push((life, batch.first));
            for line in &lines {
                if let Some(number) = self.0.lines.number_of(&line.bytes) {
                    let fresh = record.arrived(number, line.number);
                    let bytes = if fresh { line.bytes.len() as u64 + 1 } else { 0 };
                    self.0.bytes.fetch_add(bytes, Ordering::Relaxed);
                }
            }
            self.advance(&record);
        }
        self.0.batches.fetch_add(1, Ordering::Relaxed);
    }

    /// What is wrong with a line that came.
    fn wrong(&self, line: &[u8]) -> Option<String> {
        let start = || String::from_utf8_lossy(&line[..line.len().min(160)]).into_owned();
        match self.0.lines.number_of(line) {
            None => Some(format!("a line that was never written came: {}", start())),
            Some(number) if self.0.lines.line(number) != line => {
                Some(format!("line {number} came otherwise than it was written: {}", start()))
            }
            Some(_) => None,
        }
    }

    fn advance(&self, record: &Record) {
        let mut upto = self.upto();
        let is_done = |number| {
            record.number(number) != 0
                || self.0.lines.kind(number) != Kind::Event
                || record.left_out.contains(&number)
        };
        let last =
            (record.lines.len() as u64).saturating_sub(1).max(record.left_out.last().copied().unwrap_or(0));
        while upto < last && is_done(upto + 1) {
            upto += 1;
        }
        self.0.upto.store(upto, Ordering::Relaxed);
    }
}

impl Record {
    /// The number that the collector gave to a line; 0 when it never came.
    #[must_use]
    pub fn number(&self, line: u64) -> u64 {
        self.lines.get(line as usize).copied().unwrap_or(0)
    }

    /// Runs of lines that were read one after the other, as `lines at the number of the first`.
    #[must_use]
    pub fn runs(&self) -> Vec<String> {
        let mut runs: Vec<(u64, u64, u64)> = Vec::new();
        for (line, &number) in (0..).zip(&self.lines).filter(|(_, number)| **number != 0) {
            match runs
                .last_mut()
                .filter(|(first, _, at)| number.wrapping_sub(line) == at.wrapping_sub(*first))
            {
                Some((_, last, _)) => *last = line,
                None => runs.push((line, line, number)),
            }
        }
        runs.iter().map(|(first, last, at)| format!("{first} to {last} at {at}")).collect()
    }

    /// A line came in a batch that came first; whether the line did too.
    fn arrived(&mut self, line: u64, number: u64) -> bool {
        let at = line as usize;
        if self.lines.len() <= at {
            self.lines.resize(at + 1, 0);
        }
        if self.lines[at] != 0 {
            let before = self.lines[at];
            self.note(format!("line {line} was read twice: as number {before} and as number {number}"));
            return false;
        }
        self.lines[at] = number;
        true
    }

    fn note(&mut self, wrong: String) {
        if self.wrong.len() < 10 {
            self.wrong.push(wrong);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
