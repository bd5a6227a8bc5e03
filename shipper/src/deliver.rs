//! Delivery to an intake: bodies leave the spool oldest first, a few at a time.
//!
//! Promises: as many bodies are in memory as the intake can use at a time, and never more than the configured bounds; every retry is read from the disk; a held destination is
//! probed with one body at growing intervals, and at once when its key changes; at a stop, requests in flight are
//! finished within [`GRACE`], and everything else stays spooled.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chassis::{Revealed, Stop};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use proto::Trace;
use queue::ReadError;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::Instrument;

use crate::attempt::Fate;
use crate::backlog::{Backlog, Job};
use crate::budget::Budget;
use crate::config::{Limit, OverBudget, Retry};
use crate::dead::DeadLetters;
use crate::hold;
use crate::intake::{Carrier, Repacker};
use crate::pace::Pace;
use crate::rate::Rate;
use crate::spool::Spool;
use crate::standing::{Standing, now_us};
use crate::width::{Landing, Width};

/// Bytes of bodies in flight, as they are sent; a larger body goes alone.
const MOST_BYTES: u64 = 32 << 20;

/// How long requests in flight may take once a stop was asked for.
pub(crate) const GRACE: Duration = Duration::from_secs(10);

/// Failures in a row that are an outage, after which bodies that wait to be sent again need not wait longer.
const OUTAGE: u32 = 3;

/// How often the day is looked at while its budget is used up.
const MINUTE: Duration = Duration::from_secs(60);

/// How often a held destination looks whether what held it has changed.
const LOOK: Duration = Duration::from_secs(1);

/// What the delivery to one destination needs.
pub(crate) struct Delivery {
    pub(crate) name: String,
    pub(crate) spool: Spool,
    pub(crate) packer: Arc<dyn Repacker>,
    pub(crate) carrier: Arc<dyn Carrier>,
    pub(crate) dead: Arc<DeadLetters>,
    pub(crate) standing: Arc<Standing>,
    pub(crate) retry: Retry,
    pub(crate) limit: Limit,
    pub(crate) budget: PathBuf,
    pub(crate) hold: watch::Receiver<hold::State>,
}

/// What keeps a destination from being sent to until it changes.
enum Held {
    Key(Option<Revealed>),
    Grave(u64),
}

struct Landed {
    job: Job,
    begun: Instant,
    fate: Fate,
}

struct Loop {
    delivery: Arc<Delivery>,
    backlog: Backlog,
    pace: Pace,
    width: Width,
    rate: Rate,
    budget: Budget,
    /// Bytes of bodies in flight.
    out: u64,
    held: Option<Held>,
    /// What an operator wants.
    hold: watch::Receiver<hold::State>,
    /// Releases that were followed.
    releases: u64,
    flights: FuturesUnordered<BoxFuture<'static, Landed>>,
}

impl Delivery {
    /// Delivers until `stop` is requested.
    pub(crate) async fn run(self: Arc<Self>, stop: Stop) {
        let span = tracing::info_span!("destination", name = self.name);
        let hold = self.hold.clone();
        let releases = hold.borrow().releases;
        let work = Loop {
            backlog: Backlog::new(self.spool.clone(), self.carrier.in_order()),
            pace: Pace::new(self.retry, Pace::any_seed()),
            width: Width::new(if self.carrier.in_order() { 1 } else { self.limit.max_in_flight }),
            rate: Rate::new(self.limit.bytes_per_second, Instant::now()),
            budget: Budget::open(self.limit.bytes_per_day, self.budget.clone()),
            out: 0,
            held: None,
            hold,
            releases,
            flights: FuturesUnordered::new(),
            delivery: self,
        };
        work.run(stop).instrument(span).await;
    }
}

impl Loop {
    async fn run(mut self, stop: Stop) {
        loop {
            let now = self.start().await;
            let wake = self.wake(now);
            self.delivery.standing.looked(wake);
            let idle = self.backlog.is_empty() && self.may_send(now);
            tokio::select! {
                biased;
                () = stop.wait() => break,
                Some(landed) = self.flights.next() => self.land(landed),
                Ok(()) = self.hold.changed() => self.obey(),
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => self.look(),
                () = self.backlog.more(), if idle => {}
            }
        }
        self.budget.note();
        let finished = timeout(GRACE, async { while self.flights.next().await.is_some() {} }).await;
        if finished.is_err() {
            tracing::warn!(
                requests = self.flights.len(),
                "requests without an answer are sent again at the next start"
            );
        }
    }

    /// Begins as many requests as may be in flight, and says when it last looked: what was not due then has to wake.
    async fn start(&mut self) -> Instant {
        loop {
            let now = Instant::now();
            if !self.may_send(now) {
                return now;
            }
            let over = self.budget.is_used_up(now_us());
            if let Err(error) = self.list(over).await {
                self.delivery.standing.fails(false, &error.to_string());
                self.pace.failure(now, now, None, false);
                return now;
            }
            let Some(job) = self.backlog.take(now, self.pace.probing()) else { return now };
            self.out += u64::from(job.stored.entry.bytes);
            let left_out = over && !job.stored.header.urgent;
            if !left_out {
                self.rate.spend(job.stored.header.raw, now);
            }
            self.flights.push(fly(self.delivery.clone(), job, now, left_out));
        }
    }

