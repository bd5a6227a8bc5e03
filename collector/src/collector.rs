//! The collector as others see it: opened, run, asked.
//!
//! Promises: opening needs no log file to exist; what an earlier run queued is sent first, with the same identities;
//! of the two ways to run only one runs at a time; dropping a run ends its reading.

use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use chassis::alive::PATIENCE;
use chassis::{Alive, Stop};
use proto::Stage;
use proto::v1::{ServiceStatus, StoreStatus};
use queue::Queue;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::append::Appends;
use crate::books::Books;
use crate::canary::{self, Sightings};
use crate::checkpoint::{self, Saved};
use crate::chunk::Bounds;
use crate::clock;
use crate::config::Config;
use crate::entry::{self, Entry};
use crate::error::{Once, OnceError, OpenError, RunError};
use crate::metrics;
use crate::orders::Orders;
use crate::quarantine::Quarantine;
use crate::reader::{Reached, Reader, Until};
use crate::recover::{Again, Recovery};
use crate::send::{Push, Sender};
use crate::source::{Settings, Source};
use crate::sources::Sources;
use crate::webhook::{Posting, Shared};

/// How often a log that is rotated just now is looked at again before it is read once.
const LOOKS: u32 = 40;
/// How long after each other.
const LOOKS_APART: Duration = Duration::from_millis(50);

/// Follows logs, takes what is posted, and hands the lines to the next stage.
pub struct Collector {
    config: Config,
    entries: Arc<Vec<Entry>>,
    queue: Queue,
    push: Push,
    books: Arc<Books>,
    orders: Arc<Orders>,
    started_us: i64,
    /// What opening the queue found.
    found: Vec<String>,
    running: tokio::sync::Mutex<()>,
    webhook: Option<Posting>,
    canaries: Arc<Sightings>,
}

