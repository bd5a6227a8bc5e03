//! One body, sent once, and its fate made durable.
//!
//! Promises: a body leaves the spool only together with the line of the books that says where its events went; a
//! dead letter is durable before; what cannot be written down is not forgotten but tried again.

use std::time::Duration;

use bytes::Bytes;
use chassis::Revealed;
use queue::ReadError;
use tokio::time::Instant;

use crate::account::Entry;
use crate::block;
use crate::canary;
use crate::change::{Change, NotDone};
use crate::dead::{DAMAGED, Grave, Letter, NotKept, hexadecimal};
use crate::deliver::Delivery;
use crate::intake::{Answer, Repacker};
use crate::manifest::Listed;
use crate::metrics::Outcome;
use crate::receipts::Slip;
use crate::record::{self, Header, Kind, Record};
use crate::retry_after::retry_after;
use crate::spool::Stored;
use crate::standing::now_us;
use crate::verdict::Verdict;

/// Pause while the spool's disk refuses what has to be written down.
const DISK_PAUSE: Duration = Duration::from_secs(1);

/// By what events are filtered for which no budget was left.
const DAILY_BUDGET: &str = "daily budget";

/// What came of an attempt.
#[derive(Debug)]
pub(crate) enum Fate {
    /// The body is no longer in the spool; `answered` when the intake had its say.
    Settled { answered: bool },
    /// The intake took a part; what it wants later lies in the spool by itself.
    Partly { why: String },
    /// To be sent again, not before the wish.
    Again { wish: Option<Duration>, why: String },
    /// Nothing will get through until somebody changes something; the key that was used.
    Held { why: String, key: Option<Revealed> },
    /// There is no room for its dead letter of so many bytes.
    NoGrave { why: String, needed: u64 },
}

impl Fate {
    /// In a word.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Fate::Settled { .. } => "settled",
            Fate::Partly { .. } => "partly",
            Fate::Again { .. } => "again",
            Fate::Held { .. } | Fate::NoGrave { .. } => "held",
        }
    }
}

/// A body that was read from the spool.
pub(crate) struct Opened<'a> {
    pub(crate) stored: &'a Stored,
    pub(crate) lines: Vec<Listed>,
    pub(crate) body: Bytes,
}

impl Delivery {
    /// Sends a body and settles it.
    pub(crate) async fn attempt(&self, stored: &Stored) -> Fate {
        let opened = match self.open(stored).await {
            Ok(opened) => opened,
            Err(fate) => return fate,
        };
        if let Kind::Unsendable(cause) = &stored.header.kind {
            return self.bury(&opened, cause, "").await;
        }
        let now_ms = now_us() / 1000;
        if let Some(choice) = self.packer.minds_age(&stored.header, now_ms)
            && let Some(fate) = self.put_right(&opened, choice, now_ms).await
        {
            return fate;
        }
        let (begun, key) = (Instant::now(), self.carrier.key());
        self.standing.begun();
        let answer = self.carrier.send(&stored.header, opened.body.clone()).await;
        let verdict = self.verdict_of(&answer);
        let outcome = if matches!(answer, Answer::Lost(_)) { Outcome::Lost } else { verdict.into() };
        self.standing.answered(outcome, opened.body.len() as u64, begun.elapsed());
        tracing::debug!(?outcome, position = stored.entry.position, "answer");
        match verdict {
            Verdict::Hold => Fate::Held { why: self.told(&answer), key },
            _ => self.follow(verdict, &answer, &opened).await,
        }
    }

    /// Leaves a body out, for want of a budget.
    pub(crate) async fn leave_out(&self, stored: &Stored) -> Fate {
        let entry = Entry::LeftOut { by: DAILY_BUDGET.to_owned(), all: stored.header.all };
        self.settle(stored, vec![], vec![entry]).await;
        Fate::Settled { answered: false }
    }

    async fn follow(&self, verdict: Verdict, answer: &Answer, opened: &Opened<'_>) -> Fate {
        let header = &opened.stored.header;
        if let Answer::Items { verdicts, .. } = answer
            && (verdicts.iter().any(|one| *one != verdict) || verdicts.len() != opened.lines.len())
        {
            return self.sort_out(verdicts, answer, opened).await;
        }
        if let Answer::Guilty { at, .. } = answer
            && opened.lines.len() > 1
            && *at < opened.lines.len()
        {
            return self.set_apart(*at, opened).await;
        }
        match verdict {
            Verdict::Delivered => {
                self.standing.backfilled(header.backfilled);
                let taken = self.taken(opened, &opened.lines, header.delivered(), answer).await;
                self.commit(opened.stored, taken).await;
                self.standing.delivered(header.all.events);
                self.standing.canaries(&header.canaries);
                Fate::Settled { answered: true }
            }
            Verdict::Hold | Verdict::Again => Fate::Again { wish: self.wish(answer), why: self.told(answer) },
            Verdict::Split | Verdict::Reject if opened.lines.len() > 1 => self.halve(opened).await,
            Verdict::Split => self.shrink(opened, answer).await,
            Verdict::Reject => self.bury(opened, &cause_of(answer), &self.told(answer)).await,
        }
    }

