//! How soon a line is at the next stage, and what a collector uses while nothing happens.
//!
//! `cargo bench -p tests --bench latency` prints the time from the write of a line to its arrival (median, 99th of 100,
//! longest) over lines that are written one by one, and CPU seconds, wakings and bytes read of a collector in a quiet
//! time, with one log alone and with 20 rotated siblings. The last three come from /proc. Settings: `AUDITRAIL_BENCH_LINES`
//! (default 300), `AUDITRAIL_BENCH_QUIET_SECONDS` (default 60).

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use proto::Batch;
use proto::v1::StatusReply;
use tests::apiserver::ApiServer;
use tests::dice::Dice;
use tests::lone_collector::LoneCollector;
use tests::numbered::{Kind, Numbered};
use tests::usage;

type Arrivals = Arc<Mutex<BTreeMap<u64, Instant>>>;

#[tokio::main]
async fn main() {
    if std::env::args().any(|argument| argument == "--list" || argument == "--test") {
        return;
    }
    let built = Command::new(env!("CARGO")).args(["build", "--release", "-p", "collector"]).status().unwrap();
    assert!(built.success());
    let arrivals = Arrivals::default();
    let address = stage(Arc::clone(&arrivals)).await;
    latency(&address, &arrivals, setting("AUDITRAIL_BENCH_LINES", 300)).await;
    for siblings in [0, 20] {
        quiet(&address, siblings, setting("AUDITRAIL_BENCH_QUIET_SECONDS", 60)).await;
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default).max(1)
}

/// Lines come one by one, with pauses of up to 200 ms between them.
async fn latency(address: &str, arrivals: &Arrivals, count: u64) {
    let directory = tempfile::tempdir().unwrap();
    let mut collector = LoneCollector::new(directory.path(), address, "2GiB", "");
    let mut server = ApiServer::in_directory(&collector.logs());
    collector.start();
    collector
        .until("it follows", |status| status.sources.iter().any(|source| source.state == "following"))
        .await;
    let (lines, mut dice) = (Numbered::new(1), Dice::new(1));
    let events: Vec<u64> =
        (1..).filter(|&number| lines.kind(number) == Kind::Event).take(count as usize).collect();
    let mut written = BTreeMap::new();
    for &number in &events {
        tokio::time::sleep(dice.millis(200)).await;
        let line = lines.line(number);
        written.insert(number, Instant::now());
        server.write(&line);
    }
    let last = events.last().copied().unwrap();
    while !arrivals.lock().unwrap().contains_key(&last) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let arrived = arrivals.lock().unwrap().clone();
    let mut times: Vec<f64> =
        written.iter().map(|(number, at)| (arrived[number] - *at).as_secs_f64() * 1e3).collect();
    times.sort_by(f64::total_cmp);
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize];
    println!(
        "{count} lines one by one: median {:.1} ms, 99 of 100 within {:.1} ms, longest {:.1} ms",
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

/// Nothing is written.
async fn quiet(address: &str, siblings: u32, seconds: u64) {
    let directory = tempfile::tempdir().unwrap();
    let mut collector = LoneCollector::new(directory.path(), address, "2GiB", "");
    let mut server = ApiServer::in_directory(&collector.logs());
    let lines = tests::fixture::small();
    for _ in 0..siblings {
        server.write_all(tests::fixture::slices(&lines[..100]));
        server.rotate();
    }
    server.write_all(tests::fixture::slices(&lines[..100]));
    let last = u64::from(siblings + 1) * 100;
    collector.start();
    collector
        .until("all has its receipt", |status| {
            let all = status.sources.iter().any(|source| source.last == last);
            all && status.queue.as_ref().is_some_and(|queue| queue.records == 0)
        })
        .await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let process = collector.id();
    let used = || {
        let cpu = usage::processor_seconds(process).unwrap_or_default();
        let (switches, read) = (usage::switches(process), usage::read_bytes(process));
        (cpu, switches.unwrap_or_default(), read.unwrap_or_default())
    };
    let before = used();
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let after = used();
    println!(
        "{seconds} quiet seconds with {siblings} rotated siblings: {:.2} CPU s, {} wakings, {} bytes read",
        after.0 - before.0,
        after.1 - before.1,
        after.2 - before.2
    );
}

/// A stage that notes when a line came; its address.
async fn stage(arrivals: Arrivals) -> String {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let stage = proto::stage(move |batch: Batch| {
        let (now, arrivals) = (Instant::now(), Arc::clone(&arrivals));
        async move {
            let lines = batch.lines()?;
            let numbers = lines.iter().filter_map(|line| Numbered::new(1).number_of(&line.bytes));
            let mut arrivals = arrivals.lock().unwrap();
            numbers.for_each(|number| {
                arrivals.entry(number).or_insert(now);
            });
            Ok(batch.receipt())
        }
    });
    let server = proto::Server::new(Arc::new(StatusReply::default)).stage(stage);
    tokio::spawn(async move { server.run(listener, std::future::pending()).await.unwrap() });
    address
}
