//! Lines to the lake: several records of one account become one call, which writes one file per hour of event time.
//!
//! Promises: which records form a file is committed (the plan) before it is written and never changes after, so a crash
//! at any moment writes the same file again; records and plan leave the spool in one commit.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use ::lake::{Lake, Location, Rows};
use queue::Put;
use tokio::time::Instant;

use super::{Sink, Step, Unpacked, commit, delivered, did, lines_of, traced};
use crate::change::Change;
use crate::spool::{Spool, Stored};

/// State key of the plan: positions, as JSON.
const PLAN: &str = "lake/plan";

/// Bytes of lines in one call; one record may have more.
const MOST_BYTES: u64 = 16 << 20;

/// How long the oldest record waits for others to share its file.
const MOST_AGE: Duration = Duration::from_secs(10);

/// The same where nobody waits for more to come: as long as a batch needs that is on its way.
const HURRIED_AGE: Duration = Duration::from_millis(250);

/// Records looked at for one step.
const WINDOW: usize = 1024;

/// The `lake` destination.
pub(crate) struct LakeSink {
    location: Location,
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
    pub(crate) fn new(location: Location, spool: Spool) -> LakeSink {
        LakeSink { location, lake: None, spool, seen: BTreeMap::new() }
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
        let most_age = if hurry { HURRIED_AGE } else { MOST_AGE };
        let plan = match choose(&window, age, most_age) {
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
            None => self.lake.insert(Lake::at(&self.location).map_err(|error| error.to_string())?),
        };
        let written = lake.write(&rows).map_err(|error| error.to_string());
        if written.is_err() && self.location.credentials_file.is_some() {
            self.lake = None; // opened again, with what the file holds by then
        }
        let written = written?;
        Ok(written.iter().map(|file| file.bytes).sum())
    }
}

impl Sink for LakeSink {
    fn kind(&self) -> &'static str {
        "lake"
    }

    fn step(&mut self, now: Instant, hurry: bool) -> Result<Step, String> {
        let began = SystemTime::now();
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
        change.slips = unpacked.into_iter().filter_map(|unpacked| unpacked.slip).collect();
        commit(&self.spool, change)?;
        traced(self.kind(), &records, began);
        Ok(did(&records, all.events, bytes))
    }
}

/// Every line with its number, in the order of the numbers (batches may have overtaken each other).
fn numbered(unpacked: &[Unpacked]) -> Vec<(u64, &[u8])> {
    let mut lines: Vec<(u64, &[u8])> = Vec::new();
    for Unpacked { lines: listed, raw, .. } in unpacked {
        let texts = raw.split(|&byte| byte == b'\n');
        lines.extend(listed.iter().map(|line| line.number).zip(texts));
    }
    lines.sort_by_key(|&(number, _)| number);
    lines
}

