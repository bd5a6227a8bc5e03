//! Destinations that take one thing at a time on this machine: file, standard output, lake.
//!
//! Promises: as those of the delivery over HTTP; records leave the spool oldest first and only when what was written
//! is where it should be; what fails is tried again after growing pauses.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chassis::Stop;
use proto::KeyValue;
use queue::ReadError;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::account::{Entry, Tally};
use crate::canary::Canary;
use crate::change::{Change, NotDone};
use crate::config::Retry;
use crate::dead::DAMAGED;
use crate::hold;
use crate::metrics::Outcome;
use crate::pace::Pace;
use crate::receipts::Slip;
use crate::record::Header;
use crate::spool::{Spool, Stored};
use crate::standing::Standing;
use crate::workbench::Workbench;

pub(crate) mod file;
pub(crate) mod lake;
pub(crate) mod stdout;

/// What came of a step.
pub(crate) enum Step {
    /// Something left the spool, and there may be more.
    Did { events: u64, bytes: u64, canaries: Vec<Canary> },
    /// There is nothing to do before the next commit.
    Idle,
    /// There is nothing to do before the next commit, or before so much time has passed.
    Wait(Duration),
}

/// A destination that takes one thing at a time.
pub(crate) trait Sink: Send + 'static {
    /// The `type` of the destination, for the name of its thread.
    fn kind(&self) -> &'static str;

    /// Does the next piece of work and makes it durable. Blocking; nothing is lost when it fails, or when the
    /// process dies in the middle. `hurry`: nobody waits for more to come.
    fn step(&mut self, now: Instant, hurry: bool) -> Result<Step, String>;
}

/// Drives a sink until `stop` is requested; a step that was begun is finished.
pub(crate) async fn run(
    mut sink: Box<dyn Sink>,
    spool: Spool,
    standing: Arc<Standing>,
    retry: Retry,
    mut hurry: watch::Receiver<bool>,
    mut hold: watch::Receiver<hold::State>,
    stop: Stop,
) {
    let mut committed = spool.committed();
    let mut pace = Pace::new(retry, Pace::any_seed());
    let mut bench = Workbench::new(sink.kind());
    while !stop.requested() {
        if hold.borrow_and_update().held.is_some() {
            tokio::select! {
                () = stop.wait() => {}
                _ = hold.changed() => {}
            }
            continue;
        }
        committed.borrow_and_update();
        let in_hurry = *hurry.borrow_and_update();
        let begun = Instant::now();
        let (back, step) = one_step(&mut bench, sink, begun, in_hurry, &standing).await;
        sink = back;
        let until = match step {
            Ok(Step::Did { .. }) => {
                pace.success();
                standing.works();
                standing.metrics.spool(spool.status().bytes);
                continue;
            }
            Ok(Step::Idle) => rested(&mut pace, None),
            Ok(Step::Wait(time)) => rested(&mut pace, Some(begun + time)),
            Err(why) => {
                standing.fails(false, &why);
                pace.failure(begun, Instant::now(), None, false);
                pace.pause_ends(Instant::now())
            }
        };
        standing.looked(until);
        let pausing = pace.probing();
        tokio::select! {
            () = stop.wait() => {}
            () = sleep_until(until.unwrap_or(begun)), if until.is_some() => {}
            Ok(()) = hold.changed() => {}
            Ok(()) = committed.changed(), if !pausing => {}
            Ok(()) = hurry.changed(), if !pausing => {}
        }
    }
}

/// There is nothing to do before a commit or `until`, so nothing is failing either.
fn rested(pace: &mut Pace, until: Option<Instant>) -> Option<Instant> {
    pace.success();
    until
}

async fn one_step(
    bench: &mut Workbench,
    mut sink: Box<dyn Sink>,
    begun: Instant,
    hurry: bool,
    standing: &Standing,
) -> (Box<dyn Sink>, Result<Step, String>) {
    standing.begun();
    let (step, sink) = bench.run(move || (sink.step(begun, hurry), sink)).await;
    match &step {
        Ok(Step::Did { events, bytes, canaries }) => {
            standing.answered(Outcome::Delivered, *bytes, begun.elapsed());
            standing.delivered(*events);
            standing.canaries(canaries);
        }
        Ok(Step::Idle | Step::Wait(_)) => standing.rested(),
        Err(_) => standing.answered(Outcome::Again, 0, begun.elapsed()),
    }
    (sink, step)
}

/// The payload's lines, each with its newline, by [`crate::block`]; None when the record was damaged, which the books
/// then say. Blocking.
pub(crate) fn lines_of(spool: &Spool, stored: &Stored) -> Result<Option<Unpacked>, String> {
    let unpacked = match spool.read(stored) {
        Ok(payload) => crate::block::unpack(&stored.header, &payload),
        Err(ReadError::Gone { .. }) => return Ok(None),
        Err(ReadError::Damaged { .. }) => Err(String::new()),
        Err(error) => return Err(error.to_string()),
    };
    match unpacked {
        Ok((lines, raw)) => {
            let account = stored.header.account;
            let slip = spool.receipts().map(|_| Slip::of(account, &lines, &raw, 0));
            Ok(Some(Unpacked { lines, raw, slip }))
        }
        Err(_) => {
            tracing::error!(
                position = stored.entry.position,
                "a record of the spool is damaged and set aside"
            );
            let dead = Entry::Dead { cause: DAMAGED.to_owned(), all: stored.header.all };
            let entries = vec![(stored.header.account, dead)];
            let remove = vec![stored.entry.position];
            commit(spool, Change { entries, remove, ..Change::default() })?;
            Ok(None)
        }
    }
}

/// Lines that came out of a record.
pub(crate) struct Unpacked {
    pub(crate) lines: Vec<crate::manifest::Listed>,
    /// Each line with its newline.
    pub(crate) raw: bytes::Bytes,
    /// For its receipt, where receipts are kept.
    pub(crate) slip: Option<Slip>,
}

/// The change that removes delivered records, and how much they were.
pub(crate) fn delivered<'a>(records: impl IntoIterator<Item = &'a Stored>) -> (Change, Tally) {
    let (mut change, mut all) = (Change::default(), Tally::default());
    for Stored { entry, header } in records {
        let Header { account, .. } = header;
        change.remove.push(entry.position);
        change.entries.push((*account, header.delivered()));
        all.add(header.all);
    }
    (change, all)
}

/// What a step did that made the records' delivery durable.
pub(crate) fn did<'a>(records: impl IntoIterator<Item = &'a Stored>, events: u64, bytes: u64) -> Step {
    let canaries = records.into_iter().flat_map(|stored| &stored.header.canaries).cloned().collect();
    Step::Did { events, bytes, canaries }
}

/// Notes the delivery of records in the trace of each: one write may be of many batches.
pub(crate) fn traced<'a>(
    kind: &'static str,
    records: impl IntoIterator<Item = &'a Stored>,
    began: SystemTime,
) {
    for Stored { header, .. } in records {
        let Some(packed) = header.trace() else { continue };
        let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let attributes = vec![
            KeyValue::new("type", kind),
            KeyValue::new("first", number(header.first)),
            KeyValue::new("last", number(header.last)),
            KeyValue::new("events", number(header.all.events)),
            KeyValue::new("outcome", "settled"),
        ];
        packed.past("shipper.deliver", began, attributes);
    }
}

/// Makes a change durable; in words when it is not. Blocking.
pub(crate) fn commit(spool: &Spool, change: Change) -> Result<(), String> {
    spool.commit_blocking(change).map_err(|error: NotDone| format!("the spool: {error}"))
}
