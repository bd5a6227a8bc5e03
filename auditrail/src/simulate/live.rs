//! Events as they are written, for some time, instead of recorded ones.
//!
//! Promises: logs are followed by the collector's own reader, from the end that they have at the start and through
//! every rotation; nothing is sent anywhere, and what had to rest on the disk is gone at the end; it ends with its time,
//! its number of events or when it is asked to, and what was seen until then counts.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, anyhow};
use audit::Event;
use chassis::datadog::{LogsEntry, StartPosition};
use chassis::telemetry::Telemetry;
use chassis::{ByteSize, Configuration, Service, Span, Stop};
use collector::{Age, Collector, Storage};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use proto::{Batch, Refusal};
use tokio::sync::Notify;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::Instant;

use crate::exit::Failure;
use crate::print::grouped;
use crate::recording::Recording;
use crate::replay::{Bad, Fold};
use crate::say;

/// Batches that wait to be counted.
const WAITING: usize = 4;
/// Bytes of lines that may rest on the disk while they wait.
const RESTING: ByteSize = ByteSize::mib(256);
/// How often it is looked whether logs are followed, and how far it is.
const PERIOD: Duration = Duration::from_millis(100);

/// How long, how much and what.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Live {
    /// Follow the logs FILES from their end for so long (`5m`, `1h`) instead of reading what is recorded; Ctrl-C ends
    /// it earlier, with what was seen until then.
    #[arg(long, value_name = "TIME", conflicts_with = "lake")]
    pub live: Option<Span>,
    /// With --live: end it after so many events.
    #[arg(long, value_name = "N", requires = "live")]
    pub live_events: Option<u64>,
    /// With --live: a configuration, whose logs are followed when no FILES are named.
    #[arg(long, value_name = "FILE", requires = "live")]
    pub config: Option<PathBuf>,
}

/// What the threads of a run tell each other.
#[derive(Debug, Default)]
struct Seen {
    events: AtomicU64,
    enough: Notify,
    not_events: AtomicU64,
    /// Since when all logs are followed, and until when they were.
    since: OnceLock<Instant>,
    until: OnceLock<Instant>,
}

/// What was seen.
pub(crate) struct Watched<F> {
    pub whole: F,
    pub bad: Bad,
    /// For how long.
    pub span: Duration,
}

/// Counts into `whole` what is written into the logs for `span`; none when that failed, which was said.
///
/// # Errors
/// [`Failure::Usage`] when no log is named, or one cannot be followed.
pub(crate) fn follow<F: Fold>(
    live: &Live,
    span: Span,
    recording: &Recording,
    whole: F,
) -> Result<Option<Watched<F>>, Failure> {
    let logs = logs(live, recording).map_err(Failure::usage)?;
    let (sender, batches) = channel(WAITING);
    let seen = Arc::new(Seen::default());
    let service = Service::new("auditrail", env!("CARGO_PKG_VERSION"));
    let telemetry = Telemetry { log: "warn".to_owned(), ..Telemetry::default() };
    let most = live.live_events.unwrap_or(u64::MAX);
    let (folded, code) = std::thread::scope(|scope| {
        let counting = scope.spawn(|| count(batches, most, recording, whole, &seen));
        let code = chassis::run::supervise(&service, &telemetry, |stop| {
            watch(logs, span, sender, Arc::clone(&seen), stop)
        });
        (counting.join(), code)
    });
    let (whole, mut bad) =
        folded.map_err(|_| anyhow!("counting was interrupted by a fault in this program"))?;
    bad.add_unnamed(seen.not_events.load(Ordering::Relaxed));
    let span = seen.until.get().zip(seen.since.get()).map(|(until, since)| *until - *since);
    let watched = Watched { whole, bad, span: span.unwrap_or_default() };
    Ok((code == std::process::ExitCode::SUCCESS).then_some(watched))
}

/// The logs that are named, or those of the configuration.
fn logs(live: &Live, recording: &Recording) -> anyhow::Result<Vec<LogsEntry>> {
    let mut logs = Vec::new();
    for path in &recording.files {
        match path {
            path if path.is_dir() => logs.extend(active_in(path)?.into_iter().map(LogsEntry::audit_log)),
            path if path.as_os_str() == "-" => return Err(anyhow!("stdin cannot be followed: name the log")),
            path => {
                std::fs::metadata(path).with_context(|| format!("`{}` cannot be read", path.display()))?;
                logs.push(LogsEntry::audit_log(std::path::absolute(path)?));
            }
        }
    }
    if let Some(file) = live.config.as_deref().filter(|_| logs.is_empty()) {
        let configuration = Configuration::read(Some(file), chassis::config::environment()?)?;
        logs = configuration.section::<collector::Config>()?.logs;
    }
    if logs.is_empty() {
        return Err(anyhow!("--live follows logs: name them, or a configuration that does with --config"));
    }
    logs.iter_mut().for_each(|entry| entry.start_position = Some(StartPosition::ForceEnd));
    Ok(logs)
}

