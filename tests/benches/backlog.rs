//! What a backlog costs the collector alone: rotated files, the older half packed by gzip, are read from the oldest to
//! the newest into a stage that counts and answers at once.
//!
//! `cargo bench -p tests --bench backlog` prints raw megabytes per second, CPU seconds per GiB and the peak memory of
//! the collector's process, and how many bytes it read for each byte that it had to (the files as they lie on the disk,
//! and each batch out of its queue). It fails when a line does not arrive once, byte for byte. CPU, memory and reads
//! come from /proc. Settings: `AUDITRAIL_BENCH_GB` (raw size, default 0.25), `AUDITRAIL_BENCH_FILE_MB` (raw size of a
//! file, default 100, as `--audit-log-maxsize` has it). The files lie in the directory for temporary files.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use proto::v1::StatusReply;
use proto::{Batch, Receipt, Refusal};
use tests::fixture::{self, renamed};
use tests::lone_collector::LoneCollector;
use tests::usage;

/// Lines and their bytes; the sum of their hashes says which they are, in whatever order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    lines: u64,
    bytes: u64,
    hash: u64,
}

impl Sum {
    fn add(&mut self, line: &[u8]) {
        let mut hasher = DefaultHasher::new();
        line.hash(&mut hasher);
        self.lines += 1;
        self.bytes += line.len() as u64 + 1;
        self.hash = self.hash.wrapping_add(hasher.finish());
    }
}

#[derive(Default)]
struct Taken {
    sum: Mutex<Sum>,
    lines: AtomicU64,
    sent: AtomicU64,
}

#[tokio::main]
async fn main() {
    if std::env::args().any(|argument| argument == "--list" || argument == "--test") {
        return;
    }
    let built = Command::new(env!("CARGO")).args(["build", "--release", "-p", "collector"]).status().unwrap();
    assert!(built.success());
    let raw = (setting("AUDITRAIL_BENCH_GB", 0.25) * 1e9) as u64;
    let file = (setting("AUDITRAIL_BENCH_FILE_MB", 100.0) * 1e6) as u64;

    let directory = tempfile::tempdir().unwrap();
    let taken = Arc::new(Taken::default());
    let (address, _serving) = stage(Arc::clone(&taken)).await;
    let mut collector = LoneCollector::new(directory.path(), &address, "2GiB", "");
    let written = backlog(&collector.logs(), raw, file);
    let on_disk: u64 = std::fs::read_dir(collector.logs())
        .unwrap()
        .map(|file| file.unwrap().metadata().unwrap().len())
        .sum();

    let start = Instant::now();
    collector.start();
    while taken.lines.load(Ordering::Relaxed) < written.lines {
        collector.assert_running();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let seconds = start.elapsed().as_secs_f64();
    let process = collector.id();
    let cpu = usage::processor_seconds(process).unwrap_or_default();
    let read = usage::read_bytes(process).unwrap_or_default();
    let peak = usage::greatest_memory(process).unwrap_or_default();
    collector
        .until("every batch has its receipt", |status| {
            status.queue.as_ref().is_some_and(|queue| queue.records == 0)
        })
        .await;
    collector.kill();
    assert_eq!(*taken.sum.lock().unwrap(), written, "what arrived is not what was written");

    let due = on_disk + taken.sent.load(Ordering::Relaxed);
    let gib = written.bytes as f64 / f64::from(1 << 30);
    println!(
        "{:.2} GB raw in {} lines, {:.2} GB on the disk: {:.1} MB/s, {:.2} CPU s per GiB, peak memory {:.1} MiB, {:.3} bytes read for each that had to be",
        written.bytes as f64 / 1e9,
        written.lines,
        on_disk as f64 / 1e9,
        written.bytes as f64 / 1e6 / seconds,
        cpu / gib,
        peak as f64 / f64::from(1 << 20),
        read as f64 / due as f64,
    );
}

fn setting(name: &str, default: f64) -> f64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Rotated files of `file` bytes and what is left in the active one; the older half is packed.
fn backlog(directory: &Path, raw: u64, file: u64) -> Sum {
    let lines = fixture::superset();
    let mut next = (0_u32..).flat_map(|round| lines.iter().map(move |line| (round, line)));
    let (mut sum, files) = (Sum::default(), raw.div_ceil(file));
    for number in 0..files {
        let size = file.min(raw - number * file);
        let name = match number + 1 == files {
            true => "audit.log".to_owned(),
            false => format!("audit-2026-11-23T{:02}-{:02}-00.000.log", number / 60, number % 60),
        };
        let path = directory.join(if number < files / 2 { format!("{name}.gz") } else { name });
        let plain = BufWriter::with_capacity(1 << 20, File::create(&path).unwrap());
        if number < files / 2 {
            let packed = flate2::write::GzEncoder::new(plain, flate2::Compression::fast());
            fill(packed, &mut next, size, &mut sum).finish().unwrap().flush().unwrap();
        } else {
            fill(plain, &mut next, size, &mut sum).flush().unwrap();
        }
    }
    sum
}

fn fill<'a, W: Write>(
    mut file: W,
    next: &mut impl Iterator<Item = (u32, &'a Vec<u8>)>,
    size: u64,
    sum: &mut Sum,
) -> W {
    let end = sum.bytes + size;
    while sum.bytes < end
        && let Some((round, line)) = next.next()
    {
        let line = renamed(line, format!("{round:08x}").as_bytes());
        file.write_all(&line).unwrap();
        file.write_all(b"\n").unwrap();
        sum.add(&line);
    }
    file
}

/// The stage, and its address.
async fn stage(taken: Arc<Taken>) -> (String, tokio::task::JoinHandle<()>) {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let stage = proto::stage(move |batch| {
        let taken = Arc::clone(&taken);
        async move { tokio::task::spawn_blocking(move || take(&taken, &batch)).await.unwrap() }
    });
    let server = proto::Server::new(Arc::new(StatusReply::default)).stage(stage);
    let serving = tokio::spawn(async move { server.run(listener, std::future::pending()).await.unwrap() });
    (address, serving)
}

fn take(taken: &Taken, batch: &Batch) -> Result<Receipt, Refusal> {
    let mut sum = Sum::default();
    batch.lines()?.iter().for_each(|line| sum.add(&line.bytes));
    let mut all = taken.sum.lock().unwrap();
    all.lines += sum.lines;
    all.bytes += sum.bytes;
    all.hash = all.hash.wrapping_add(sum.hash);
    taken.sent.fetch_add(batch.block.len() as u64, Ordering::Relaxed);
    taken.lines.store(all.lines, Ordering::Relaxed);
    Ok(batch.receipt())
}
