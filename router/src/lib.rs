//! Batch to decision to destinations.
//!
//! Promises: an event goes to a destination once, in the form that the first route gives it which names the
//! destination, matches and keeps the event; what a policy keeps whole is forwarded byte for byte, and what it
//! lowers is spliced; every line that a destination does not get is named to it, with the cause; a receipt is
//! given when every destination has given its own; a line that a destination has is never called dead, whatever
//! another one says of it. The router keeps nothing on disk: what it remembers saves
//! work, and its loss costs none.
//!
//! The way of a batch is [`Router::stage`]: held (bounded), decided on a blocking thread, fanned out.

mod calls;
mod cause;
mod config;
mod decide;
mod dedupe;
mod elevation;
mod error;
mod explain;
mod fan_out;
mod held;
mod in_force;
mod keys;
mod metrics;
mod policy_file;
mod processing;
mod receipts;
mod rules;
mod sample;
mod service;
mod share;
mod status;
mod tap;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chassis::alive::PATIENCE;
use chassis::{Alive, HangUps, Stop};
use proto::v1::ServiceStatus;
use proto::{Batch, Gate, Receipt, Refusal, Stage};
use tokio::sync::Semaphore;
use tracing::Instrument;

pub use config::{Config, Route};
pub use error::StartError;
pub use explain::{
    DestinationAnswer, Explainer, Explanation, Keeps, OwnPolicy, Redacted, RouteAnswer, SampleAnswer,
};
pub use in_force::ReadSection;
pub use metrics::described_metrics;
pub use service::{Alone, serve, serve_from};

use dedupe::Window;
use fan_out::{Answer, fan_out, most_telling, never_dead};
use held::Held;
use in_force::InForce;
use metrics::Metrics;
use receipts::{Identity, Receipts};
use rules::{Destination, Rules};
use share::{Share, Shares, share_out};
use status::Refusing;
use tap::Taps;

/// How often files are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// The router; clones share it.
#[derive(Clone)]
pub struct Router(Arc<Inner>);

struct Inner {
    in_force: InForce,
    next: Stage,
    held: Held,
    turns: Arc<Semaphore>,
    receipts: Receipts,
    window: Arc<Window>,
    refusing: Refusing,
    metrics: Metrics,
    taps: Taps,
    gate: Gate,
    started_us: i64,
}

impl Router {
    /// A router in front of `next`, which takes batches for every destination that the routes name. Reads the
    /// policy files (blocking); their warnings are logged and kept for [`Router::status`].
    ///
    /// # Errors
    /// [`StartError`]: broken configuration, and a policy that kube-apiserver refuses.
    pub fn new(config: &Config, next: Stage) -> Result<Router, StartError> {
        config.check().map_err(|invalid| StartError::Invalid { key: invalid.key, why: invalid.why })?;
        let rules = Rules::load(config, None)?;
        if rules.redacts() {
            rules.keys.tell_if_made();
        }
        let warnings = status::warnings(&rules).chain(rules.processing.problems());
        warnings.for_each(|warning| tracing::warn!("{warning}"));
        Ok(Router(Arc::new(Inner {
            in_force: InForce::start(config, rules),
            next,
            held: Held::new(config.max_held.as_usize()),
            turns: Arc::new(Semaphore::new(config.in_flight)),
            receipts: Receipts::default(),
            window: Arc::new(Window::new(config.dedupe_window)),
            refusing: Refusing::default(),
            metrics: Metrics::declare(),
            taps: Taps::default(),
            gate: Gate::default(),
            started_us: status::now_us(),
        })))
    }

    /// The stage that takes batches.
    pub fn stage(&self) -> Stage {
        let inner = self.0.clone();
        self.0.gate.before(proto::stage(move |batch| inner.clone().answer(batch)))
    }

    /// Has batches looked at that were not answered.
    pub fn watched_by(&self, alive: &Alive) {
        let inside = self.0.gate.clone();
        alive.watch("router", "a batch to answer", PATIENCE, move || inside.longest_inside());
    }

    /// What the router says of itself; cheap.
    pub fn status(&self) -> ServiceStatus {
        status::status(&self.0.in_force, &self.0.refusing, self.0.started_us)
    }

    /// Where the section is read again: `file` is watched, `read` reads it.
    pub fn read_from(&self, file: Option<PathBuf>, read: ReadSection) {
        self.0.in_force.read_from(file, read);
    }

    /// Keeps the rules those of the files, until `stop`: looks at them every second, and at once when the process is
    /// sent SIGHUP. Must be called on a runtime.
    pub async fn keep_current(&self, stop: Stop) {
        let mut hang_ups = HangUps::take();
        loop {
            let asked = tokio::select! {
                () = stop.wait() => return self.0.taps.close(),
                () = hang_ups.next() => true,
                () = tokio::time::sleep(LOOK) => false,
            };
            let inner = self.0.clone();
            if let Err(error) = tokio::task::spawn_blocking(move || inner.in_force.reload(asked)).await {
                tracing::error!("the rules stay as they were: {error}");
            }
        }
    }

