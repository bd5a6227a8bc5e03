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
use crate::change::{Change, NotDone};
use crate::config::OldEvents;
use crate::dead::{DAMAGED, Grave, Letter, NotKept, TOO_LARGE, TOO_OLD};
use crate::deliver::Delivery;
use crate::intake::{Answer, Repacker};
use crate::manifest::Listed;
use crate::metrics::Outcome;
use crate::record::{self, Kind, Record};
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

/// A body that was read from the spool.
struct Opened<'a> {
    stored: &'a Stored,
    lines: Vec<Listed>,
    body: Bytes,
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

    /// Does what was chosen about events that are too old; None when the body has none.
    async fn put_right(&self, opened: &Opened<'_>, choice: OldEvents, now_ms: i64) -> Option<Fate> {
        let (header, body) = (opened.stored.header.clone(), opened.body.clone());
        let found = self.with_packer(move |packer| packer.too_old(&header, &body, now_ms)).await;
        let Ok(old) = found else { return Some(self.lost(opened.stored).await) };
        let records = match choice {
            _ if old.is_empty() => return None,
            OldEvents::Backfill => self.renew(opened, old, now_ms).await,
            OldEvents::DeadLetter if opened.lines.len() == 1 => {
                return Some(self.bury(opened, TOO_OLD, "").await);
            }
            OldEvents::DeadLetter => {
                let young: Vec<usize> = (0..opened.lines.len()).filter(|at| !old.contains(at)).collect();
                let alone = old.into_iter().map(|at| vec![at]);
                self.split(opened, alone.chain((!young.is_empty()).then_some(young)).collect()).await
            }
        };
        let Ok(records) = records else { return Some(self.lost(opened.stored).await) };
        Some(match self.replace(opened, records, vec![]).await {
            Fate::Settled { .. } => Fate::Settled { answered: false },
            other => other,
        })
    }

    async fn renew(&self, opened: &Opened<'_>, old: Vec<usize>, now_ms: i64) -> std::io::Result<Vec<Record>> {
        let (header, lines, body) = (opened.stored.header.clone(), opened.lines.clone(), opened.body.clone());
        self.with_packer(move |packer| packer.renew(&header, &lines, &body, &old, now_ms)).await
    }

    async fn follow(&self, verdict: Verdict, answer: &Answer, opened: &Opened<'_>) -> Fate {
        let header = &opened.stored.header;
        if let Answer::Items { verdicts, .. } = answer
            && (verdicts.iter().any(|one| *one != verdict) || verdicts.len() != opened.lines.len())
        {
            return self.sort_out(verdicts, answer, opened).await;
        }
        match verdict {
            Verdict::Delivered => {
                self.standing.backfilled(header.backfilled);
                self.settle(opened.stored, vec![], vec![header.delivered()]).await;
                self.standing.delivered(header.all.events);
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
    async fn lost(&self, stored: &Stored) -> Fate {
        tracing::error!(position = stored.entry.position, "a record of the spool is damaged and set aside");
        let all = stored.header.all;
        self.settle(stored, vec![], vec![Entry::Dead { cause: DAMAGED.to_owned(), all }]).await;
        self.standing.dead(all.events);
        Fate::Settled { answered: false }
    }

    async fn halve(&self, opened: &Opened<'_>) -> Fate {
        let middle = opened.lines.len() / 2;
        let halves = vec![(0..middle).collect(), (middle..opened.lines.len()).collect()];
        match self.split(opened, halves).await {
            Ok(halves) => self.replace(opened, halves, vec![]).await,
            Err(_) => self.lost(opened.stored).await,
        }
    }

    /// A body of which the intake took a part: what it took is delivered, what it wants later stays together, and
    /// each event that it did not take goes on alone.
    async fn sort_out(&self, verdicts: &[Verdict], answer: &Answer, opened: &Opened<'_>) -> Fate {
        if verdicts.len() != opened.lines.len() {
            let why = format!("the intake told of {} items, not of {}", verdicts.len(), opened.lines.len());
            return Fate::Again { wish: None, why };
        }
        let places = |wanted: &dyn Fn(Verdict) -> bool| -> Vec<usize> {
            (0..verdicts.len()).filter(|&at| wanted(verdicts[at])).collect()
        };
        let later = places(&|verdict| matches!(verdict, Verdict::Again | Verdict::Hold));
        let alone = places(&|verdict| matches!(verdict, Verdict::Reject | Verdict::Split));
        let mut groups: Vec<Vec<usize>> = if later.is_empty() { vec![] } else { vec![later.clone()] };
        groups.extend(alone.into_iter().map(|at| vec![at]));
        let taken: Vec<Listed> =
            places(&|verdict| verdict == Verdict::Delivered).into_iter().map(|at| opened.lines[at]).collect();
        let Ok(records) = self.split(opened, groups).await else { return self.lost(opened.stored).await };
        let fate = self.replace(opened, records, vec![record::delivered(&taken)]).await;
        if let Fate::Settled { .. } = fate {
            self.standing.delivered(taken.len() as u64);
            return if later.is_empty() { fate } else { Fate::Partly { why: self.told(answer) } };
        }
        fate
    }

    async fn split(&self, opened: &Opened<'_>, groups: Vec<Vec<usize>>) -> std::io::Result<Vec<Record>> {
        let (header, lines, body) = (opened.stored.header.clone(), opened.lines.clone(), opened.body.clone());
        self.with_packer(move |packer| packer.split(&header, &lines, &body, &groups)).await
    }

    async fn shrink(&self, opened: &Opened<'_>, answer: &Answer) -> Fate {
        let Some(&line) = opened.lines.first() else { return self.lost(opened.stored).await };
        let (header, body) = (opened.stored.header.clone(), opened.body.clone());
        match self.with_packer(move |packer| packer.shrink(&header, &line, &body)).await {
            Ok(Some(smaller)) => self.replace(opened, vec![smaller], vec![]).await,
            Ok(None) => self.bury(opened, TOO_LARGE, &self.told(answer)).await,
            Err(_) => self.lost(opened.stored).await,
        }
    }

    async fn replace(&self, opened: &Opened<'_>, mut records: Vec<Record>, entries: Vec<Entry>) -> Fate {
        for record in &mut records {
            record.header.account = opened.stored.header.account;
            record.header.urgent = opened.stored.header.urgent;
        }
        match self.settle(opened.stored, records, entries).await {
            Some(why) => Fate::Again { wish: None, why },
            None => Fate::Settled { answered: true },
        }
    }

    /// Makes the one event of a body a dead letter.
    async fn bury(&self, opened: &Opened<'_>, cause: &str, answer: &str) -> Fate {
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
            queue: format!("{:032x}", u128::from_be_bytes(account.queue)),
            log: account.log,
            number: line.number,
            read_bytes: line.read_bytes,
            read_at_us: opened.stored.header.read_at_us,
            dead_at_us: now_us(),
            cause: cause.to_owned(),
            answer: answer.to_owned(),
        }
    }

    /// Removes a body, with what takes its place and what the books say. While the disk refuses, tries again; Some
    /// when the spool is too full for what should take its place.
    async fn settle(&self, stored: &Stored, append: Vec<Record>, entries: Vec<Entry>) -> Option<String> {
        let entries = entries.into_iter().map(|entry| (stored.header.account, entry)).collect();
        let remove = vec![stored.entry.position];
        let change = Change { entries, remove, append, ..Change::default() };
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
                }
            }
            tokio::time::sleep(DISK_PAUSE).await;
        }
    }

    fn wish(&self, answer: &Answer) -> Option<Duration> {
        let Answer::Status { retry_after: Some(value), .. } = answer else { return None };
        retry_after(value, std::time::SystemTime::now(), self.retry.hold.duration())
    }

    async fn with_packer<T: Send + 'static>(
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
            Answer::Lost(_) => Verdict::Again,
            Answer::NoKey(_) => Verdict::Hold,
        }
    }

    /// An answer in words, with what to do about it.
    fn told(&self, answer: &Answer) -> String {
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
            Answer::NoKey(why) => why.clone(),
        }
    }
}

fn cause_of(answer: &Answer) -> String {
    match answer {
        Answer::Status { code, .. } => format!("rejected ({code})"),
        Answer::Items { .. } | Answer::Lost(_) | Answer::NoKey(_) => "rejected".to_owned(),
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
