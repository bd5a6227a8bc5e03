//! kill -9 at moments that nobody chose.
//!
//! The test binary runs itself as the child, which appends and says on its standard output what was confirmed.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{self, ChildStdout, Command, Stdio};

use queue::{Put, Queue};

use crate::harness::{checkpoint, numbers, open, payload, small};

const DIR: &str = "QUEUE_TEST_KILL_DIR";
const ROUNDS: u64 = 8;
/// Every so many-th record is never removed, so that others are moved around it.
const STUCK: u64 = 50;

/// How many confirmed appends to wait for before the kill; seeded, so that a failure can be repeated.
fn patience(round: u64) -> u64 {
    let mixed = (round + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    1 + (mixed ^ (mixed >> 29)) % 120
}

#[test]
#[ignore = "the child of the test below"]
fn child_that_appends_until_it_is_killed() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let (queue, _) = open(Path::new(&dir));
    let first = checkpoint(&queue).unwrap_or(0) + 1;
    let mut tickets = std::collections::VecDeque::new();
    for number in first.. {
        tickets.push_back((number, append(&queue, number)));
        if tickets.len() >= 4 {
            let (number, ticket) = tickets.pop_front().unwrap();
            ticket.wait().unwrap();
            let mut out = std::io::stdout().lock();
            writeln!(out, "confirmed {number}").unwrap();
            out.flush().unwrap();
        }
        if number % 3 == 0 && number > 60 {
            remove_oldest(&queue);
        }
    }
}

fn append(queue: &Queue, number: u64) -> queue::Ticket {
    let puts = vec![Put::set("checkpoint", number.to_le_bytes())];
    queue.append(&number.to_le_bytes(), payload(number), puts).unwrap()
}

/// Removes the oldest, but for every fiftieth, which nobody takes.
fn remove_oldest(queue: &Queue) {
    let entries = queue.entries(0, usize::MAX).unwrap();
    let taken = entries.iter().map(|entry| entry.position).filter(|position| position % STUCK != 0).take(6);
    queue.remove(taken.collect(), Vec::new()).unwrap().wait().unwrap();
}

/// Checks that nothing is missing between the oldest record and the last, and all that nobody took is there. Returns
/// the last number.
pub(crate) fn assert_whole(queue: &Queue, confirmed: u64) -> u64 {
    let queued = numbers(queue);
    let last = *queued.last().unwrap();
    assert!(last >= confirmed, "{confirmed} was confirmed, {last} is the last");
    let oldest = queued.iter().copied().find(|number| number % STUCK != 0).unwrap_or(last);
    let expected: Vec<u64> = (1..=last).filter(|number| *number >= oldest || number % STUCK == 0).collect();
    assert_eq!(queued, expected);
    assert_eq!(checkpoint(queue), Some(last));
    last
}

/// A process that appends to a queue.
pub(crate) struct Child {
    process: process::Child,
    lines: Lines<BufReader<ChildStdout>>,
    last: u64,
}

impl Child {
    pub(crate) fn start(dir: &Path) -> Child {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "kill::child_that_appends_until_it_is_killed", "--nocapture"])
            .env(DIR, dir)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Child { process, lines, last: 0 }
    }

    /// Waits until so many more appends are confirmed.
    pub(crate) fn confirms(&mut self, count: u64) {
        for _ in 0..count {
            self.last = self.next().expect("the child lives");
        }
    }

    /// Kills it, and returns the last number that it confirmed.
    pub(crate) fn end(mut self) -> u64 {
        self.process.kill().unwrap();
        while let Some(number) = self.next() {
            self.last = number;
        }
        self.process.wait().unwrap();
        self.last
    }

    fn next(&mut self) -> Option<u64> {
        let number = |line: String| line.split("confirmed ").nth(1).and_then(|number| number.parse().ok());
        self.lines.by_ref().map_while(Result::ok).find_map(number)
    }
}

#[test]
fn a_kill_at_any_moment_loses_nothing_that_was_confirmed() {
    let root = tempfile::tempdir().unwrap();
    let mut id = None;
    for round in 0..ROUNDS {
        let mut child = Child::start(root.path());
        child.confirms(patience(round));
        let confirmed = child.end();
        if round % 3 == 2 {
            std::fs::remove_dir_all(root.path().join("index")).unwrap();
        }
        let (queue, opened) = Queue::open(root.path(), small()).unwrap();
        assert_eq!((opened.clean, opened.damaged_records), (false, 0), "round {round}: {opened:?}");
        assert_whole(&queue, confirmed);
        if opened.cut_bytes == 0 {
            assert_eq!(*id.get_or_insert(queue.id()), queue.id(), "round {round}");
        }
        id = Some(queue.id());
        drop(queue);
    }
}
