//! What the policy commands make of a log: `cargo bench -p tests --bench policy`.
//!
//! Recorded events at Metadata go from a file that is the standard input of `auditrail policy apply` and of
//! `policy explain --json` to a standard output that nobody looks at, under the policy of 20 rules; `policy simulate`
//! reads the same from the file. Prints MB (10^6 bytes of input) per second of one processor and per second of the
//! clock. Settings: `AUDITRAIL_BENCH_MB` (default 256), `AUDITRAIL_BENCH_ROUNDS` (default 3; the median is printed).

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tests::fixture;
use tests::usage::processor_seconds;

const COMMANDS: [&[&str]; 3] =
    [&["policy", "apply"], &["policy", "explain", "--json"], &["policy", "simulate"]];

fn main() {
    if std::env::args().any(|argument| argument == "--list" || argument == "--test") {
        return;
    }
    let binary = built();
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("audit.log");
    let (bytes, events) = write(&log, setting("AUDITRAIL_BENCH_MB", 256) << 20);
    println!("{:.1} MB, {events} events", bytes as f64 / 1e6);
    for command in COMMANDS {
        let mut rounds: Vec<_> =
            (0..setting("AUDITRAIL_BENCH_ROUNDS", 3)).map(|_| run(&binary, command, &log)).collect();
        rounds.sort_by(|one, other| one.0.total_cmp(&other.0));
        let (processor, clock) = rounds[rounds.len() / 2];
        let rate = |seconds: f64| bytes as f64 / 1e6 / seconds;
        println!(
            "{}: {:.0} MB per CPU second, {:.0} MB/s by the clock ({:.2} s)",
            command.join(" "),
            rate(processor),
            rate(clock),
            clock
        );
    }
}

fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default).max(1)
}

/// The recorded events again and again; how many bytes and lines there are.
fn write(log: &Path, least: usize) -> (usize, usize) {
    let lines = fixture::small();
    let mut out = BufWriter::new(File::create(log).unwrap());
    let (mut bytes, mut events) = (0, 0);
    while bytes < least {
        for line in &lines {
            out.write_all(line).unwrap();
            out.write_all(b"\n").unwrap();
            bytes += line.len() + 1;
        }
        events += lines.len();
    }
    out.flush().unwrap();
    (bytes, events)
}

/// The release build of our binary; made when it is not there.
fn built() -> PathBuf {
    let done = Command::new(env!("CARGO")).args(["build", "--release", "-p", "auditrail"]).status().unwrap();
    assert!(done.success());
    let own = std::env::current_exe().unwrap();
    own.parent().and_then(Path::parent).unwrap().join(format!("auditrail{}", std::env::consts::EXE_SUFFIX))
}

/// Seconds of processor time (user and system) and of the clock that one run takes.
fn run(binary: &Path, command: &[&str], log: &Path) -> (f64, f64) {
    let begun = Instant::now();
    let mut child = Command::new(binary)
        .args(command)
        .arg("--policy")
        .arg(fixture::directory().join("policy-20.yaml"))
        .stdin(File::open(log).unwrap())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut processor = 0.0;
    loop {
        processor = processor_seconds(child.id()).unwrap_or(processor);
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{status}");
            return (processor, begun.elapsed().as_secs_f64());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