impl Collector {
    /// Opens the queue; nothing is read yet, and no log file need exist. Blocking.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(config: Config, next: Stage) -> Result<Collector, OpenError> {
        metrics::declare();
        let (entries, warnings) = entry::entries(&config)?;
        warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        let dir = config.queue.dir.as_path();
        let (queue, opened) = Queue::open(dir, checkpoint::options(&config))?;
        let state = |why| OpenError::State { dir: dir.to_owned(), why };
        let mut saved = Saved::load(&queue).map_err(state)?;
        let mut puts = Vec::new();
        if saved.fresh {
            puts.push(checkpoint::put_format());
        }
        let webhook = Posting::of(&config, &mut saved, &mut puts);
        if !puts.is_empty() {
            let written = queue.commit(puts).map_err(|error| state(error.to_string()))?;
            written.wait().map_err(|error| state(error.to_string()))?;
        }
        let books = Arc::new(Books::load(&queue, &saved).map_err(|error| state(error.to_string()))?);
        let quarantine = open_quarantine(dir)?;
        let (quarantine, stop) = (Arc::new(quarantine), CancellationToken::new());
        let push = Push { next, books: Arc::clone(&books), quarantine, stop };
        let (started_us, running) = (clock::now_us(), tokio::sync::Mutex::default());
        let entries = Arc::new(entries);
        let found = found(&opened);
        let orders = Arc::default();
        let canaries = Arc::new(Sightings::new(config.canary.as_ref().filter(|_| config.enabled)));
        Ok(Collector {
            config,
            entries,
            queue,
            push,
            books,
            orders,
            started_us,
            found,
            running,
            webhook,
            canaries,
        })
    }

    /// Follows the logs, and serves the webhook if there is one, until `stop`: then nothing more is read, receipts of
    /// what is on its way are waited for (10 seconds at the most), and the rest stays queued for the next start.
    ///
    /// # Errors
    /// [`RunError`] when it ends without being asked to.
    pub async fn run(&self, stop: Stop) -> Result<(), RunError> {
        let _running = self.running.lock().await;
        let ended = stop.token().child_token();
        let _end = ended.clone().drop_guard();
        let sources = self.sources().map_err(RunError::Ended)?;
        let posting = self.posting(&ended).await?;
        let reading = self.read(sources, Until::Stopped, &ended);
        let sending = Box::pin(self.sender(&ended).run(ended.clone(), CancellationToken::new()));
        let recovering = Box::pin(self.recovery(&ended).run(ended.clone()));
        let (read, sent, recovered, posted, ()) = tokio::join!(
            ending(reading, &ended),
            ending(sending, &ended),
            ending(recovering, &ended),
            ending(posting, &ended),
            self.canary(&ended)
        );
        read.and(sent).and(recovered).and(posted).map_err(RunError::Ended)
    }

    /// The webhook from when it listens, if there is one. Boxed: most collectors have none.
    async fn posting(&self, ended: &CancellationToken) -> Result<Posts<'_>, RunError> {
        let Some(webhook) = &self.webhook else { return Ok(Box::pin(async { Ok(()) })) };
        let listening = webhook.listen().await.map_err(RunError::Webhook)?;
        Ok(Box::pin(webhook.run(listening, self.shared(), &self.config, ended.clone())))
    }

    /// Calls the API server, if that is asked for. Boxed: most collectors do not.
    fn canary(&self, ended: &CancellationToken) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        match self.config.canary.clone().filter(|_| self.config.enabled) {
            Some(settings) => Box::pin(canary::run(settings, Arc::clone(&self.canaries), ended.clone())),
            None => Box::pin(async {}),
        }
    }

    /// Reads every log to the end that it has now, its rotated siblings included, and waits until the next stage has
    /// all of it and what was queued before.
    ///
    /// # Errors
    /// [`OnceError::Missing`] before anything is read; the others after.
    pub async fn run_once(&self, stop: Stop) -> Result<Once, OnceError> {
        let _running = self.running.lock().await;
        let ended = stop.token().child_token();
        let _end = ended.clone().drop_guard();
        let mut sources = self.sources().map_err(OnceError::Ended)?;
        let missing = sources.missing();
        if !missing.is_empty() {
            return Err(OnceError::Missing(missing));
        }
        sources.look();
        for _ in 0..LOOKS {
            if sources.unsettled().is_empty() {
                break;
            }
            tokio::time::sleep(LOOKS_APART).await;
            sources.look();
        }
        sources.freeze();
        let unreadable = sources.all.iter().flat_map(Source::unreadable);
        let unreadable: Vec<String> = unreadable.chain(sources.unsettled()).collect();
        if !unreadable.is_empty() {
            return Err(OnceError::Missing(unreadable));
        }
        let all_read = CancellationToken::new();
        let reading = async {
            let reached = self.read(sources, Until::End, &ended).await;
            all_read.cancel();
            reached
        };
        let sending = Box::pin(self.sender(&ended).run(ended.clone(), all_read.clone()));
        let recovering = Box::pin(self.recovery(&ended).run(ended.clone()));
        let (read, sent, recovered) =
            tokio::join!(ending(reading, &ended), ending(sending, &ended), ending(recovering, &ended));
        let reached = sent.and(recovered).and(read).map_err(OnceError::Ended)?;
        match self.books.queued() {
            _ if !reached.unread.is_empty() => Err(OnceError::Unread(reached.unread)),
            queued if stop.requested() => Err(OnceError::Stopped { queued }),
            _ => Ok(reached.once),
        }
    }

    /// What it does and what holds it up. May block for a short while.
    pub fn status(&self) -> ServiceStatus {
        let mut problems = self.books.problems();
        problems.extend(self.found.iter().cloned());
        problems.extend(self.canaries.problems());
        let (canary, canaries_read) = self.canaries.status();
        if !self.config.enabled {
            problems
                .push("collection is switched off (`enabled: false` or DD_LOGS_ENABLED=false)".to_owned());
        } else if self.entries.is_empty() && self.webhook.is_none() {
            problems.push("no logs are configured: name one under `collector.logs`".to_owned());
        }
        ServiceStatus {
            service: "collector".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_us: self.started_us,
            problems,
            sources: self.books.sources(&self.orders),
            queue: Some(self.store()),
            canary,
            canaries_read,
            ..ServiceStatus::default()
        }
    }

    /// Has the steps of reading and of sending looked at: a next stage that refuses is a step, silence is none.
    pub fn watched_by(&self, alive: &Alive) {
        let (books, orders) = (Arc::clone(&self.books), Arc::clone(&self.orders));
        alive.watch("reading", "lines to read", PATIENCE, move || books.reading_steps(&orders));
        let books = Arc::clone(&self.books);
        alive.watch("sending", "events to send", PATIENCE, move || books.sending_steps());
    }

    /// What a stop would leave, or left, in the queue; none when nothing is.
    pub fn remains(&self) -> Option<String> {
        let queued = self.books.queued();
        (queued > 0).then(|| format!("{queued} events without a receipt stay queued for the next start"))
    }

    /// Where the webhook listens, while it does.
    pub fn webhook_address(&self) -> Option<SocketAddr> {
        self.webhook.as_ref().and_then(Posting::address)
    }

    fn shared(&self) -> Shared {
        let (books, quarantine) = (Arc::clone(&self.books), Arc::clone(&self.push.quarantine));
        let (orders, canaries) = (Arc::clone(&self.orders), Arc::clone(&self.canaries));
        Shared { queue: self.queue.clone(), books, quarantine, orders, canaries }
    }

    /// What operators asked.
    pub(crate) fn orders(&self) -> &Orders {
        &self.orders
    }

    fn store(&self) -> StoreStatus {
        let usage = self.queue.usage();
        StoreStatus {
            records: usage.records,
            bytes: usage.used_bytes,
            limit_bytes: usage.limit,
            damaged: usage.damaged_records,
            problem: usage.last_error.unwrap_or_default(),
        }
    }

    fn sources(&self) -> Result<Sources, String> {
        Ok(Sources::new(self.entries.to_vec(), Saved::load(&self.queue)?, self.config.max_backups))
    }

    fn sender(&self, stop: &CancellationToken) -> Sender {
        Sender::new(self.pushing(stop), self.again(), self.config.in_flight)
    }

    fn recovery(&self, stop: &CancellationToken) -> Recovery {
        Recovery { again: self.again(), push: self.pushing(stop) }
    }

    fn pushing(&self, stop: &CancellationToken) -> Push {
        Push { stop: stop.clone(), ..self.push.clone() }
    }

    fn again(&self) -> Again {
        let (queue, entries) = (self.queue.clone(), Arc::clone(&self.entries));
        Again { queue, entries, bounds: self.bounds(), books: Arc::clone(&self.books) }
    }

    fn bounds(&self) -> Bounds {
        Bounds { chunk: self.config.chunk_size.as_usize(), line: self.config.max_line_size.as_usize() }
    }

    /// Runs a reader on a thread of its own.
    async fn read(
        &self,
        sources: Sources,
        until: Until,
        stop: &CancellationToken,
    ) -> Result<Reached, String> {
        let max_size = self.config.queue.max_size.as_u64();
        let bounds = self.bounds();
        let reader = Reader {
            sources,
            appends: Appends::new(self.queue.clone(), max_size),
            quarantine: Arc::clone(&self.push.quarantine),
            books: Arc::clone(&self.books),
            orders: Arc::clone(&self.orders),
            settings: Settings { queue: self.queue.id(), bounds, canaries: Arc::clone(&self.canaries) },
            poll: Duration::from(self.config.poll_interval),
            watch: self.config.watch,
            until,
        };
        let (handle, stop, (said, answer)) = (Handle::current(), stop.clone(), oneshot::channel());
        let thread = std::thread::Builder::new().name("collector-read".to_owned());
        let body = move || {
            // Nobody listens only when the run was dropped.
            let _ = said.send(reader.run(&handle, &stop));
        };
        thread.spawn(body).map_err(|error| format!("no thread for reading: {error}"))?;
        answer.await.unwrap_or_else(|_| Err("the reader's thread ended".to_owned()))
    }
}

type Posts<'a> = Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>>;

/// Ends the other half when this one fails.
async fn ending<T>(
    half: impl Future<Output = Result<T, String>>,
    end: &CancellationToken,
) -> Result<T, String> {
    half.await.inspect_err(|_| end.cancel())
}

fn open_quarantine(dir: &Path) -> Result<Quarantine, OpenError> {
    let path = dir.join("quarantine");
    Quarantine::open(path.clone()).map_err(|source| OpenError::Quarantine { path, source })
}

/// What an operator should know of the queue's opening.
fn found(opened: &queue::Opened) -> Vec<String> {
    let mut found = Vec::new();
    if opened.damaged_records > 0 {
        found.push(format!(
            "{} records of the queue were damaged and are set aside in its directory `damaged` ({} bytes): their lines are read again from the logs, and those that cannot be are named",
            opened.damaged_records, opened.damaged_bytes
        ));
    }
    if opened.renewed_id && !opened.fresh {
        found.push("the queue's newest state could not be proven: lines may be read and sent again under a new queue id".to_owned());
    }
    found
}