    /// Lists more of the spool: while the day's budget is used up and the rest is to wait, urgent bodies alone.
    async fn list(&mut self, over: bool) -> Result<(), ReadError> {
        let waits = over && self.delivery.limit.over_budget == OverBudget::Wait;
        self.delivery.standing.over_budget(waits.then(|| self.budget.words()));
        if !waits {
            self.backlog.take_up_passed();
            return self.backlog.refill().await;
        }
        loop {
            self.backlog.refill().await?;
            self.backlog.pass_over();
            if !self.backlog.is_empty() || self.backlog.listed_all() {
                return Ok(());
            }
        }
    }

    fn may_send(&self, now: Instant) -> bool {
        let held = matches!(self.held, Some(Held::Grave(_))) || self.hold.borrow().held.is_some();
        !held
            && self.flights.len() < self.pace.width(now, self.width.get())
            && (self.out < MOST_BYTES || self.flights.is_empty())
            && self.rate.pause_ends(now).is_none()
    }

    /// When to look again, where nothing else happens; `now` is when [`Loop::start`] looked, or what becomes due in
    /// between would never be seen.
    fn wake(&self, now: Instant) -> Option<Instant> {
        let look = self.held.is_some().then(|| now + LOOK.min(self.delivery.retry.first.duration()));
        let pause = self.pace.pause_ends(now);
        let due = self.backlog.next_due().filter(|&due| due > now);
        let now_us = now_us();
        let tomorrow =
            self.budget.is_used_up(now_us).then(|| now + Budget::until_tomorrow(now_us).min(MINUTE));
        [look, pause, due, tomorrow, self.rate.pause_ends(now)].into_iter().flatten().min()
    }

    /// Ends a hold whose cause is gone.
    fn look(&mut self) {
        let over = match &self.held {
            Some(Held::Key(used)) => self.delivery.carrier.key() != *used,
            Some(Held::Grave(needed)) => self.delivery.dead.has_room(*needed),
            None => false,
        };
        if over {
            self.held = None;
            self.pace.probe_now(Instant::now());
        }
    }

    /// Follows an operator: a release has whatever held the destination tried again, now.
    fn obey(&mut self) {
        let releases = self.hold.borrow().releases;
        if releases > self.releases {
            self.releases = releases;
            self.held = None;
            self.pace.probe_now(Instant::now());
            self.backlog.all_due();
        }
    }

    fn land(&mut self, landed: Landed) {
        let Landed { job, begun, fate } = landed;
        let now = Instant::now();
        let bytes = u64::from(job.stored.entry.bytes);
        self.out -= bytes;
        let full = self.flights.len() + 1 >= self.width.get();
        let landing = |well| Landing { begun, now, full, bytes, well };
        match &fate {
            Fate::Settled { answered: true } => {
                self.width.landed(landing(true));
                self.budget.spend(job.stored.header.raw, now_us(), now);
            }
            Fate::Again { .. } | Fate::Partly { .. } => self.width.landed(landing(false)),
            _ => {}
        }
        match fate {
            Fate::Settled { answered } => {
                self.backlog.gone(job.stored.entry.position);
                self.settled(answered);
            }
            Fate::Again { wish, why } => {
                self.pace.failure(begun, now, wish, false);
                self.delivery.standing.fails(self.held.is_some(), &why);
                self.again(job, now);
            }
            Fate::Partly { why } => {
                self.backlog.gone(job.stored.entry.position);
                self.pace.failure(begun, now, None, false);
                self.delivery.standing.fails(self.held.is_some(), &why);
            }
            Fate::Held { why, key } => {
                if !matches!(self.held, Some(Held::Grave(_))) {
                    self.held = Some(Held::Key(key));
                }
                self.pace.failure(begun, now, None, true);
                self.delivery.standing.fails(true, &why);
                self.backlog.put_back(Job { due: None, ..job });
            }
            Fate::NoGrave { why, needed } => {
                self.held = Some(Held::Grave(needed));
                self.delivery.standing.fails(true, &why);
                self.backlog.put_back(Job { due: None, ..job });
            }
        }
    }

    /// A body taken apart or buried after an answer shows too that the intake is there and takes the key.
    fn settled(&mut self, answered: bool) {
        if answered {
            if self.pace.failures() >= OUTAGE {
                self.backlog.all_due();
            }
            self.pace.success();
            self.held = self.held.take().filter(|held| matches!(held, Held::Grave(_)));
        }
        if self.held.is_none() && !self.pace.probing() {
            self.delivery.standing.works();
        }
    }

    fn again(&mut self, job: Job, now: Instant) {
        let failures = job.failures.saturating_add(1);
        // Where the order counts, the pause of the destination is this body's too, and no other goes before it.
        let due = (!self.delivery.carrier.in_order()).then(|| now + self.pace.pause_of(failures));
        self.backlog.put_back(Job { failures, due, ..job });
    }
}

fn fly(delivery: Arc<Delivery>, job: Job, begun: Instant, left_out: bool) -> BoxFuture<'static, Landed> {
    let header = &job.stored.header;
    // Of the batch's trace, not of the destination's; the name of that is in it.
    let span = tracing::info_span!(
        parent: None,
        "shipper.deliver",
        destination = delivery.name,
        first = header.first,
        last = header.last,
        events = header.all.events,
        failures = job.failures,
        outcome = tracing::field::Empty
    );
    if let Some(packed) = header.trace() {
        packed.adopt(&span);
    }
    if let Some(sent) = &job.sent {
        sent.link(&span);
    }
    let job = Job { sent: Trace::of(&span), ..job };
    let flight = async move {
        let fate = match left_out {
            true => delivery.leave_out(&job.stored).await,
            false => delivery.attempt(&job.stored).await,
        };
        tracing::Span::current().record("outcome", fate.word());
        Landed { job, begun, fate }
    };
    Box::pin(flight.instrument(span))
}

#[cfg(test)]
mod tests;
