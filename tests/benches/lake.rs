//! What the lake and its reports cost: `cargo bench -p tests --bench lake`.
//!
//! Recorded events at Metadata, again and again with audit ids, times, users and namespaces of their own, spread over
//! 24 hours of one day, 50 users and 50 namespaces. They go into a lake directly ([`lake::Lake::write`], 10,000 rows at
//! a time) and by `up --once --to lake`; then each report and some SQL is asked, the first time and from kept states.
//! Prints events per second, bytes per event, seconds, and the peak memory of the process (from /proc, on Linux only).
//! Settings: `AUDITRAIL_BENCH_EVENTS` (default 1000000; 10000000 needs about 12 GB of disk), `AUDITRAIL_BENCH_REPORTS`
//! (names divided by blanks, `rbac+suggest` for two words; default: `deprecated`), `AUDITRAIL_BENCH_BINARY` (a release
//! build of ours; else it is made), `AUDITRAIL_BENCH_DIR` (where the lake stays; one that is there is only asked).

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lake::{Lake, Rows};
use tests::fixture;
use tests::usage::greatest_memory;

/// Rows that are written at a time.
const BATCH: usize = 10_000;
/// How many users and namespaces there are.
const NAMES: usize = 50;
/// Questions in SQL that read few columns, many, and one hour.
const QUESTIONS: [&str; 3] = [
    "SELECT verb, count(*) FROM events GROUP BY verb",
    "SELECT user, verb, resource, namespace, count(*) n FROM events WHERE code >= 400 GROUP BY 1, 2, 3, 4 ORDER BY n DESC",
    "SELECT count(*), max(latency_us) FROM events WHERE time >= '2026-11-23T06:00' AND time < '2026-11-23T07:00'",
];

fn main() {
    if std::env::args().any(|argument| argument == "--list" || argument == "--test") {
        return;
    }
    let events = std::env::var("AUDITRAIL_BENCH_EVENTS").ok().and_then(|value| value.parse().ok());
    let events = Events::of(events.unwrap_or(1_000_000));
    let binary = std::env::var_os("AUDITRAIL_BENCH_BINARY").map_or_else(built, PathBuf::from);
    let temporary = tempfile::tempdir().unwrap();
    let directory = std::env::var_os("AUDITRAIL_BENCH_DIR").map_or(temporary.path().into(), PathBuf::from);
    let lake = directory.join("data/lake");
    if !lake.exists() {
        println!("{} events", events.count);
        direct(&events, temporary.path());
        through(&events, &binary, &directory);
    }
    let lake = lake.to_str().unwrap();
    let reports = std::env::var("AUDITRAIL_BENCH_REPORTS").unwrap_or_else(|_| "deprecated".into());
    let states = temporary.path().join("states");
    for report in reports.split(' ') {
        for time in ["first", "kept"] {
            let of_lake = ["--lake", lake, "-o", "json", "--states", states.to_str().unwrap()];
            let asked: Vec<&str> = report.split('+').chain(of_lake).collect();
            told(&format!("{report}, {time}"), run(&binary, &asked));
        }
    }
    for question in QUESTIONS {
        told(question, run(&binary, &["sql", question, "--lake", lake, "-o", "csv", "--timeout", "10m"]));
    }
}

fn told(what: &str, (seconds, peak): (f64, u64)) {
    println!("{what}: {seconds:.2} s, {:.0} MiB", peak as f64 / f64::from(1 << 20));
}

/// The release build of our binary.
fn built() -> PathBuf {
    let done = Command::new(env!("CARGO")).args(["build", "--release", "-p", "auditrail"]).status().unwrap();
    assert!(done.success());
    let own = std::env::current_exe().unwrap();
    own.parent().and_then(Path::parent).unwrap().join(format!("auditrail{}", std::env::consts::EXE_SUFFIX))
}

/// Generated events, in the order of their times.
struct Events {
    count: usize,
    samples: Vec<String>,
}

impl Events {
    fn of(count: usize) -> Events {
        let samples = fixture::lossy(&fixture::small());
        let samples =
            samples.into_iter().filter(|line| line.contains("\"auditID\":\"") && line.contains("\"stage\""));
        Events { count, samples: samples.collect() }
    }