    /// Names of the destinations that the routes name, each once.
    pub fn destinations(&self) -> Vec<String> {
        let rules = self.0.in_force.now().rules;
        let routed = rules.destinations().filter(|destination| !destination.retired);
        routed.map(|destination| destination.name.to_string()).collect()
    }
}

impl Inner {
    async fn answer(self: Arc<Self>, batch: Batch) -> Result<Receipt, Refusal> {
        let since = Instant::now();
        let origin = batch.origin.as_ref().map(ToString::to_string).unwrap_or_default();
        let (first, last, events) = (batch.first, batch.last, batch.events);
        let span = tracing::info_span!("router.decide", origin, first, last, events);
        let answer = self.push(batch).instrument(span).await;
        self.metrics.answered(since.elapsed().as_secs_f64());
        answer
    }

    /// The whole way of a batch, under one set of rules.
    async fn push(self: &Arc<Self>, batch: Batch) -> Result<Receipt, Refusal> {
        batch.check()?;
        let _held = self.held.take(&batch)?;
        let rules = self.in_force.now().rules;
        let (receipt, events) = (batch.receipt(), u64::from(batch.events));
        let identity = Identity::of(&batch);
        let given = self.receipts.given(&identity);
        let mut somebody_has_it = !given.is_empty();
        if rules.destinations().all(|to| to.retired || given.contains(&to.name)) {
            return Ok(Receipt { repeated: true, ..receipt });
        }
        if self.taps.any() {
            self.tell(rules.clone(), batch.clone()).await;
        }
        let Shares { shares, undecided, fresh } = self.decide(rules, batch, given).await?;
        let heard =
            |to: &Destination, share: &Share, answer: &Answer| self.heard(&identity, to, share, answer);
        let answers = fan_out(&self.next, &shares, heard).await;
        let repeated = answers.iter().all(|(_, answer)| matches!(answer, Ok(true)));
        somebody_has_it |= answers.iter().any(|(_, answer)| answer.is_ok());
        let refused = answers.into_iter().filter_map(|(name, answer)| Some((name, answer.err()?)));
        match most_telling(refused.collect()) {
            Some(refusal) if somebody_has_it && events < 2 => Err(never_dead(refusal)),
            Some(refusal) => Err(refusal),
            None => {
                self.window.remember(fresh);
                self.metrics.taken(events, undecided);
                Ok(Receipt { repeated, ..receipt })
            }
        }
    }

    /// Tells the batch to those who watch.
    async fn tell(self: &Arc<Self>, rules: Arc<Rules>, batch: Batch) {
        let inner = self.clone();
        let told = move || inner.taps.tell(&rules, &inner.in_force.elevations.now(), &batch);
        if let Err(error) = tokio::task::spawn_blocking(told).await {
            tracing::error!("a batch could not be told to those who watch: {error}");
        }
    }

    /// What each destination without a receipt gets. Forwarding needs no thread; deciding has its own.
    async fn decide(&self, rules: Arc<Rules>, batch: Batch, given: Vec<Arc<str>>) -> Result<Shares, Refusal> {
        let only_forwarded = rules.audiences.iter().all(|audience| rules.leave_untouched(audience));
        let elevations = self.in_force.elevations.now();
        let window = self.window.clone();
        let work = move || share_out(&rules, &elevations, &window, &batch, wanted(&rules, &given));
        if only_forwarded {
            return work();
        }
        let turn = self.turns.clone().acquire_owned().await;
        let span = tracing::Span::current();
        let decided = tokio::task::spawn_blocking(move || {
            let _turn = turn; // held by the work itself, which goes on when nobody waits for it any more
            span.in_scope(work)
        });
        let stopped = |error| Refusal::Unavailable { why: format!("deciding was interrupted: {error}") };
        decided.await.map_err(stopped)?
    }

    fn heard(&self, identity: &Identity, to: &Destination, share: &Share, answer: &Answer) {
        let destination = &to.name;
        match answer {
            Ok(_) => {
                self.receipts.remember(identity, destination);
                self.refusing.clear(destination);
                self.metrics.given(destination, share);
            }
            Err(_) if to.retired => self.refusing.clear(destination),
            Err(refusal) => {
                self.refusing.set(destination, refusal);
                self.metrics.refused(destination);
            }
        }
    }
}

/// The audiences that still lack a receipt, each with the destinations that do.
fn wanted<'r>(rules: &'r Rules, given: &[Arc<str>]) -> Vec<(&'r rules::Audience, Vec<Destination>)> {
    let lacking = rules.audiences.iter().map(|audience| {
        let missing = audience.destinations.iter().filter(|to| !given.contains(&to.name));
        (audience, missing.cloned().collect::<Vec<_>>())
    });
    lacking.filter(|(_, destinations)| !destinations.is_empty()).collect()
}
