//! What the whole way costs: a log of real events is read from its beginning to a counting intake.
//!
//! `cargo bench -p tests` prints one line per scenario: raw megabytes per second of wall time, events per second,
//! CPU seconds per GiB of all our processes together, and the peak memory of the largest process. CPU and memory are
//! read from /proc, so they are there on Linux only. Settings: `AUDITRAIL_BENCH_MB` (raw size of the log, default
//! 256), `AUDITRAIL_BENCH_ROUNDS` (default 3; the median is printed).

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::fmt::Write as _;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tests::apiserver::ApiServer;
use tests::fixture::{self, renamed};
use tests::intake::{Intake, Mood};
use tests::usage::{greatest_memory, processor_seconds};

/// One run's figures.
#[derive(Clone, Copy, Debug, Default)]
struct Figures {
    seconds: f64,
    cpu: f64,
    peak: u64,
}

struct Log {
    name: &'static str,
    directory: tempfile::TempDir,
    bytes: u64,
    events: u64,
}

#[tokio::main]
async fn main() {
    if std::env::args().any(|argument| argument == "--list" || argument == "--test") {
        return;
    }
    let binary = built();
    let size = setting("AUDITRAIL_BENCH_MB", 256) << 20;
    let rounds = setting("AUDITRAIL_BENCH_ROUNDS", 3);
    let logs = [log("small", &fixture::small(), size), log("large", &fixture::superset(), size)];
    println!("{:<22}{:>8}{:>12}{:>12}{:>14}", "scenario", "MB/s", "events/s", "CPU s/GiB", "peak MiB");
    for log in &logs {
        for policy in [None, Some("policy-20.yaml")] {
            let mut runs = Vec::new();
            for _ in 0..rounds {
                runs.push(run(&binary, log, policy).await);
            }
            print(log, policy, &runs);
        }
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default).max(1)
}

/// The release build of our binary; made when it is not there.
fn built() -> PathBuf {
    let done = Command::new(env!("CARGO")).args(["build", "--release", "-p", "auditrail"]).status().unwrap();
    assert!(done.success());
    let own = std::env::current_exe().unwrap();
    own.parent().and_then(Path::parent).unwrap().join(format!("auditrail{}", std::env::consts::EXE_SUFFIX))
}

/// A log of `size` bytes: the lines again and again, each repetition with audit ids of its own.
fn log(name: &'static str, lines: &[Vec<u8>], size: u64) -> Log {
    let directory = tempfile::tempdir().unwrap();
    let path = ApiServer::in_directory(directory.path()).path().to_path_buf();
    let mut file = BufWriter::new(std::fs::File::create(path).unwrap());
    let (mut bytes, mut events) = (0, 0);
    'full: for repetition in 0_u32.. {
        let mut digits = String::new();
        write!(digits, "{repetition:08x}").unwrap();
        for line in lines {
            if bytes >= size {
                break 'full;
            }
            let line = renamed(line, digits.as_bytes());
            file.write_all(&line).unwrap();
            file.write_all(b"\n").unwrap();
            bytes += line.len() as u64 + 1;
            events += 1;
        }
    }
    file.flush().unwrap();
    Log { name, directory, bytes, events }
}

async fn run(binary: &Path, log: &Log, policy: Option<&str>) -> Figures {
    let intake = Intake::start(Mood::Count).await;
    let data = tempfile::tempdir().unwrap();
    let mut command = Command::new(binary);
    command.args(["up", "--once", "--path"]).arg(log.directory.path().join("audit.log"));
    command.arg("--data").arg(data.path()).args(["--to", &format!("datadog:{}", intake.url())]);
    if let Some(policy) = policy {
        command.arg("--policy").arg(fixture::directory().join(policy));
    }
    let start = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let (cpu, peak) = tokio::task::spawn_blocking(move || watch(child)).await.unwrap();
    Figures { seconds: start.elapsed().as_secs_f64(), cpu, peak }
}

/// Follows a process to its end; its CPU seconds and its greatest memory.
fn watch(mut child: Child) -> (f64, u64) {
    let (mut cpu, mut peak) = (0.0, 0);
    loop {
        cpu = processor_seconds(child.id()).unwrap_or(cpu);
        peak = peak.max(greatest_memory(child.id()).unwrap_or(0));
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{status}");
            return (cpu, peak);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn print(log: &Log, policy: Option<&str>, runs: &[Figures]) {
    let median = |value: fn(&Figures) -> f64| {
        let mut values: Vec<f64> = runs.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let scenario = format!("{}, {}", log.name, policy.map_or("forward", |_| "20-rule policy"));
    let seconds = median(|run| run.seconds);
    println!(
        "{scenario:<22}{:>8.1}{:>12.0}{:>12.2}{:>14.0}",
        log.bytes as f64 / 1e6 / seconds,
        log.events as f64 / seconds,
        median(|run| run.cpu) / (log.bytes as f64 / (1_u64 << 30) as f64),
        median(|run| run.peak as f64) / f64::from(1 << 20)
    );
}