    fn line(&self, number: usize) -> String {
        let sample = &self.samples[number % self.samples.len()];
        let us = number as u64 * 86_400_000_000 / self.count as u64;
        let time = format!(
            "2026-11-23T{:02}:{:02}:{:02}.{:06}Z",
            us / 3_600_000_000,
            us / 60_000_000 % 60,
            us / 1_000_000 % 60,
            us % 1_000_000
        );
        let name = number / self.samples.len() % NAMES;
        let id = format!("{number:08x}-0000-4000-8000-{number:012x}");
        let line = with(sample, "auditID", |_| id.clone());
        let line = with(&line, "stageTimestamp", |_| time.clone());
        let line = with(&line, "requestReceivedTimestamp", |_| time.clone());
        let line = with(&line, "username", |user| format!("{user}-{name}"));
        with(&line, "namespace", |namespace| format!("{namespace}-{name}"))
    }
}

/// The line with the first text of this key replaced.
fn with(line: &str, key: &str, other: impl Fn(&str) -> String) -> String {
    let before = format!("\"{key}\":\"");
    let Some(start) = line.find(&before).map(|at| at + before.len()) else { return line.to_owned() };
    let Some(length) = line[start..].find('"') else { return line.to_owned() };
    let mut changed = String::with_capacity(line.len() + 16);
    write!(changed, "{}{}{}", &line[..start], other(&line[start..start + length]), &line[start + length..])
        .unwrap();
    changed
}

/// Writes the lake without anything before it; the time of making the events is not counted.
fn direct(events: &Events, directory: &Path) {
    let lake = Lake::open(directory.join("direct").to_str().unwrap()).unwrap();
    let (mut spent, mut size) = (Duration::ZERO, 0);
    for first in (0..events.count).step_by(BATCH) {
        let lines: Vec<String> =
            (first..(first + BATCH).min(events.count)).map(|number| events.line(number)).collect();
        let lines: Vec<(u64, &[u8])> = (first as u64..).zip(lines.iter().map(String::as_bytes)).collect();
        let last = lines[lines.len() - 1].0;
        let rows = Rows {
            origin: "audit.log",
            cluster: "c",
            node: "n",
            queue: [1; 16],
            first: first as u64,
            last,
            received_us: 0,
            lines: &lines,
        };
        let start = Instant::now();
        let written = lake.write(&rows).unwrap();
        spent += start.elapsed();
        size += written.iter().map(|file| file.bytes).sum::<u64>();
    }
    println!(
        "Lake::write: {:.0} events/s on one processor, {:.1} bytes per event",
        events.count as f64 / spent.as_secs_f64(),
        size as f64 / events.count as f64
    );
}

/// Fills a lake with `up`.
fn through(events: &Events, binary: &Path, directory: &Path) {
    std::fs::create_dir_all(directory).unwrap();
    let (log, data) = (directory.join("audit.log"), directory.join("data"));
    let mut out = BufWriter::new(File::create(&log).unwrap());
    let mut bytes = 0;
    for number in 0..events.count {
        let line = events.line(number);
        bytes += line.len() + 1;
        writeln!(out, "{line}").unwrap();
    }
    out.flush().unwrap();
    let (log, data) = (log.to_str().unwrap(), data.to_str().unwrap());
    let (seconds, peak) = run(binary, &["up", "--once", "--path", log, "--to", "lake", "--data", data]);
    std::fs::remove_file(log).unwrap();
    let address = format!("{data}/lake");
    let files = Lake::open_existing(&address).unwrap().files().unwrap();
    let size: u64 = files.iter().map(|file| file.bytes).sum();
    println!(
        "up --once --to lake: {:.0} events/s, {:.1} MB/s, {:.1} bytes per event of {:.1} in {} files, {:.0} MiB",
        events.count as f64 / seconds,
        bytes as f64 / 1e6 / seconds,
        size as f64 / events.count as f64,
        bytes as f64 / events.count as f64,
        files.len(),
        peak as f64 / f64::from(1 << 20)
    );
}

/// Runs ours to its end: seconds by the clock, and the greatest memory.
fn run(binary: &Path, arguments: &[&str]) -> (f64, u64) {
    let mut command = Command::new(binary);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let start = Instant::now();
    let child = command.spawn().unwrap();
    let peak = watch(child);
    (start.elapsed().as_secs_f64(), peak)
}

fn watch(mut child: Child) -> u64 {
    let mut peak = 0;
    loop {
        peak = peak.max(greatest_memory(child.id()).unwrap_or(0));
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{status}");
            return peak;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
