//! `up`: all services in one process.
//!
//! Promises: with `--once` every log is read to the end that it has now, and the exit code is 0 only when
//! nothing is left in flight; without it no line is lost by stopping. The account is printed in the end.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use chassis::tls::Certificates;
use chassis::{Ready, Service, Stop, listen};
use insight::{Insight, Settings};
use proto::v1::{ServiceStatus, StatusReply};
use proto::{Drain, ReloadSource, Server, Tls};
use tokio::net::TcpListener;

use crate::account::{is_settled, rows};
use crate::again::Again;
use crate::cli::Up;
use crate::embedded::Services;
use crate::exit::Failure;
use crate::plan::Plan;
use crate::print;
use crate::progress;
use crate::say;

/// When the certificate of this process ends.
const CERTIFICATE: &str = "auditrail_insight_certificate_expiry_timestamp_seconds";

/// Runs until stopped, or with `--once` until everything has its end.
///
/// # Errors
/// [`Failure::Usage`] for flags, configuration or a policy that cannot work.
pub(crate) fn up(arguments: &Up) -> Result<ExitCode, Failure> {
    let environment = chassis::config::environment().map_err(Failure::usage)?;
    let plan = Plan::of(arguments, &environment)?;
    let again = Again { arguments: arguments.clone(), environment };
    let service = Service::new("auditrail", env!("CARGO_PKG_VERSION"));
    let telemetry = plan.telemetry.clone();
    let (once, give_up) = (arguments.once, arguments.give_up.duration());
    Ok(chassis::run::supervise(&service, &telemetry, |stop| async move {
        plan.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        if once { read_once(plan, give_up, stop).await } else { follow(plan, again, stop).await }
    }))
}

/// Opens the services on a thread that may block.
pub(crate) async fn open(plan: &Plan) -> anyhow::Result<Services> {
    let (collector, router, shipper) = (plan.collector.clone(), plan.router.clone(), plan.shipper.clone());
    tokio::task::spawn_blocking(move || Services::open(collector, &router, &shipper)).await?
}

/// Reads every log to the end that it has now, delivers, prints the account.
pub(crate) async fn read_once(plan: Plan, give_up: Duration, stop: Stop) -> anyhow::Result<()> {
    let services = open(&plan).await?;
    let delivering = Stop::new();
    let delivery = tokio::spawn(services.shipper.run(delivering.clone()));
    services.shipper.hurry();
    let outcome = tokio::select! {
        outcome = drain(&services, give_up, &stop) => outcome,
        () = progress::show(&services) => Ok(()),
    };
    delivering.request();
    delivery.await?;
    tell(&services);
    outcome?;
    if !is_settled(&rows(&services.status())) {
        bail!("some lines have no end yet: they stay in the queue and the spool for the next start");
    }
    Ok(())
}

/// Reads everything, then waits until all of it is delivered; ends early when a destination is out for too long.
pub(crate) async fn drain(services: &Services, give_up: Duration, stop: &Stop) -> anyhow::Result<()> {
    let work = async {
        let read = services.collector.run_once(stop.clone()).await?;
        read.half_lines.iter().for_each(|half| tracing::warn!("{half}"));
        services.shipper.drained().await;
        anyhow::Ok(())
    };
    tokio::select! {
        done = work => done,
        sick = out_for_long(services, give_up) => bail!(sick),
        () = stop.wait() => bail!("stopped before everything was delivered; the rest stays for the next start"),
    }
}

/// How often destinations are looked at.
const PERIOD: Duration = Duration::from_millis(200);

/// Ends with the word on a destination through which nothing got for `give_up`; at once when it is standard output.
async fn out_for_long(services: &Services, give_up: Duration) -> String {
    loop {
        tokio::time::sleep(PERIOD.min(give_up).max(Duration::from_millis(10))).await;
        if let Some(problem) = services.closed_stdout() {
            return format!("{problem}; the rest stays for the next start");
        }
        if let Some(stuck) =
            services.shipper.progress().stuck.into_iter().find(|stuck| stuck.since >= give_up)
        {
            let (name, problem) = (stuck.destination, stuck.problem);
            return format!(
                "gave up on destination `{name}` after {}: {problem}",
                chassis::Span::from(give_up)
            );
        }
    }
}