/// The logs of a directory that are written to.
fn active_in(directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut active = Vec::new();
    let listed = std::fs::read_dir(directory)
        .with_context(|| format!("`{}` cannot be listed", directory.display()))?;
    for entry in listed {
        let path = std::path::absolute(entry?.path())?;
        let (base, age) = collector::in_rotation(&path);
        if age == Age::Active && base.extension().is_some_and(|extension| extension == "log") {
            active.push(path);
        }
    }
    Ok(active)
}

/// Follows the logs until the end.
async fn watch(
    logs: Vec<LogsEntry>,
    span: Span,
    sender: Sender<Batch>,
    seen: Arc<Seen>,
    stop: Stop,
) -> anyhow::Result<()> {
    let place = for_us_alone().context("a directory for what waits cannot be made")?;
    let names: Vec<String> = logs.iter().map(|entry| entry.path.display().to_string()).collect();
    let queue = Storage { dir: place.path().join("queue"), max_size: RESTING };
    // One batch at a time, so that events are counted in the order in which they were written.
    let config = collector::Config { logs, queue, in_flight: 1, ..collector::Config::default() };
    let next = proto::stage(move |batch: Batch| hand_over(sender.clone(), batch));
    let opened = tokio::task::spawn_blocking(move || Collector::open(config, next)).await?;
    let collector = Arc::new(opened.context("the logs cannot be followed")?);
    let ended = tokio::select! {
        ran = collector.run(stop.clone()) => ran.map_err(anyhow::Error::from),
        () = seen.enough.notified() => Ok(()),
        () = pass(&collector, &names, span, &seen) => Ok(()),
    };
    seen.until.get_or_init(Instant::now);
    let sources = collector.status().sources;
    let dead = sources.iter().flat_map(|source| &source.dead).filter_map(|dead| dead.count);
    seen.not_events.store(dead.map(|count| count.events).sum(), Ordering::Relaxed);
    ended
}

/// A directory that nobody else may look into: what waits there are audit events.
fn for_us_alone() -> std::io::Result<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder.prefix("auditrail-").tempdir()
}

async fn hand_over(sender: Sender<Batch>, batch: Batch) -> Result<proto::Receipt, Refusal> {
    let receipt = batch.receipt();
    let over = |_| Refusal::Unavailable { why: "counting has ended".to_owned() };
    sender.send(batch).await.map_err(over)?;
    Ok(receipt)
}

/// Lets the time pass from when all logs are followed, which is said, or as much time has passed in vain.
async fn pass(collector: &Arc<Collector>, names: &[String], span: Span, seen: &Seen) {
    let is_followed = || {
        let sources = collector.status().sources;
        sources.len() >= names.len() && sources.iter().all(|source| !source.files.is_empty())
    };
    let followed = async {
        while !is_followed() {
            tokio::time::sleep(PERIOD).await;
        }
    };
    // Whatever keeps a log from being followed is said by the collector.
    let _ = tokio::time::timeout(span.duration(), followed).await;
    seen.since.get_or_init(Instant::now);
    let names = names.join(", ");
    say::aside(&format!(
        "following {names} from here on, for {span}; Ctrl-C ends it and shows what was seen"
    ));
    tokio::select! {
        () = tokio::time::sleep(span.duration()) => {}
        () = show(seen) => {}
    }
}

/// How far it is, on a terminal; never ends.
async fn show(seen: &Seen) {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {wide_msg}") {
        bar.set_style(style);
    }
    let bar = Shown(bar);
    loop {
        bar.0.set_message(format!("{} events", grouped(seen.events.load(Ordering::Relaxed))));
        bar.0.tick();
        tokio::time::sleep(PERIOD).await;
    }
}

/// A progress line; gone when it is dropped.
struct Shown(ProgressBar);

impl Drop for Shown {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Counts batches until nobody sends any, and no more than `most` events.
fn count<F: Fold>(
    mut batches: Receiver<Batch>,
    most: u64,
    recording: &Recording,
    mut whole: F,
    seen: &Seen,
) -> (F, Bad) {
    let (mut bad, mut events) = (Bad::default(), 0);
    while let Some(batch) = batches.blocking_recv() {
        let place = batch.origin.as_ref().map_or("", |origin| origin.path.as_str());
        let lines = batch.lines().unwrap_or_default();
        for line in lines {
            match Event::scan(&line.bytes) {
                Ok(event) if events < most && recording.asks_for(event.stage_micros()) => {
                    whole.add(&event);
                    events += 1;
                }
                Ok(_) => {}
                Err(why) => bad.add(format!("{place}: {why}")),
            }
        }
        seen.events.store(events, Ordering::Relaxed);
        if events >= most {
            seen.enough.notify_one();
        }
    }
    (whole, bad)
}
