//! The shipper as a process of its own: gRPC in, requests out.
//!
//! Promise: configuration is refused before a port is bound; at a stop, batches and requests in flight are finished,
//! and what was not delivered is named and stays in the spools.

use std::sync::Arc;

use anyhow::Context;
use chassis::datadog::Environment;
use chassis::hang_up::on_hang_up;
use chassis::{ConfigError, Configuration, Ready, Stop, config, http, listen};
use proto::v1::StatusReply;
use proto::{Drain, Gate, ReloadSource, Server, StatusSource, Tls};

use crate::{Config, OpenError, Shipper};

/// Serves the shipper until `stop` is requested. Must be called on a runtime.
///
/// # Errors
/// [`ConfigError`] in the chain where the configuration is to blame; else a spool that cannot be opened, or a listener
/// that cannot be had or broke.
pub async fn serve(config: Config, stop: Stop) -> anyhow::Result<()> {
    serve_from(None, config, stop).await
}

/// As [`serve`], with `config` from `configuration`, whose certificates are used where it has some.
///
/// # Errors
/// As [`serve`].
pub async fn serve_from(
    configuration: Option<Configuration>,
    config: Config,
    stop: Stop,
) -> anyhow::Result<()> {
    let agent = Environment::read(config::environment()?)?;
    let config = config.with_environment(&agent)?;
    agent.not_applied().iter().for_each(|warning| tracing::warn!("{warning}"));
    if config.destinations.is_empty() {
        let why = "section `shipper`: `destinations` is empty, so no batch can be taken; \
                   write for example `destinations: {lake: {type: lake, url: \"file:///var/lib/auditrail/lake\"}}`";
        return Err(ConfigError::Other(why.to_owned()).into());
    }
    let certificates = chassis::tls::start(configuration.as_ref(), crate::metrics::CERTIFICATE)?;
    let tls = certificates.map(|certificates| Tls::from(certificates.parts()));
    let opened = config.clone();
    let shipper = tokio::task::spawn_blocking(move || Shipper::open(&opened)).await?.map_err(blame)?;
    let pipe = listen::bind("shipper.listen", config.listen).await?;
    let pages = listen::bind("shipper.http_listen", config.http_listen).await?;
    if tls.is_none() && !config.listen.ip().is_loopback() {
        tracing::warn!("shipper.listen is {}, and batches are taken there from anybody", config.listen);
    }
    tracing::info!(listen = %pipe.local_addr()?, http = %pages.local_addr()?, "shipper is up");
    let ready = Ready::new();
    ready.set_ready("shipper");
    let spools = shipper.downgrade();
    let drained = shipper.downgrade();
    stop.say_what_remains(move || what_remains(&spools()?));
    stop.linger_for(listen::linger(config.listen, config.linger));
    let (asked, leaving) = (stop.clone(), stop.clone());
    let gate = Gate::default();
    let drain = Draining { gate: gate.clone(), ready: ready.clone(), spools: drained };
    let reload = configuration.map(|configuration| -> ReloadSource {
        Arc::new(move || configuration.read_anew::<Config>().into())
    });
    let status = watched(&shipper, &ready);
    let server = Server::new(status).stage(gate.before(shipper.stage())).shipper(Arc::new(shipper.clone()));
    let server = server
        .log_level(Arc::new(chassis::telemetry::change_log_level))
        .drain(Arc::new(drain))
        .reload(reload.clone())
        .leaving(async move { leaving.left().await })
        .insecure_admin(config.insecure_admin)
        .tls(tls);
    let served =
        async { server.run(pipe, async move { asked.wait().await }).await.context("shipper.listen broke") };
    let pages = http::serve(pages, ready, Default::default(), stop.clone());
    let shown = async { pages.await.context("shipper.http_listen broke") };
    let delivered = async {
        shipper.run(stop.clone()).await;
        Ok(())
    };
    let read_again = async {
        on_hang_up(&stop, || drop(reload.as_ref().map(|reload| reload()))).await;
        Ok(())
    };
    let outcome = tokio::try_join!(served, shown, delivered, read_again).map(|_| ());
    shipper.close().await;
    outcome
}

/// Has deliveries looked at; what `Admin.Status` says.
fn watched(shipper: &Shipper, ready: &Ready) -> StatusSource {
    shipper.watched_by(ready.alive());
    let (told, ready) = (shipper.clone(), ready.clone());
    Arc::new(move || {
        let status = told.status().with_health(ready.alive().stuck(), ready.reasons());
        StatusReply { services: vec![status] }
    })
}

/// A shipper holds what it has spooled.
struct Draining<S> {
    gate: Gate,
    ready: Ready,
    spools: S,
}

impl<S: Fn() -> Option<Shipper> + Send + Sync + 'static> Drain for Draining<S> {
    fn close(&self, closed: bool) {
        self.ready.set_drained(closed);
        self.gate.close(closed);
    }

    fn left(&self) -> (u64, Vec<String>) {
        let events = (self.spools)().map_or(0, |shipper| shipper.progress().spooled_events);
        let words = (events > 0).then(|| format!("{events} events are in the spools"));
        (events, words.into_iter().collect())
    }
}

fn blame(error: OpenError) -> anyhow::Error {
    match error {
        OpenError::Configuration { .. } => ConfigError::Other(format!("section `shipper`: {error}")).into(),
        other => other.into(),
    }
}

fn what_remains(shipper: &Shipper) -> Option<String> {
    let events = shipper.progress().spooled_events;
    (events > 0).then(|| format!("{events} events stay in the spools for the next start"))
}
