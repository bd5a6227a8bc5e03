//! All destinations of one shipper: the stage in front, the deliveries behind.
//!
//! Promises: a batch for a destination that nobody configured is not dead but refused as unavailable (a typo in a
//! configuration must not cost events); one sick destination harms no other.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chassis::alive::PATIENCE;
use chassis::{Alive, Stop};
use futures_util::future::{join_all, select_all};
use proto::v1::ServiceStatus;
use proto::{Batch, Receipt, Refusal, Stage};
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::Instrument;

use crate::attempt::blocking;
use crate::config::Config;
use crate::destination::{Opening, SPOOL, mark_absent};
use crate::error::OpenError;
use crate::kept_going::kept_going;
use crate::standing::now_us;
use crate::take::Turns;

/// The shipper; clones share it. The last one to be dropped closes the spools.
#[derive(Clone)]
pub struct Shipper(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) destinations: BTreeMap<String, Opening>,
    /// Where all spools are.
    pub(crate) dir: PathBuf,
    /// What was found in the spool directory that no destination owns, in words.
    orphans: Vec<String>,
    hurry: watch::Sender<bool>,
    started_us: i64,
}

/// Whether everything has arrived, and what keeps it from arriving.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Events that wait in all spools.
    pub spooled_events: u64,
    /// Destinations that have something to send and cannot.
    pub stuck: Vec<Stuck>,
}

/// A destination that does not get through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// Its name.
    pub destination: String,
    /// For how long nothing has got through.
    pub since: Duration,
    /// It is held: nothing will get through until somebody changes something.
    pub held: bool,
    /// What is wrong, and what to do.
    pub problem: String,
}

impl Shipper {
    /// Opens the spool of every destination. Blocking, so not to be called from an async task: after an unclean stop
    /// all that is spooled is checked.
    ///
    /// # Errors
    /// [`OpenError`]; a destination that is not reachable is none.
    pub fn open(config: &Config) -> Result<Shipper, OpenError> {
        let turns = Arc::new(Turns::new());
        let mut destinations = BTreeMap::new();
        for (name, destination) in &config.destinations {
            let opened = Opening::open(config, name, destination, turns.clone())?;
            destinations.insert(name.clone(), opened);
        }
        let (hurry, _) = watch::channel(false);
        let orphans = orphans(config);
        orphans.iter().for_each(|orphan| tracing::warn!("{orphan}"));
        let dir = config.spool.dir.clone();
        Ok(Shipper(Arc::new(Inner { destinations, dir, orphans, hurry, started_us: now_us() })))
    }

    /// The stage that takes batches with a destination.
    pub fn stage(&self) -> Stage {
        let inner = self.0.clone();
        proto::stage(move |batch| inner.clone().push(batch))
    }