/// Asks for the stop when lines go to standard output alone, and nobody reads it any more; then with the word on that.
async fn read_on(services: &Services, stop: &Stop) -> anyhow::Result<Option<String>> {
    while !stop.requested() {
        if let Some(problem) = services.closed_stdout().filter(|_| services.is_for_stdout_alone()) {
            stop.request();
            return Ok(Some(format!("{problem}; the rest stays for the next start")));
        }
        tokio::select! {
            () = stop.wait() => {}
            () = tokio::time::sleep(PERIOD) => {}
        }
    }
    Ok(None)
}

async fn follow(plan: Plan, again: Again, stop: Stop) -> anyhow::Result<()> {
    let admin = bind("insight.listen", plan.insight.listen, plan.listen_chosen).await?;
    let console = bind("insight.http_listen", plan.insight.http_listen, plan.http_listen_chosen).await?;
    let (admin_address, console_address) = (admin.local_addr()?, console.local_addr()?);
    let certificates = chassis::tls::start(Some(&plan.configuration), CERTIFICATE)?;
    let secured = plan.insight.secured(certificates.as_ref())?;
    let pages = if secured.is_some() { "https" } else { "http" };
    let tls = certificates.map(|certificates| Tls::from(certificates.parts()));
    let scheme = if tls.is_some() { "https" } else { "http" };
    let services = open(&plan).await?;
    services.router.read_from(again.arguments.config.clone(), again.section(services.shipper.destinations()));
    let location = plan.insight.lake.clone();
    let insight =
        tokio::task::spawn_blocking(move || Insight::at(&location)).await?.context("insight.lake")?;
    let _named = Named::write(&plan, &format!("{scheme}://{admin_address}"))?;
    tracing::info!("admin gRPC at {scheme}://{admin_address}, console at {pages}://{console_address}");
    let remaining = services.collector.clone();
    stop.say_what_remains(move || remaining.remains());
    let delivering = Stop::new();
    let delivery = tokio::spawn(services.shipper.run(delivering.clone()));
    let health = watched(&services, &insight);
    let outcome = tokio::try_join!(
        collect(&services, &stop),
        answer(&health, &plan, (admin, tls), &stop),
        show(&health, settings(&plan), (console, secured), &stop),
        read_on(&services, &stop),
        keep_current(&services, &stop)
    );
    delivering.request();
    delivery.await?;
    tell(&services);
    match outcome? {
        (.., Some(why), ()) => bail!(why),
        _ => Ok(()),
    }
}

/// Keeps the router's rules those of the files.
async fn keep_current(services: &Services, stop: &Stop) -> anyhow::Result<()> {
    services.router.keep_current(stop.clone()).await;
    Ok(())
}

/// Follows the logs; when that ends, everything does.
async fn collect(services: &Services, stop: &Stop) -> anyhow::Result<()> {
    let ended = services.collector.run(stop.clone()).await;
    stop.request();
    Ok(ended?)
}

async fn answer(
    health: &Health,
    plan: &Plan,
    (listener, tls): (TcpListener, Option<Tls>),
    stop: &Stop,
) -> anyhow::Result<()> {
    let services = &health.services;
    let (router, leaving) = (services.router.clone(), stop.clone());
    let reload: ReloadSource = Arc::new(move || router.reload());
    let server = Server::new(Arc::new(all(health)))
        .reload(reload)
        .log_level(Arc::new(chassis::telemetry::change_log_level))
        .drain(Arc::new(Draining(health.clone())))
        .collector(services.collector.clone())
        .leaving(async move { leaving.left().await })
        .router(Arc::new(services.router.clone()))
        .shipper(Arc::new(services.shipper.clone()))
        .insecure_admin(plan.insight.insecure_admin)
        .tls(tls);
    let asked = stop.clone();
    server.run(listener, async move { asked.wait().await }).await.context("insight.listen broke")
}

