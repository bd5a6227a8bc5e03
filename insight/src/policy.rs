//! The audit policy, for people: what is wrong with it, and what each of its rules costs.
//!
//! Promises: the file is read anew for each look; a policy that kube-apiserver would refuse is shown with its reason;
//! what is counted are the newest events of the lake, at most so many and until a deadline, and the answer says how many.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Instant;

use audit::lint::Finding;
use audit::{Attributes, Event, Policy};
use lake::{Lake, LakeError, Reading};

use crate::rows::Rows;

/// The largest policy that is read, in bytes.
const LARGEST: u64 = 4 << 20;
/// Most events that are counted.
const MOST_EVENTS: usize = 20_000;

/// A policy file.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) text: String,
    /// The policy, or why the server would refuse it.
    pub(crate) policy: Result<Policy, String>,
    pub(crate) findings: Vec<Finding>,
}

/// Reads the file.
///
/// # Errors
/// In words, when it cannot be read.
pub(crate) fn read(path: &Path) -> Result<Written, String> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes));
    let length = read.map_err(|error| format!("policy {} cannot be read: {error}", path.display()))?;
    if length as u64 > LARGEST {
        return Err(format!("policy {} is larger than 4 MiB, which no policy is", path.display()));
    }
    let text = String::from_utf8(bytes).map_err(|_| format!("policy {} is no UTF-8 text", path.display()))?;
    let policy = Policy::load(&text)
        .map(|loaded| loaded.policy)
        .map_err(|error| format!("line {}, column {}: {}", error.line, error.column, error.message));
    let findings = audit::lint::lint(&text);
    Ok(Written { text, policy, findings })
}

/// What the rules would take of events.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    /// How many events were looked at.
    pub(crate) events: u64,
    /// How many of the newest were not, since time was up or they cannot be read.
    pub(crate) left: u64,
    /// Events and bytes by rule; None for those that no rule is for.
    pub(crate) rules: BTreeMap<Option<usize>, (u64, u64)>,
}

/// Counts the newest events of the lake.
///
/// # Errors
/// When the lake cannot be listed. A file that cannot be read is left out.
pub(crate) fn count(lake: &Lake, policy: &Policy, deadline: Instant) -> Result<Counted, LakeError> {
    let mut counted = Counted::default();
    for (file, rows) in newest(lake, MOST_EVENTS)? {
        counted.left += rows.len() as u64;
        if Instant::now() < deadline {
            // What is left of a file that cannot be read stays counted as that.
            let _ = counted.take(lake, &file, &rows, policy, deadline);
        }
    }
    Ok(counted)
}

/// The rows of the newest events, file by file, the newest hour first. Files are in the order of time, but a merged one
/// holds a whole hour.
fn newest(lake: &Lake, most: usize) -> Result<Vec<(lake::File, Vec<u64>)>, LakeError> {
    let mut files = lake.files()?;
    files.sort_by_key(|file| Reverse(file.partition));
    let (mut newest, mut room) = (Vec::new(), most);
    for hour in files.chunk_by(|one, other| one.partition == other.partition) {
        if room == 0 {
            break;
        }
        let mut events: Vec<(Option<i64>, usize, u64)> = Vec::new();
        for (number, file) in hour.iter().enumerate() {
            // A file that cannot be read has no rows here.
            let _ = times(lake, file, |row, time| events.push((time, number, row)));
        }
        if events.len() > room {
            events.select_nth_unstable_by_key(room - 1, |event| Reverse(*event));
            events.truncate(room);
        }
        room -= events.len();
        let mut rows = vec![Vec::new(); hour.len()];
        events.iter().for_each(|(_, number, row)| rows[*number].push(*row));
        rows.iter_mut().for_each(|rows| rows.sort_unstable());
        newest.extend(hour.iter().cloned().zip(rows).filter(|(_, rows)| !rows.is_empty()));
    }
    Ok(newest)
}

fn times(lake: &Lake, file: &lake::File, mut each: impl FnMut(u64, Option<i64>)) -> Result<(), LakeError> {
    let mut row = 0;
    for batch in lake.scan(file, &Reading { most_rows: 16 << 10, ..Reading::of(&["time"]) })? {
        let batch = batch?;
        let time = Rows::new(&batch).times("time");
        for at in 0..batch.num_rows() {
            each(row, time(at));
            row += 1;
        }
    }
    Ok(())
}

impl Counted {
    fn take(
        &mut self,
        lake: &Lake,
        file: &lake::File,
        rows: &[u64],
        policy: &Policy,
        deadline: Instant,
    ) -> Result<(), LakeError> {
        for batch in lake.scan(file, &Reading { rows: Some(rows), ..Reading::of(&["raw"]) })? {
            let batch = batch?;
            let line = Rows::new(&batch).lines();
            (0..batch.num_rows()).for_each(|row| self.add(policy, line(row)));
            if Instant::now() >= deadline {
                break;
            }
        }
        Ok(())
    }

    fn add(&mut self, policy: &Policy, line: &[u8]) {
        self.left -= 1;
        let Ok(event) = Event::scan(line) else { return };
        let rule = self.rules.entry(policy.decide(&Attributes::of(&event)).rule).or_default();
        self.events += 1;
        *rule = (rule.0 + 1, rule.1 + line.len() as u64);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn write(lake: &Lake, first: u64, lines: &[String]) {
        let lines: Vec<(u64, &[u8])> = (first..).zip(lines.iter().map(String::as_bytes)).collect();
        let (origin, cluster, node, received_us) = ("prod/cp-1", "prod", "cp-1", 1_795_417_200_000_000);
        let last = first + lines.len() as u64 - 1;
        let rows =
            lake::Rows { origin, cluster, node, queue: [7; 16], first, last, received_us, lines: &lines };
        lake.write(&rows).unwrap();
    }

    fn events(minute: u64, verb: &str) -> Vec<String> {
        let event = |n: u64| {
            format!(
                r#"{{"level":"Metadata","stage":"ResponseComplete","verb":"{verb}","requestURI":"/version","stageTimestamp":"2026-11-23T06:{minute:02}:{:02}.{n:06}Z"}}"#,
                n % 60
            )
        };
        (0..12_000).map(event).collect()
    }

    #[test]
    fn the_newest_events_are_counted_though_older_ones_come_first_in_their_file() {
        let directory = tempfile::tempdir().unwrap();
        let lake = Lake::open(directory.path().to_str().unwrap()).unwrap();
        write(&lake, 0, &[events(1, "get"), events(9, "list")].concat());
        let text = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n  verbs: [list]\n- level: Metadata\n";
        let policy = Policy::load(text).unwrap().policy;
        let counted = count(&lake, &policy, Instant::now() + Duration::from_secs(600)).unwrap();
        assert_eq!((counted.events, counted.left), (20_000, 0));
        assert_eq!([0, 1].map(|rule| counted.rules[&Some(rule)].0), [12_000, 8_000]);
        let none = count(&lake, &policy, Instant::now()).unwrap();
        assert_eq!((none.events, none.left), (0, 20_000));
    }
}
