//! The router as a process of its own: gRPC in, gRPC out.
//!
//! Promise: configuration is refused before a port is bound; at a stop, batches in flight are answered first,
//! and what was not answered stays with its sender.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use chassis::{ConfigError, Configuration, Invalid, Ready, Section, Stop, http, listen};
use proto::v1::StatusReply;
use proto::{Caller, Drain, ReloadSource, Server, Spread, StatusSource, Tls};
use serde::Deserialize;

use crate::{Config, Router, StartError};

/// The section as a process of its own needs it: nobody adds a route to an empty list there.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct Alone(pub Config);

impl Section for Alone {
    const NAME: &'static str = Config::NAME;

    fn validate(&self) -> Result<(), Invalid> {
        if self.0.routes.is_empty() {
            return Err(Invalid::new("routes", StartError::NoRoutes.to_string()));
        }
        self.0.validate()
    }
}

/// Serves the router until `stop` is requested. Must be called on a runtime.
///
/// # Errors
/// [`ConfigError`] in the chain where the configuration, a policy included, is to blame; else a listener that
/// cannot be had or broke.
pub async fn serve(config: Config, stop: Stop) -> anyhow::Result<()> {
    serve_from(None, config, stop).await
}

/// As [`serve`], with `config` from `configuration`, whose file is watched.
///
/// # Errors
/// As [`serve`].
pub async fn serve_from(
    configuration: Option<Configuration>,
    config: Config,
    stop: Stop,
) -> anyhow::Result<()> {
    let certificates = chassis::tls::start(configuration.as_ref(), crate::metrics::CERTIFICATE)?;
    let tls = certificates.map(|certificates| Tls::from(certificates.parts()));
    let moved = crate::metrics::moved();
    let caller = Caller::new(tls.clone()).telling(move || {
        moved.inc();
    });
    let next = caller
        .stage(&config.next, Spread::ByOrigin)
        .map_err(|error| ConfigError::Other(format!("section `router`: `next`: {error}")))?;
    let router = Router::new(&config, next).map_err(|error| ConfigError::Other(error.to_string()))?;
    if let Some(configuration) = configuration {
        let file = configuration.file().map(Path::to_owned);
        router
            .read_from(file, Arc::new(move || read_again(&configuration).map_err(|error| error.to_string())));
    }
    let pipe = listen::bind("router.listen", config.listen).await?;
    let pages = listen::bind("router.http_listen", config.http_listen).await?;
    if tls.is_none() && !config.listen.ip().is_loopback() {
        tracing::warn!("router.listen is {}, and batches are taken there from anybody", config.listen);
    }
    tracing::info!(listen = %pipe.local_addr()?, http = %pages.local_addr()?, next = config.next, "router is up");
    let ready = Ready::new();
    ready.set_ready("router");
    stop.linger_for(listen::linger(config.listen, config.linger));
    let (asked, leaving) = (stop.clone(), stop.clone());
    let status = watched(&router, &ready);
    let asked_again = router.clone();
    let reload: ReloadSource = Arc::new(move || asked_again.reload());
    let server = Server::new(status)
        .stage(router.stage())
        .reload(reload)
        .router(Arc::new(router.clone()))
        .log_level(Arc::new(chassis::telemetry::change_log_level))
        .drain(Arc::new(Draining { router: router.clone(), ready: ready.clone() }))
        .leaving(async move { leaving.left().await })
        .insecure_admin(config.insecure_admin)
        .tls(tls);
    let served =
        async { server.run(pipe, async move { asked.wait().await }).await.context("router.listen broke") };
    let shown = async {
        http::serve(pages, ready, Default::default(), stop.clone()).await.context("router.http_listen broke")
    };
    let current = async {
        router.keep_current(stop.clone()).await;
        anyhow::Ok(())
    };
    tokio::try_join!(served, shown, current).map(|_| ())
}

/// Has batches looked at that were not answered; what `Admin.Status` says.
fn watched(router: &Router, ready: &Ready) -> StatusSource {
    router.watched_by(ready.alive());
    let (told, ready) = (router.clone(), ready.clone());
    Arc::new(move || {
        let status = told.status().with_health(ready.alive().stuck(), ready.reasons());
        StatusReply { services: vec![status] }
    })
}

/// A router holds what it has not answered yet.
struct Draining {
    router: Router,
    ready: Ready,
}

impl Drain for Draining {
    fn close(&self, closed: bool) {
        self.ready.set_drained(closed);
        self.router.0.gate.close(closed);
    }

    fn left(&self) -> (u64, Vec<String>) {
        let (batches, events) = self.router.0.gate.inside();
        let words =
            (batches > 0).then(|| format!("{batches} batches are being decided or wait for receipts"));
        (events, words.into_iter().collect())
    }
}

fn read_again(configuration: &Configuration) -> Result<Config, ConfigError> {
    configuration.again()?.section::<Alone>().map(|Alone(config)| config)
}