/// The first account with enough records for a file, or with one that waited long enough.
fn choose(window: &[Stored], age: impl Fn(u64) -> Duration, most_age: Duration) -> Choice {
    let mut gathered: BTreeMap<u32, Gathered> = BTreeMap::new();
    for Stored { entry, header } in window {
        let gathered = gathered.entry(header.account).or_default();
        gathered.full |= !gathered.positions.is_empty() && gathered.bytes + header.raw > MOST_BYTES;
        if !gathered.full {
            gathered.positions.push(entry.position);
            gathered.bytes += header.raw;
        }
    }
    let crowded = window.len() >= WINDOW;
    let mut soonest = None;
    for gathered in gathered.into_values() {
        let waited = gathered.positions.first().map_or(Duration::ZERO, |&oldest| age(oldest));
        if crowded || gathered.full || gathered.bytes >= MOST_BYTES || waited >= most_age {
            return Choice::Write(gathered.positions);
        }
        let left = most_age - waited;
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

#[cfg(test)]
mod tests {
    use proto::{Line, Origin};

    use super::*;
    use crate::account::{Entry, Tally};
    use crate::block::Blocks;
    use crate::change::Taking;
    use crate::parcel::{Packer, Parcel};

    const EVENT: &str = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"x","stage":"ResponseComplete","requestURI":"/api","verb":"get","user":{"username":"u"},"requestReceivedTimestamp":"2026-11-23T06:00:00.000000Z","stageTimestamp":"2026-11-23T06:00:01.000000Z"}"#;

    struct Desk {
        directory: tempfile::TempDir,
    }

    impl Desk {
        fn new() -> Desk {
            Desk { directory: tempfile::tempdir().unwrap() }
        }

        fn lake(&self) -> String {
            self.directory.path().join("lake").to_string_lossy().into_owned()
        }

        fn sink(&self) -> LakeSink {
            let (spool, _) = Spool::open(&self.directory.path().join("spool"), 8 << 20).unwrap();
            LakeSink::new(Location::of(&self.lake()), spool)
        }

        fn files(&self) -> Vec<(String, u64)> {
            let lake = Lake::open(&self.lake()).unwrap();
            let files = lake.files().unwrap();
            files.into_iter().map(|file| (file.path.clone(), lake.footer(&file).unwrap().rows)).collect()
        }
    }

    fn take(sink: &LakeSink, path: &str, numbers: std::ops::RangeInclusive<u64>) {
        let (first, last) = (*numbers.start(), *numbers.end());
        let origin = Origin { path: path.into(), ..Origin::default() };
        let line =
            |number| Line { number, read_bytes: 300, bytes: bytes::Bytes::from_static(EVENT.as_bytes()) };
        let lines: Vec<Line> = numbers.map(line).collect();
        let spooled = Tally { events: lines.len() as u64, bytes: 300 * lines.len() as u64 };
        let parcel = Parcel { origin: origin.clone(), queue: [0; 16], read_at_us: 7, lines, block: None };
        let entry =
            Entry::Taken { first, last, filtered: Default::default(), spooled, shed: Tally::default() };
        let taking = Some(Taking {
            origin,
            queue: [3; 16],
            first,
            last,
            missing: vec![(first, last)],
            entry,
            told: Default::default(),
        });
        let append = Blocks.pack(&parcel).unwrap();
        commit(&sink.spool, Change { taking, append, ..Change::default() }).unwrap();
    }

    /// A step of a sink in a hurry, when what it sees is old enough.
    fn hurried(sink: &mut LakeSink) -> Result<Step, String> {
        let now = Instant::now();
        match sink.step(now, true)? {
            Step::Wait(time) => sink.step(now + time, true),
            step => Ok(step),
        }
    }

    #[test]
    fn records_of_one_origin_share_a_file_once_they_are_old_enough() {
        let desk = Desk::new();
        let mut sink = desk.sink();
        let now = Instant::now();
        take(&sink, "/a", 1..=3);
        assert!(matches!(sink.step(now, false), Ok(Step::Wait(time)) if time == MOST_AGE));
        assert!(matches!(sink.step(now, true), Ok(Step::Wait(time)) if time == HURRIED_AGE));
        take(&sink, "/a", 8..=9);
        take(&sink, "/a", 4..=7);
        take(&sink, "/b", 1..=1);
        assert!(matches!(sink.step(now + MOST_AGE, false), Ok(Step::Did { events: 9, .. })));
        assert_eq!(desk.files().iter().map(|(_, rows)| *rows).collect::<Vec<_>>(), [9]);
        assert!(matches!(sink.step(now + 2 * MOST_AGE, false), Ok(Step::Did { events: 1, .. })));
        assert!(matches!(sink.step(now, true), Ok(Step::Idle)));
        assert_eq!(desk.files().len(), 2);
    }

    #[test]
    fn a_crash_after_the_write_gives_the_same_file_again_whatever_came_meanwhile() {
        let desk = Desk::new();
        let mut sink = desk.sink();
        take(&sink, "/a", 1..=3);
        let now = Instant::now();
        assert!(matches!(sink.planned(now, false), Ok(Err(Step::Wait(_)))));
        let Ok(Ok(planned)) = sink.planned(now + MOST_AGE, false) else {
            panic!("there is something to write")
        };
        let unpacked: Vec<_> =
            planned.iter().map(|stored| lines_of(&sink.spool, stored).unwrap().unwrap()).collect();
        sink.write(&planned, &unpacked).unwrap();
        take(&sink, "/a", 4..=6);
        let before = desk.files();
        drop(sink);
        let mut sink = desk.sink();
        assert!(matches!(hurried(&mut sink), Ok(Step::Did { events: 3, .. })));
        assert_eq!(desk.files(), before);
        assert!(matches!(hurried(&mut sink), Ok(Step::Did { events: 3, .. })));
        assert_eq!(desk.files().iter().map(|(_, rows)| rows).sum::<u64>(), 6);
    }

    #[test]
    fn a_lake_that_cannot_be_written_keeps_everything_spooled_and_says_why() {
        let desk = Desk::new();
        std::fs::write(desk.lake(), "a file where a directory should be").unwrap();
        let mut sink = desk.sink();
        take(&sink, "/a", 1..=3);
        let Err(refused) = hurried(&mut sink) else { panic!("it cannot work") };
        assert!(refused.contains("lake"), "{refused}");
        assert_eq!(sink.spool.events(), 3);
        std::fs::remove_file(desk.lake()).unwrap();
        assert!(matches!(hurried(&mut sink), Ok(Step::Did { events: 3, .. })));
    }

    #[test]
    fn a_slow_origin_does_not_hold_up_a_fast_one() {
        let stored = |position, account, raw| {
            let mut record = Blocks
                .pack(&Parcel {
                    origin: Origin::default(),
                    queue: [0; 16],
                    read_at_us: 0,
                    lines: vec![Line { number: position, read_bytes: 1, bytes: bytes::Bytes::new() }],
                    block: None,
                })
                .unwrap()
                .remove(0);
            record.header.raw = raw;
            (position, account, record)
        };
        let directory = tempfile::tempdir().unwrap();
        let (spool, _) = Spool::open(directory.path(), 8 << 20).unwrap();
        let mut append = Vec::new();
        for (position, account, raw) in
            [(1, 7, 10), (2, 8, MOST_BYTES / 2), (3, 8, MOST_BYTES / 2), (4, 8, 10)]
        {
            let (_, account, mut record) = stored(position, account, raw);
            record.header.account = account;
            append.push(record);
        }
        spool.commit_blocking(Change { append, ..Change::default() }).unwrap();
        let window = spool.list(0, WINDOW).unwrap();
        let at = |n: usize| window[n].entry.position;
        let young = |_| Duration::from_secs(1);
        assert_eq!(choose(&window, young, MOST_AGE), Choice::Write(vec![at(1), at(2)]));
        assert_eq!(choose(&window[..1], young, MOST_AGE), Choice::Wait(MOST_AGE - Duration::from_secs(1)));
        assert_eq!(choose(&[], young, MOST_AGE), Choice::Nothing);
    }
}
