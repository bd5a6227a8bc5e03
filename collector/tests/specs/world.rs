//! A directory with logs, a writer that behaves as the API server's, and a collector that can be stopped and killed.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chassis::datadog::LogsEntry;
use chassis::{ByteSize, Section, Span, Stop};
use collector::{Collector, Config, OpenError};
use proto::v1::{ServiceStatus, SourceStatus};

use crate::next::Next;

pub(crate) struct World {
    dir: tempfile::TempDir,
    pub(crate) config: Config,
    pub(crate) next: Next,
}

/// A collector that follows.
pub(crate) struct Running {
    pub(crate) collector: Arc<Collector>,
    stop: Stop,
    task: tokio::task::JoinHandle<Result<(), collector::RunError>>,
}

impl World {
    pub(crate) fn new(next: Next) -> World {
        let dir = tempfile::tempdir().unwrap();
        let mut config =
            Config { id: Some("cp-1".into()), poll_interval: Span::millis(20), ..Config::default() };
        config.queue.dir = dir.path().join("queue");
        std::fs::create_dir(dir.path().join("log")).unwrap();
        let mut world = World { dir, config, next };
        world.config.logs = vec![LogsEntry::audit_log(world.log())];
        world
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.path("audit.log")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("log").join(name)
    }

    pub(crate) fn queue_dir(&self) -> &Path {
        &self.config.queue.dir
    }

    /// A rotated name, later for a greater `second`.
    pub(crate) fn rotated(&self, second: u32) -> PathBuf {
        self.path(&format!("audit-2026-11-23T06-10-{second:02}.938.log"))
    }

    pub(crate) fn append(&self, text: impl AsRef<[u8]>) {
        append(&self.log(), text);
    }

    /// As lumberjack does.
    pub(crate) fn rotate(&self, second: u32) -> PathBuf {
        let to = self.rotated(second);
        std::fs::rename(self.log(), &to).unwrap();
        File::create(self.log()).unwrap();
        to
    }

    pub(crate) async fn open(&self) -> Collector {
        self.config.validate().unwrap();
        for _ in 0..6000 {
            let (config, next) = (self.config.clone(), self.next.stage());
            match tokio::task::spawn_blocking(|| Collector::open(config, next)).await.unwrap() {
                // threads of a collector that was killed hold its queue until they notice
                Err(OpenError::Queue(queue::OpenError::InUse { .. })) => {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                opened => return opened.unwrap(),
            }
        }
        panic!("the queue is in use for ever");
    }

    pub(crate) async fn run(&self) -> Running {
        let (collector, stop) = (Arc::new(self.open().await), Stop::new());
        let (running, asked) = (Arc::clone(&collector), stop.clone());
        Running { collector, stop, task: tokio::spawn(async move { running.run(asked).await }) }
    }

    /// Runs until so many lines arrived in all and have their receipts, then stops; what status said at the end.
    pub(crate) async fn catch_up(&self, count: u64) -> ServiceStatus {
        let running = self.run().await;
        self.next.until_count(count).await;
        let status = running.until_empty().await;
        running.stop().await;
        status
    }

    pub(crate) async fn run_once(&self) -> Result<collector::Once, collector::OnceError> {
        let collector = self.open().await;
        let patience = Duration::from_secs(60);
        let once = tokio::time::timeout(patience, collector.run_once(Stop::new())).await;
        once.expect("reading once ends")
    }
}

impl Running {
    /// As SIGTERM does.
    pub(crate) async fn stop(self) {
        self.stop.request();
        self.task.await.unwrap().unwrap();
        close(self.collector).await;
    }

    /// As near to SIGKILL as one process can: nobody is asked, nothing is waited for.
    pub(crate) async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.is_err());
        close(self.collector).await;
    }

    pub(crate) fn source(&self) -> SourceStatus {
        self.collector.status().sources.into_iter().next().expect("a source")
    }

    /// Waits until status says so.
    pub(crate) async fn until(&self, what: &str, enough: impl Fn(&ServiceStatus) -> bool) -> ServiceStatus {
        for _ in 0..6000 {
            let status = self.collector.status();
            if enough(&status) {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("status never said: {what}; it says {:#?}", self.collector.status());
    }

    /// Waits until everything has its receipt.
    pub(crate) async fn until_empty(&self) -> ServiceStatus {
        self.until("nothing queued", |status| {
            let queued = |source: &SourceStatus| source.queued.as_ref().unwrap().events;
            status.sources.iter().map(queued).sum::<u64>() == 0 && status.queue.as_ref().unwrap().records == 0
        })
        .await
    }
}

/// Lets go of the queue; the reader's thread may hold it a moment longer.
async fn close(collector: Arc<Collector>) {
    tokio::task::spawn_blocking(move || drop(collector)).await.unwrap();
}

pub(crate) fn append(path: &Path, text: impl AsRef<[u8]>) {
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(text.as_ref()).unwrap();
}

/// Lines of a real audit log.
pub(crate) fn real_log() -> Vec<u8> {
    zstd::decode_all(&include_bytes!("../fixtures/audit.log.zst")[..]).unwrap()
}

/// Events that are told apart by their number.
pub(crate) fn events(numbers: impl IntoIterator<Item = u32>) -> String {
    numbers.into_iter().map(|number| format!("{}\n", event(number))).collect()
}

pub(crate) fn event(number: u32) -> String {
    format!("{{\"kind\":\"Event\",\"auditID\":\"{number}\"}}")
}

pub(crate) fn expected(numbers: impl IntoIterator<Item = u32>) -> Vec<String> {
    numbers.into_iter().map(event).collect()
}

pub(crate) fn gzip(path: &Path) {
    let packed = path.with_file_name(format!("{}.gz", path.file_name().unwrap().to_str().unwrap()));
    let mut encoder =
        flate2::write::GzEncoder::new(File::create(packed).unwrap(), flate2::Compression::fast());
    encoder.write_all(&std::fs::read(path).unwrap()).unwrap();
    encoder.finish().unwrap();
    std::fs::remove_file(path).unwrap();
}

pub(crate) fn zstd(path: &Path) {
    let packed = path.with_file_name(format!("{}.zst", path.file_name().unwrap().to_str().unwrap()));
    std::fs::write(packed, zstd::encode_all(&std::fs::read(path).unwrap()[..], 1).unwrap()).unwrap();
    std::fs::remove_file(path).unwrap();
}

pub(crate) const SMALL: ByteSize = ByteSize::kib(1);

/// A line of 4 KB that does not pack.
pub(crate) fn noise(seed: u64) -> String {
    let mut state = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b'!' + (state % 90) as u8)
    };
    let text: String = (0..4000).map(|_| next()).filter(|&c| c != '"' && c != '\\').collect();
    format!("{{\"n\":{seed},\"a\":\"{text}\"}}")
}
