//! What is in the lake of each origin: which numbers of lines, how many requests, and when they were read.
//!
//! Promises: every row counts once; what is missing between the first number and the last is told as ranges, and what is
//! there more than once is counted; files that were counted before are not read again. A number that is missing is no
//! proof of a loss: a policy may have left the line out, it may be on its way, or a dead letter.

mod ranges;
mod servers;

use std::collections::BTreeMap;
use std::ops::Range;

use lake::{Lake, LakeError};
use serde::{Deserialize, Serialize};

use crate::ask::{Answer, ask};
use crate::fold::{Closer, Fold};
use crate::groups::Groups;
use crate::kept::Kept;
use crate::overview::Unreadable;
use crate::rows::Rows;
use crate::shares::Sum;
use servers::Seen;

pub(super) use ranges::Ranges;
pub use servers::{Balance, Clock, ReadAfter, Server};

/// Holes that are named, of each origin.
const MOST_HOLES: usize = 20;

/// The origins of a lake.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Told {
    /// Which numbers of lines are there, by origin.
    pub numbers: Vec<Origin>,
    /// API servers, by cluster and origin.
    pub servers: Vec<Server>,
    /// How requests are shared among them, by cluster.
    pub balances: Vec<Balance>,
    /// Files that could not be read; what is in them is missing.
    pub unreadable: Vec<Unreadable>,
}

/// The rows of one origin. Where its queue was made anew, numbers begin anew.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// Cluster, node and path.
    pub origin: String,
    /// How many rows.
    pub rows: u64,
    /// The smallest number.
    pub first: u64,
    /// The largest one.
    pub last: u64,
    /// How many numbers between them are not in the lake: filtered, dead, on their way, or lost.
    pub missing: u64,
    /// The first ranges of them, both ends included.
    pub holes: Vec<(u64, u64)>,
    /// How many rows have a number that another one has too: after the queue was made anew, or written twice.
    pub repeated: u64,
}

/// The rows of the lake, by cluster and origin; lines elsewhere have none. Origins are few: whoever runs the collectors
/// names them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origins(BTreeMap<(String, String), Log>);

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Log {
    numbers: Ranges,
    seen: Seen,
}

/// The rows of one origin in one batch.
#[derive(Default)]
struct Part {
    numbers: Vec<u64>,
    seen: Seen,
    /// The oldest event that was read at a moment.
    reads: BTreeMap<i64, i64>,
}

impl Fold for Origins {
    const NAME: &'static str = "origins-1";
    const COLUMNS: &'static [&'static str] =
        &["time", "received", "latency_us", "cluster", "stage", "origin", "seq"];

    fn take(&mut self, rows: &Rows<'_>, _: &mut Closer) {
        let (origin, cluster, number) = (rows.text("origin"), rows.text("cluster"), rows.numbers("seq"));
        let (time, received, latency) =
            (rows.times("time"), rows.times("received"), rows.numbers("latency_us"));
        let stage = rows.text("stage");
        let ended = stage.which(|stage| matches!(stage, "ResponseComplete" | "Panic"));
        let groups = Groups::by(&[&origin, &cluster]);
        let mut parts: Vec<Part> = (0..groups.len()).map(|_| Part::default()).collect();
        for row in 0..rows.len() {
            let part = &mut parts[groups.of(row)];
            part.numbers.push(number(row).and_then(|number| u64::try_from(number).ok()).unwrap_or(0));
            part.seen.events += 1;
            part.seen.requests += u64::from(ended(row));
            part.seen.set_back += u64::from(ended(row) && latency(row).is_some_and(|latency| latency < 0));
            let (Some(time), Some(received)) = (time(row), received(row)) else { continue };
            part.seen.first = part.seen.first.into_iter().chain([time]).min();
            part.seen.last = part.seen.last.max(Some(time));
            part.reads.entry(received).and_modify(|oldest| *oldest = time.min(*oldest)).or_insert(time);
        }
        for (group, part) in parts.into_iter().enumerate() {
            let row = groups.example(group);
            let key = (cluster.or_empty(row).to_owned(), origin.or_empty(row).to_owned());
            let log = self.0.entry(key).or_default();
            log.numbers.add(part.numbers);
            log.seen.add(part.seen);
            part.reads.into_iter().for_each(|(received, oldest)| log.seen.read(received, oldest));
        }
    }

    fn merge(&mut self, other: Self) {
        for (key, Log { numbers, seen }) in other.0 {
            let log = self.0.entry(key).or_default();
            log.numbers.merge(numbers);
            log.seen.add(seen);
        }
    }
}

/// The origins of the lake, or of these times (microseconds since 1970, UTC), with so many threads. Lines are numbered in
/// the order in which they were written, which is not quite that of their times, so that every cut makes holes.
///
/// # Errors
/// [`LakeError::Storage`] when the lake cannot be listed.
pub fn origins(
    lake: &Lake,
    kept: &Kept,
    times: Option<&Range<i64>>,
    threads: usize,
) -> Result<Told, LakeError> {
    let Answer { fold, unreadable, .. } = ask::<Origins>(lake, kept, times, threads)?;
    let mut numbers: BTreeMap<String, Ranges> = BTreeMap::new();
    let mut seen = BTreeMap::new();
    for ((cluster, origin), log) in fold.0 {
        numbers.entry(origin.clone()).or_default().merge(log.numbers);
        seen.insert((cluster, origin), log.seen);
    }
    let numbers = numbers.into_iter().map(|(origin, ranges)| ranges.told(origin)).collect();
    let (servers, balances) = servers::told(seen);
    Ok(Told { numbers, servers, balances, unreadable })
}

