//! Events that API servers post, instead of a log that they write (`--audit-webhook-config-file`).
//!
//! The way of a body: a connection (`connections`, `certificates`) gives it to the `desk`, which reads it within its
//! bounds (`body`), divides and packs its lines (`posted`), and hands them to the `ledger`, which numbers them and
//! brings them into the queue; from there on they are as the lines of a file.
//!
//! Promises: a body is answered with 200 when all of it is durable, and not before; a body that is posted again is
//! recognised (`window`), after a crash too; what is not taken is answered with what to do; memory, connections and
//! time are bounded.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chassis::datadog::Rules;
use proto::Origin;
use queue::{Put, Queue};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::books::Books;
use crate::canary::Sightings;
use crate::checkpoint::{Saved, SourceState};
use crate::chunk::Bounds;
use crate::config::Config;
use crate::entry;
use crate::orders::Orders;
use crate::quarantine::Quarantine;

mod body;
mod certificates;
mod connections;
mod desk;
mod ledger;
mod posted;
mod refusals;
mod settings;
mod window;

use certificates::Certificates;
use desk::Desk;
use ledger::Ledger;
use refusals::Refusals;
pub use settings::{Webhook, WebhookTls};
use window::Window;

/// Bodies that wait for their turn.
const MOST_WAITING: usize = 64;
/// How often the status is told what is wrong.
const TELL: Duration = Duration::from_secs(1);

/// The webhook of a collector.
pub(crate) struct Posting {
    settings: Webhook,
    origin: Origin,
    /// Number of its source.
    number: u32,
    /// Where it listens while it runs.
    address: Mutex<Option<SocketAddr>>,
}

/// What the webhook shares with the rest of the collector.
pub(crate) struct Shared {
    pub(crate) queue: Queue,
    pub(crate) books: Arc<Books>,
    pub(crate) quarantine: Arc<Quarantine>,
    pub(crate) orders: Arc<Orders>,
    pub(crate) canaries: Arc<Sightings>,
}

impl Posting {
    /// The webhook that the configuration asks for; its source gets its number now, by `puts`, when it has none.
    pub(crate) fn of(config: &Config, saved: &mut Saved, puts: &mut Vec<Put>) -> Option<Posting> {
        let settings = config.webhook.clone().filter(|_| config.enabled)?;
        let mut origin = entry::base(config);
        (origin.source, origin.service) = (settings.source.clone(), settings.service.clone());
        origin.tags.extend(settings.tags.iter().cloned());
        origin.path = settings.origin_path();
        let known = saved.sources.iter().find(|source| source.path.as_os_str() == origin.path.as_str());
        let number = known.map(|source| source.number).unwrap_or_else(|| {
            let number = saved.sources.iter().map(|source| source.number + 1).max().unwrap_or(1);
            let state = SourceState::new(number, origin.path.clone().into());
            puts.push(state.put());
            saved.sources.push(state);
            number
        });
        Some(Posting { settings, origin, number, address: Mutex::default() })
    }

    /// Where it listens, while it does.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        *self.address.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to listen.
    ///
    /// # Errors
    /// When the certificates are no good, or the address cannot be had.
    pub(crate) async fn listen(&self) -> Result<Listening, String> {
        let tls = self.settings.tls.clone();
        let load = move || tls.as_ref().map(Certificates::load).transpose();
        let certificates = tokio::task::spawn_blocking(load).await.map_err(|error| error.to_string())??;
        let listener = chassis::listen::bind("collector.webhook.listen", self.settings.listen).await;
        let listener = listener.map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let scheme = if certificates.is_some() { "https" } else { "http" };
        tracing::info!("webhook at {scheme}://{address}{}", self.settings.path);
        *self.address.lock().unwrap_or_else(PoisonError::into_inner) = Some(address);
        Ok(Listening { listener, certificates: certificates.map(Arc::new) })
    }

    /// Takes what is posted until `stop`; what was begun is answered then.
    ///
    /// # Errors
    /// When the queue was closed, or its state is no good.
    pub(crate) async fn run(
        &self,
        listening: Listening,
        shared: Shared,
        config: &Config,
        stop: CancellationToken,
    ) -> Result<(), String> {
        let Listening { listener, certificates } = listening;
        let _gone = Gone(self);
        let (sender, waiting) = mpsc::channel(MOST_WAITING);
        let refused = Arc::new(Refusals::default());
        let limit = self.settings.max_body_size.as_usize();
        let bounds = Bounds { chunk: config.chunk_size.as_usize(), line: config.max_line_size.as_usize() };
        let rules = Rules::new(&config.processing_rules, &self.settings.log_processing_rules)?;
        let desk = Desk {
            path: self.settings.path.as_str().into(),
            limit,
            slowest: self.settings.timeout.duration(),
            bounds,
            rules,
            memory: Desk::memory(limit),
            waiting: sender,
            refused: Arc::clone(&refused),
            orders: Arc::clone(&shared.orders),
            canaries: Arc::clone(&shared.canaries),
            origin: Path::new(&self.origin.path).into(),
            stop: stop.clone(),
        };
        let books = Arc::clone(&shared.books);
        let ledger = self.ledger(shared, config.queue.max_size.as_u64()).await?;
        let serving = async {
            connections::serve(listener, certificates.clone(), desk, stop).await;
            Ok(())
        };
        let telling = self.tell(&books, certificates.as_deref(), &refused);
        tokio::select! {
            ended = async { tokio::try_join!(serving, ledger.run(waiting)) } => ended.map(|_| ()),
            () = telling => Ok(()),
        }
    }

    async fn ledger(&self, shared: Shared, limit: u64) -> Result<Ledger, String> {
        let Shared { queue, books, quarantine, .. } = shared;
        let (reading, number, origin) = (queue.clone(), self.number, self.origin.clone());
        let read = move || {
            let state = Saved::load(&reading)?.sources.into_iter().find(|source| source.number == number);
            let state = state.ok_or("the webhook's source is not in the queue's state")?;
            Ok((state, Window::load(&reading, limit)?))
        };
        let read: Result<_, String> =
            tokio::task::spawn_blocking(read).await.map_err(|error| error.to_string())?;
        let (state, window) = read?;
        Ok(Ledger { queue, books, quarantine, origin, state, window, limit })
    }

    /// Says in the books what is wrong, again and again.
    async fn tell(&self, books: &Books, certificates: Option<&Certificates>, refused: &Refusals) {
        loop {
            let mut problems = Vec::new();
            problems.extend(certificates.and_then(Certificates::problem));
            problems.extend(refused.problems(&self.settings.max_body_size));
            books.set_webhook(self.number, problems);
            tokio::time::sleep(TELL).await;
        }
    }
}

/// A webhook that listens.
pub(crate) struct Listening {
    listener: TcpListener,
    certificates: Option<Arc<Certificates>>,
}

/// The address is nobody's when a run ends, however it ends.
struct Gone<'a>(&'a Posting);

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        *self.0.address.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
