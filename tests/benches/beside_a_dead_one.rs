//! What a destination that is down for the whole run costs the other one.
//!
//! `cargo bench -p tests --bench beside_a_dead_one`: a log of real events at Metadata goes to two Datadog intakes on
//! loopback that count and answer at once; then to one of them and to an address where nobody listens. Both spools have
//! room. Printed is how long it takes until all bodies are at the first one, median and extremes of the rounds, which
//! take turns. Settings: `AUDITRAIL_BENCH_MB` (default 128), `AUDITRAIL_BENCH_ROUNDS` (default 5).

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tests::apiserver::ApiServer;
use tests::fixture::{self, renamed};
use tests::intake::{Intake, Mood};

#[tokio::main]
async fn main() {
    if std::env::args().any(|argument| argument == "--list" || argument == "--test") {
        return;
    }
    let binary = built();
    let directory = tempfile::tempdir().unwrap();
    let log = log(directory.path(), setting("AUDITRAIL_BENCH_MB", 128) << 20);
    let bodies = until_the_end(&binary, &log).await;
    let (mut both, mut dead) = (Vec::new(), Vec::new());
    for _ in 0..setting("AUDITRAIL_BENCH_ROUNDS", 5) {
        let second = Intake::start(Mood::Count).await;
        both.push(until_all_arrived(&binary, &log, &second.url(), bodies).await);
        dead.push(until_all_arrived(&binary, &log, &nobody(), bodies).await);
    }
    for (scenario, seconds) in [("beside one that is up", &mut both), ("beside one that is down", &mut dead)]
    {
        seconds.sort_by(f64::total_cmp);
        let (least, most) = (seconds[0], seconds[seconds.len() - 1]);
        println!("{scenario}: {:.2} s ({least:.2} to {most:.2})", seconds[seconds.len() / 2]);
    }
    println!("down / up: {:.2}", dead[dead.len() / 2] / both[both.len() / 2]);
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

/// A log of about so many bytes.
fn log(directory: &Path, size: u64) -> PathBuf {
    let path = ApiServer::in_directory(directory).path().to_path_buf();
    let (lines, mut bytes) = (fixture::small(), 0);
    let mut file = BufWriter::new(std::fs::File::create(&path).unwrap());
    for repetition in 0_u32.. {
        if bytes >= size {
            break;
        }
        for line in &lines {
            let line = renamed(line, format!("{repetition:08x}").as_bytes());
            file.write_all(&line).unwrap();
            file.write_all(b"\n").unwrap();
            bytes += line.len() as u64 + 1;
        }
    }
    file.flush().unwrap();
    path
}

/// An address where nobody listens.
fn nobody() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// Everything to one intake; how many bodies that makes.
async fn until_the_end(binary: &Path, log: &Path) -> usize {
    let intake = Intake::start(Mood::Count).await;
    let data = tempfile::tempdir().unwrap();
    let mut child = Command::new(binary)
        .args(["up", "--once", "--to", &format!("datadog:{}", intake.url()), "--path"])
        .arg(log)
        .arg("--data")
        .arg(data.path())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let ended = tokio::task::spawn_blocking(move || child.wait()).await.unwrap().unwrap();
    assert!(ended.success());
    intake.bodies()
}

/// Seconds until all bodies are at the first of two destinations.
async fn until_all_arrived(binary: &Path, log: &Path, second: &str, bodies: usize) -> f64 {
    let intake = Intake::start(Mood::Count).await;
    let data = tempfile::tempdir().unwrap();
    let config = data.path().join("auditrail.yaml");
    std::fs::write(
        &config,
        format!(
            "shipper:\n  destinations:\n    first: {{type: datadog, url: \"{}\"}}\n    second: {{type: datadog, url: \"{second}\"}}\n",
            intake.url()
        ),
    )
    .unwrap();
    let begun = Instant::now();
    let child = Command::new(binary)
        .args(["up", "--to", "first", "--to", "second", "--path"])
        .arg(log)
        .arg("--config")
        .arg(&config)
        .arg("--data")
        .arg(data.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let child = Ended(child);
    while intake.bodies() < bodies {
        tokio::time::sleep(Duration::from_millis(2)).await;
        assert!(begun.elapsed() < Duration::from_secs(600), "{} of {bodies} bodies", intake.bodies());
    }
    let seconds = begun.elapsed().as_secs_f64();
    drop(child);
    seconds
}

/// A process that does not outlive this.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