impl Ranges {
    pub(super) fn told(self, origin: String) -> Origin {
        let (first, last) = self.ends().unwrap_or_default();
        Origin {
            origin,
            rows: self.rows,
            first,
            last,
            missing: self.holes().map(|(from, to)| to - from + 1).sum(),
            holes: self.holes().take(MOST_HOLES).collect(),
            repeated: self.repeated(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws;
    use crate::reports::verify::verify;

    fn filled() -> (tempfile::TempDir, Lake) {
        let directory = tempfile::tempdir().unwrap();
        let lake = Lake::open(directory.path().join("lake").to_str().unwrap()).unwrap();
        laws::write(&lake, &laws::recording());
        (directory, lake)
    }

    #[test]
    fn the_numbers_are_those_that_verifying_the_lake_finds_kept_or_not() {
        let (directory, lake) = filled();
        let verified = verify(&lake, &|| true).unwrap();
        assert!(verified.origins[0].rows > 100);
        let kept = Kept::in_directory(&directory.path().join("states"));
        for _ in 0..2 {
            let told = origins(&lake, &kept, None, 2).unwrap();
            assert_eq!((&told.numbers, told.unreadable), (&verified.origins, vec![]));
        }
        assert_eq!(ask::<Origins>(&lake, &kept, None, 1).unwrap().opened, 0);
    }

    /// Requests of one API server, one a second, written in parts as they are read: so long after the oldest of a part.
    fn served(lake: &Lake, node: &str, requests: u32, read_after_us: i64) {
        let start = audit::unix_micros("2026-11-23T06:00:00.000000Z").unwrap();
        let line = |number: u32| {
            let time = crate::moment::written(start + i64::from(number) * 1_000_000);
            format!(
                r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"{node}-{number}","stage":"ResponseComplete","requestURI":"/version","verb":"get","user":{{"username":"ann"}},"requestReceivedTimestamp":"{time}","stageTimestamp":"{time}"}}"#
            )
        };
        let numbers: Vec<u32> = (0..requests).collect();
        for part in numbers.chunks(100) {
            let lines: Vec<(u64, String)> =
                part.iter().map(|number| (u64::from(*number), line(*number))).collect();
            let lines: Vec<(u64, &[u8])> =
                lines.iter().map(|(number, line)| (*number, line.as_bytes())).collect();
            let (first, last) = (lines[0].0, lines[lines.len() - 1].0);
            let received_us = start + i64::from(part[0]) * 1_000_000 + read_after_us;
            let origin = format!("c:{node}:/var/log/audit.log");
            let (cluster, queue) = ("c", [3; 16]);
            let rows =
                lake::Rows { origin: &origin, cluster, node, queue, first, last, received_us, lines: &lines };
            lake.write(&rows).unwrap();
        }
    }

    #[test]
    fn api_servers_are_told_apart_by_their_share_and_their_clock() {
        let directory = tempfile::tempdir().unwrap();
        let lake = Lake::open(directory.path().join("lake").to_str().unwrap()).unwrap();
        served(&lake, "one", 4000, 300_000);
        served(&lake, "two", 3700, -5_000_000);
        let told = origins(&lake, &Kept::nowhere(), None, 2).unwrap();
        let servers: Vec<_> =
            told.servers.iter().map(|it| (it.requests, it.per_mille, it.read_after.unwrap())).collect();
        let [(4000, 519, one), (3700, 480, two)] = servers[..] else { panic!("{told:#?}") };
        assert_eq!(
            (one.least_us, one.clock(), two.least_us, two.clock()),
            (300_000, Clock::Right, -5_000_000, Clock::Ahead)
        );
        assert!(
            matches!(&told.balances[..], [balance] if balance.servers == 2 && !balance.is_uneven),
            "{told:#?}"
        );
        let first = audit::unix_micros("2026-11-23T06:00:00.000000Z").unwrap();
        let part = origins(&lake, &Kept::nowhere(), Some(&(first..first + 60_000_000)), 2).unwrap();
        assert_eq!(part.servers.iter().map(|server| server.events).collect::<Vec<_>>(), [60, 60]);
    }

    #[test]
    fn of_a_file_that_left_the_lake_the_numbers_are_missing_also_when_they_were_known() {
        let (directory, lake) = filled();
        let kept = Kept::in_directory(&directory.path().join("states"));
        let before = origins(&lake, &kept, None, 2).unwrap().numbers.remove(0);
        // Neither the first number nor the last one is in it.
        let files = lake.files().unwrap();
        let rows = |name: &str| {
            let mut ends =
                name.trim_end_matches(".parquet").rsplit('-').map(|end| end.parse::<u64>().unwrap());
            let (last, first) = (ends.next().unwrap(), ends.next().unwrap());
            (first, last)
        };
        let middle = files.iter().find(|file| {
            let (first, last) = rows(&file.path);
            first > before.first && last < before.last
        });
        std::fs::remove_file(directory.path().join("lake").join(&middle.unwrap().path)).unwrap();
        let after = origins(&lake, &kept, None, 2).unwrap().numbers.remove(0);
        assert!(after.missing > 0 && after.missing == before.rows - after.rows, "{after:?}");
        assert_eq!(verify(&lake, &|| true).unwrap().origins, [after]);
    }
}