    async fn open<'a>(&self, stored: &'a Stored) -> Result<Opened<'a>, Fate> {
        let (spool, wanted) = (self.spool.clone(), stored.clone());
        let payload = match blocking(move || spool.read(&wanted)).await {
            Ok(payload) => payload,
            Err(ReadError::Damaged { .. }) => return Err(self.lost(stored).await),
            Err(ReadError::Gone { .. }) => return Err(Fate::Settled { answered: false }),
            Err(error) => return Err(Fate::Again { wish: None, why: error.to_string() }),
        };
        match record::open(&payload) {
            Some((lines, body)) => Ok(Opened { stored, lines, body }),
            None => Err(self.lost(stored).await),
        }
    }

    /// A record whose bytes are not those that were written: its events are dead, and the books say so.
    pub(crate) async fn lost(&self, stored: &Stored) -> Fate {
        tracing::error!(position = stored.entry.position, "a record of the spool is damaged and set aside");
        let all = stored.header.all;
        self.settle(stored, vec![], vec![Entry::Dead { cause: DAMAGED.to_owned(), all }]).await;
        self.standing.dead(all.events);
        Fate::Settled { answered: false }
    }

    /// Makes the one event of a body a dead letter.
    pub(crate) async fn bury(&self, opened: &Opened<'_>, cause: &str, answer: &str) -> Fate {
        let Some(line) = opened.lines.first() else { return self.lost(opened.stored).await };
        let header = &opened.stored.header;
        let Ok(event) = self.event(opened).await else { return self.lost(opened.stored).await };
        let grave: Grave = (header.account, line.number);
        let letter = self.letter(opened, line, cause, answer);
        match self.dead.keep(grave, &letter, &event).await {
            Ok(()) => {}
            Err(refused @ NotKept::Full { needed, .. }) => {
                return Fate::NoGrave { why: refused.to_string(), needed };
            }
            Err(failed) => return Fate::Again { wish: None, why: failed.to_string() },
        }
        self.settle(opened.stored, vec![], vec![Entry::Dead { cause: cause.to_owned(), all: header.all }])
            .await;
        self.dead.left_the_spool(&[grave]).await;
        self.standing.dead(header.all.events);
        Fate::Settled { answered: header.kind == Kind::Body }
    }

    /// What the books and the receipts say of the lines of a body that the intake took.
    pub(crate) async fn taken(
        &self,
        opened: &Opened<'_>,
        lines: &[Listed],
        said: Entry,
        answer: &Answer,
    ) -> Change {
        self.unbury(opened, lines).await;
        let slips = self.slip(opened, lines.to_vec(), answer).await.into_iter().collect();
        Change { entries: entry(&opened.stored.header, said), slips, ..Change::default() }
    }

    /// What the receipt of lines that were taken is made of.
    async fn slip(&self, opened: &Opened<'_>, lines: Vec<Listed>, answer: &Answer) -> Option<Slip> {
        self.spool.receipts().filter(|_| !lines.is_empty())?;
        let code = match answer {
            Answer::Status { code, .. } => *code,
            Answer::Items { .. } => 200,
            Answer::Guilty { .. } | Answer::Held(_) | Answer::Lost(_) | Answer::NoKey(_) => return None,
        };
        let (account, body) = (opened.stored.header.account, opened.body.clone());
        Some(blocking(move || Slip::of(account, &lines, &body, code)).await)
    }

    /// An event that got its letter before a crash, and got through after it, is no dead letter.
    async fn unbury(&self, opened: &Opened<'_>, lines: &[Listed]) {
        let account = opened.stored.header.account;
        let graves = crate::gone::graves_of(&self.dead, account, lines);
        if graves.is_empty() {
            return;
        }
        let dead = self.dead.clone();
        if let Err(why) = blocking(move || crate::gone::forget(&dead, &graves)).await {
            tracing::warn!(why, "a delivered event keeps its dead letter");
        }
    }

    async fn event(&self, opened: &Opened<'_>) -> Result<Bytes, String> {
        let (header, body) = (opened.stored.header.clone(), opened.body.clone());
        if matches!(header.kind, Kind::Unsendable(_)) {
            return blocking(move || block::line(&header, &body)).await;
        }
        self.with_packer(move |packer| packer.line(&header, &body)).await.map_err(|error| error.to_string())
    }

    fn letter(&self, opened: &Opened<'_>, line: &Listed, cause: &str, answer: &str) -> Letter {
        let account = self.spool.account(opened.stored.header.account);
        Letter {
            queue: hexadecimal(account.queue),
            log: account.log,
            number: line.number,
            read_bytes: line.read_bytes,
            read_at_us: opened.stored.header.read_at_us,
            dead_at_us: now_us(),
            cause: cause.to_owned(),
            answer: answer.to_owned(),
            shrunk: line.shrunk,
            replaced: line.replaced,
        }
    }

    /// Removes a body, with what takes its place and what the books say. While the disk refuses, tries again; Some
    /// when the spool is too full for what should take its place.
    async fn settle(&self, stored: &Stored, append: Vec<Record>, entries: Vec<Entry>) -> Option<String> {
        let entries = entries.into_iter().flat_map(|said| entry(&stored.header, said)).collect();
        self.commit(stored, Change { entries, append, ..Change::default() }).await
    }

    pub(crate) async fn commit(&self, stored: &Stored, change: Change) -> Option<String> {
        let mut change = Change { remove: vec![stored.entry.position], ..change };
        for record in &mut change.append {
            record.header.trace.clone_from(&stored.header.trace); // what takes its place goes on from the same span
            record.header.canaries = canary::passed_on(&stored.header.canaries, record);
        }
        loop {
            match self.spool.commit(change.clone()).await {
                Ok(()) => {
                    self.standing.metrics.spool(self.spool.status().bytes);
                    return None;
                }
                Err(NotDone::Overtaken) => return None,
                Err(full @ NotDone::Full { .. }) => {
                    return Some(format!("a body cannot be taken apart: {full}; raise `spool.max_size`"));
                }
                // Closed: its thread broke off. To go on would send every body and remove none.
                Err(why @ (NotDone::Failed(_) | NotDone::Closed)) => {
                    self.standing.fails(false, &format!("the spool: {why}"));
                    change.slips.clear(); // they were written before the spool's disk said no
                }
            }
            tokio::time::sleep(DISK_PAUSE).await;
        }
    }

    fn wish(&self, answer: &Answer) -> Option<Duration> {
        let Answer::Status { retry_after: Some(value), .. } = answer else { return None };
        retry_after(value, std::time::SystemTime::now(), self.retry.hold.duration())
    }

    pub(crate) async fn with_packer<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Repacker) -> std::io::Result<T> + Send + 'static,
    ) -> std::io::Result<T> {
        let packer = self.packer.clone();
        blocking(move || work(packer.as_ref())).await
    }

    fn verdict_of(&self, answer: &Answer) -> Verdict {
        match answer {
            Answer::Status { code, .. } => self.carrier.verdict(*code),
            Answer::Items { verdicts, .. } => verdicts.first().copied().unwrap_or(Verdict::Delivered),
            Answer::Guilty { .. } => Verdict::Reject,
            Answer::Lost(_) => Verdict::Again,
            Answer::Held(_) | Answer::NoKey(_) => Verdict::Hold,
        }
    }

    /// An answer in words, with what to do about it.
    pub(crate) fn told(&self, answer: &Answer) -> String {
        match answer {
            Answer::Status { code, words, .. } => {
                let words = if words.is_empty() { String::new() } else { format!(" ({words})") };
                match self.carrier.verdict(*code) {
                    Verdict::Hold => {
                        format!("the intake answers {code}{words}: {}", self.carrier.advice(*code))
                    }
                    _ => format!("the intake answers {code}{words}"),
                }
            }
            Answer::Items { words, .. } => format!("the intake did not take all: {words}"),
            Answer::Lost(why) => format!("no answer: {why}"),
            Answer::Guilty { words, .. } => format!("the intake does not accept an event: {words}"),
            Answer::Held(why) | Answer::NoKey(why) => why.clone(),
        }
    }
}

/// A line for the books of a body's account.
fn entry(header: &Header, said: Entry) -> Vec<(u32, Entry)> {
    vec![(header.account, said)]
}

fn cause_of(answer: &Answer) -> String {
    match answer {
        Answer::Status { code, .. } | Answer::Guilty { code, .. } => format!("rejected ({code})"),
        _ => "rejected".to_owned(),
    }
}

/// Work that may block, on a thread where it may. Panics there go on here.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // The runtime is going down, and this task with it.
        Err(_) => std::future::pending().await,
    }
}