async fn show(
    health: &Health,
    settings: Settings,
    listener: (TcpListener, Option<Arc<Certificates>>),
    stop: &Stop,
) -> anyhow::Result<()> {
    let status = all(health);
    let told = Arc::new(move || serde_json::to_value(status()).unwrap_or_default());
    insight::show((health.insight.clone(), told, settings), listener, health.ready.clone(), stop.clone())
        .await
}

/// The services, and how this process fares.
#[derive(Clone)]
struct Health {
    services: Services,
    insight: Insight,
    ready: Ready,
}

/// Has the steps of each service looked at.
fn watched(services: &Services, insight: &Insight) -> Health {
    let ready = Ready::new();
    ready.set_ready("auditrail");
    let alive = ready.alive();
    services.collector.watched_by(&alive.of("collector"));
    services.router.watched_by(&alive.of("router"));
    services.shipper.watched_by(&alive.of("shipper"));
    Health { services: services.clone(), insight: insight.clone(), ready }
}

/// One process holds what its queue and its spools hold.
struct Draining(Health);

impl Drain for Draining {
    fn close(&self, closed: bool) {
        self.0.ready.set_drained(closed);
        self.0.services.collector.close(closed);
    }

    fn left(&self) -> (u64, Vec<String>) {
        let (queued, mut words) = self.0.services.collector.left();
        let spooled = self.0.services.shipper.progress().spooled_events;
        words.extend((spooled > 0).then(|| format!("{spooled} events are in the spools")));
        (queued + spooled, words)
    }
}

/// What the console is told: the router's policy, where it has none of its own.
fn settings(plan: &Plan) -> Settings {
    let settings = plan.insight.settings();
    Settings { policy: settings.policy.or_else(|| plan.router.policy.clone()), ..settings }
}

/// What all services say, in the order of [`Services::status`].
fn all(health: &Health) -> impl Fn() -> StatusReply + Send + Sync + 'static {
    let Health { services, insight, ready } = health.clone();
    move || {
        let mut all = services.status();
        all.push(insight.status());
        let fares = |status: ServiceStatus| {
            let alive = ready.alive();
            match status.service.as_str() {
                // Its door is the one that a drain closes.
                "collector" => status.with_health(alive.of("collector").stuck(), ready.reasons()),
                "router" => status.with_health(alive.of("router").stuck(), Vec::new()),
                "shipper" => status.with_health(alive.of("shipper").stuck(), Vec::new()),
                _ => status.with_health(alive.of("insight").stuck(), Vec::new()),
            }
        };
        StatusReply { services: all.into_iter().map(fares).collect() }
    }
}

/// A default port that is taken is replaced by a free one; one that somebody chose is an error.
async fn bind(setting: &str, address: SocketAddr, chosen: bool) -> anyhow::Result<TcpListener> {
    Ok(if chosen {
        listen::bind(setting, address).await?
    } else {
        listen::bind_or_free(setting, address).await?
    })
}

/// The account, to stderr.
pub(crate) fn tell(services: &Services) {
    let rows = rows(&services.status());
    say::bare(&if rows.is_empty() { "no log was read".to_owned() } else { print::account(&rows) });
}

/// The file that tells `status` where the admin calls are; gone when the process ends in order.
struct Named(std::path::PathBuf);

impl Named {
    fn write(plan: &Plan, url: &str) -> anyhow::Result<Named> {
        let path = plan.data.address();
        let write = || {
            std::fs::create_dir_all(path.parent().unwrap_or(&path))?;
            std::fs::write(&path, format!("{url}\n"))
        };
        write().with_context(|| format!("`{}` cannot be written", path.display()))?;
        Ok(Named(path))
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        // A file that stays behind names an address where nobody answers, which `status` says.
        let _ = std::fs::remove_file(&self.0);
    }
}
