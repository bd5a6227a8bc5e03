//! Lines to the lake: several records of one account become one call, which writes one file per hour of event time.
//!
//! Promises: which records form a file is committed (the plan) before it is written and never changes after, so a crash
//! at any moment writes the same file again; records and plan leave the spool in one commit.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ::lake::{Lake, Rows};
use queue::Put;
use tokio::time::Instant;

use super::{Sink, Step, Unpacked, commit, delivered, lines_of};
use crate::change::Change;
use crate::spool::{Spool, Stored};

/// State key of the plan: positions, as JSON.
const PLAN: &str = "lake/plan";

/// Bytes of lines in one call; one record may have more.
const MOST_BYTES: u64 = 16 << 20;

/// How long the oldest record waits for others to share its file.
const MOST_AGE: Duration = Duration::from_secs(10);

/// Records looked at for one step.
const WINDOW: usize = 1024;

/// The `lake` destination.
pub(crate) struct LakeSink {
    url: String,
    lake: Option<Lake>,
    spool: Spool,
    /// When a record was first seen; only of those in the window.
    seen: BTreeMap<u64, Instant>,
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
enum Choice {
    Write(Vec<u64>),
    Wait(Duration),
    Nothing,
}

impl LakeSink {
    pub(crate) fn new(url: String, spool: Spool) -> LakeSink {
        LakeSink { url, lake: None, spool, seen: BTreeMap::new() }
    }

    /// The records of the plan that was committed, or of a new one that is.
    fn planned(&mut self, now: Instant, hurry: bool) -> Result<Result<Vec<Stored>, Step>, String> {
        let window = self.spool.list(0, WINDOW).map_err(|error| error.to_string())?;
        if let Some(plan) = self.plan()? {
            return Ok(Ok(window
                .into_iter()
                .filter(|stored| plan.contains(&stored.entry.position))
                .collect()));
        }
        self.look_at(&window, now);
        let age = |position: u64| self.seen.get(&position).map_or(Duration::ZERO, |&since| now - since);
        let plan = match choose(&window, age, hurry) {
            Choice::Write(plan) => plan,
            Choice::Wait(time) => return Ok(Err(Step::Wait(time))),
            Choice::Nothing => return Ok(Err(Step::Idle)),
        };
        let value = serde_json::to_vec(&plan).expect("a plan is a list of numbers");
        commit(&self.spool, Change { puts: vec![Put::set(PLAN, value)], ..Change::default() })?;
        Ok(Ok(window.into_iter().filter(|stored| plan.contains(&stored.entry.position)).collect()))
    }

    fn plan(&self) -> Result<Option<BTreeSet<u64>>, String> {
        let stored = self.spool.remembered(PLAN).map_err(|error| error.to_string())?;
        Ok(stored.and_then(|stored| serde_json::from_slice(&stored).ok()))
    }

    fn look_at(&mut self, window: &[Stored], now: Instant) {
        let positions: BTreeSet<u64> = window.iter().map(|stored| stored.entry.position).collect();
        self.seen.retain(|position, _| positions.contains(position));
        for position in positions {
            self.seen.entry(position).or_insert(now);
        }
    }

    /// Writes the records as one call and gives the bytes of their lines.
    fn write(&mut self, records: &[Stored], unpacked: &[Unpacked]) -> Result<u64, String> {
        let lines = numbered(unpacked);
        let (Some(oldest), Some(&(first, _)), Some(&(last, _))) =
            (records.first(), lines.first(), lines.last())
        else {
            return Ok(0);
        };
        let account = self.spool.account(oldest.header.account);
        let received_us = records.iter().map(|stored| stored.header.read_at_us).min().unwrap_or_default();
        let rows = Rows {
            origin: &account.log.origin().to_string(),
            cluster: &account.log.cluster,
            node: &account.log.node,
            queue: account.queue,
            first,
            last,
            received_us,
            lines: &lines,
        };
        let lake = match &self.lake {
            Some(lake) => lake,
            None => self.lake.insert(Lake::open(&self.url).map_err(|error| error.to_string())?),
        };
        let written = lake.write(&rows).map_err(|error| error.to_string())?;
        Ok(written.iter().map(|file| file.bytes).sum())
    }
}

impl Sink for LakeSink {
    fn step(&mut self, now: Instant, hurry: bool) -> Result<Step, String> {
        let planned = match self.planned(now, hurry)? {
            Ok(planned) => planned,
            Err(step) => return Ok(step),
        };
        let (mut records, mut unpacked) = (Vec::new(), Vec::new());
        for stored in planned {
            if let Some(lines) = lines_of(&self.spool, &stored)? {
                unpacked.push(lines);
                records.push(stored);
            }
        }
        let bytes = self.write(&records, &unpacked)?;
        let (mut change, all) = delivered(&records);
        change.puts.push(Put::delete(PLAN));
        commit(&self.spool, change)?;
        Ok(Step::Did { events: all.events, bytes })
    }
}

/// Every line with its number, in the order of the numbers (batches may have overtaken each other).
fn numbered(unpacked: &[Unpacked]) -> Vec<(u64, &[u8])> {
    let mut lines: Vec<(u64, &[u8])> = Vec::new();
    for Unpacked { lines: listed, raw } in unpacked {
        let texts = raw.split(|&byte| byte == b'\n');
        lines.extend(listed.iter().map(|line| line.number).zip(texts));
    }
    lines.sort_by_key(|&(number, _)| number);
    lines
}

/// The first account with enough records for a file, or with one that waited long enough.
fn choose(window: &[Stored], age: impl Fn(u64) -> Duration, hurry: bool) -> Choice {
    let mut gathered: BTreeMap<u32, Gathered> = BTreeMap::new();
    for Stored { entry, header } in window {
        let gathered = gathered.entry(header.account).or_default();
        gathered.full |= !gathered.positions.is_empty() && gathered.bytes + header.raw > MOST_BYTES;
        if !gathered.full {
            gathered.positions.push(entry.position);
            gathered.bytes += header.raw;
        }
    }
    let crowded = hurry || window.len() >= WINDOW;
    let mut soonest = None;
    for gathered in gathered.into_values() {
        let waited = gathered.positions.first().map_or(Duration::ZERO, |&oldest| age(oldest));
        if crowded || gathered.full || gathered.bytes >= MOST_BYTES || waited >= MOST_AGE {
            return Choice::Write(gathered.positions);
        }
        let left = MOST_AGE - waited;
        soonest = Some(soonest.map_or(left, |soonest: Duration| soonest.min(left)));
    }
    soonest.map_or(Choice::Nothing, Choice::Wait)
}

#[derive(Default)]
struct Gathered {
    positions: Vec<u64>,
    bytes: u64,
    full: bool,
}