    /// Delivers until `stop` is requested; then finishes what is in flight, within its grace. What is not delivered
    /// stays in the spools. To be called once, on a runtime; it begins with the call.
    pub fn run(&self, stop: Stop) -> impl Future<Output = ()> + Send + 'static {
        let deliveries = self.0.destinations.iter().map(|(name, opening)| {
            let (inner, name, asked) = (self.0.clone(), name.clone(), stop.clone());
            let begin = move || inner.destinations[&name].deliver(inner.hurry.subscribe(), asked.clone());
            tokio::spawn(kept_going(begin, opening.standing.clone(), stop.clone()))
        });
        let deliveries: Vec<_> = deliveries.collect();
        let (inner, ended) = (self.0.clone(), Stop::new());
        async move {
            let delivered = async {
                join_all(deliveries).await;
                ended.request();
            };
            tokio::join!(delivered, inner.tell_until(&ended));
        }
    }

    /// What the shipper says of itself. May block shortly.
    pub fn status(&self) -> ServiceStatus {
        let destinations: Vec<_> = self.0.destinations.values().map(Opening::status).collect();
        let sick = destinations.iter().filter(|status| !status.problem.is_empty());
        let problems = sick.map(|status| format!("destination `{}`: {}", status.name, status.problem));
        ServiceStatus {
            service: "shipper".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_us: self.0.started_us,
            problems: problems.chain(self.0.orphans.iter().cloned()).collect(),
            destinations,
            ..ServiceStatus::default()
        }
    }

    /// Has the steps of every delivery looked at: an intake that answers with errors, or not in its time, is no reason.
    pub fn watched_by(&self, alive: &Alive) {
        for name in self.0.destinations.keys() {
            let (shipper, wanted) = (self.downgrade(), name.clone());
            let steps = move || shipper()?.0.destinations.get(&wanted)?.steps();
            alive.watch(format!("destination `{name}`"), "events in its spool", PATIENCE, steps);
        }
    }

    /// From now on nothing waits for more to come: what is spooled goes at once, in smaller pieces if need be.
    pub fn hurry(&self) {
        self.0.hurry.send_replace(true);
    }

    /// What still waits, and what does not get through.
    pub fn progress(&self) -> Progress {
        let mut progress = Progress::default();
        for opening in self.0.destinations.values() {
            let events = opening.spool.events();
            progress.spooled_events += events;
            let seen = opening.standing.seen();
            if let Some(held) = opening.hold.held().filter(|_| events > 0) {
                progress.stuck.push(Stuck {
                    destination: opening.name.clone(),
                    since: Instant::now() - held.since,
                    held: true,
                    problem: held.words,
                });
                continue;
            }
            let (over, words) = seen.over_budget.unzip();
            if let Some(since) = seen.since.or(over).filter(|_| events > 0) {
                progress.stuck.push(Stuck {
                    destination: opening.name.clone(),
                    since: Instant::now() - since,
                    held: seen.held,
                    problem: if seen.problem.is_empty() { words.unwrap_or_default() } else { seen.problem },
                });
            }
        }
        progress
    }

    /// Waits until all spools are empty: every batch with a receipt has arrived (or is a dead letter). Deliveries have
    /// to run; call [`Shipper::hurry`] first.
    pub async fn drained(&self) {
        loop {
            let mut commits: Vec<_> =
                self.0.destinations.values().map(|opening| opening.spool.committed()).collect();
            commits.iter_mut().for_each(|commit| drop(commit.borrow_and_update()));
            if self.progress().spooled_events == 0 {
                return;
            }
            let (changed, ..) = select_all(commits.iter_mut().map(|commit| Box::pin(commit.changed()))).await;
            if changed.is_err() {
                std::future::pending::<()>().await; // a spool broke: nothing will ever arrive
            }
        }
    }

    /// A way back to this shipper that does not keep its spools open.
    pub(crate) fn downgrade(&self) -> impl Fn() -> Option<Shipper> + Send + Sync + 'static {
        let inner = Arc::downgrade(&self.0);
        move || inner.upgrade().map(Shipper)
    }

    /// Closes the spools cleanly where this is the last handle: no stage is left, and [`Shipper::run`] has ended.
    pub async fn close(self) {
        blocking(move || drop(self)).await;
    }

    /// The names of all destinations.
    pub fn destinations(&self) -> Vec<String> {
        self.0.destinations.keys().cloned().collect()
    }
}

/// Spools of destinations that are not in the configuration (any more): their events wait for ever.
/// They are marked, so that their books can say what went by when they are configured again.
fn orphans(config: &Config) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(&config.spool.dir) else { return Vec::new() };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut orphans: Vec<String> = names
        .filter(|name| !config.destinations.contains_key(name))
        .map(|name| (config.spool.dir.join(&name), name))
        .filter(|(dir, _)| dir.join(SPOOL).is_dir())
        .inspect(|(dir, _)| mark_absent(dir))
        .map(|(dir, name)| format!("no destination is called `{name}`, and {} {ORPHAN}", dir.display()))
        .collect();
    orphans.sort();
    orphans
}

/// How old the metrics of a destination's status may be.
const TELL_EVERY: Duration = Duration::from_secs(5);

const ORPHAN: &str = "may hold events for it; configure it again, or remove the directory";

impl Inner {
    /// Tells the metrics what the status of each destination says. It is in no task of its own, so that no handle is
    /// left when the run has ended.
    async fn tell_until(self: Arc<Self>, ended: &Stop) {
        while !ended.requested() {
            let inner = self.clone();
            let tell = |opening: &Opening| opening.standing.metrics.tell(&opening.status());
            blocking(move || inner.destinations.values().for_each(tell)).await;
            tokio::select! {
                () = ended.wait() => {}
                () = tokio::time::sleep(TELL_EVERY) => {}
            }
        }
    }

    async fn push(self: Arc<Self>, batch: Batch) -> Result<Receipt, Refusal> {
        let Some(opening) = self.destinations.get(&batch.destination) else {
            let known: Vec<&str> = self.destinations.keys().map(String::as_str).collect();
            let why = format!(
                "the shipper has no destination `{}`; it has {}",
                batch.destination,
                if known.is_empty() { "none".to_owned() } else { known.join(", ") }
            );
            return Err(Refusal::Unavailable { why });
        };
        let span = tracing::info_span!(
            "shipper.pack",
            destination = batch.destination,
            first = batch.first,
            last = batch.last,
            events = batch.events
        );
        opening.taker.take(batch).instrument(span).await
    }
}
