//! Insight as a process of its own.
//!
//! Promise: a lake that cannot be opened is said before a port is bound; at a stop, answers that were begun are
//! given first.

use std::sync::Arc;

use anyhow::Context;
use chassis::hang_up::on_hang_up;
use chassis::tls::Certificates;
use chassis::{Configuration, Ready, Stop, http, listen};
use proto::v1::StatusReply;
use proto::{Drain, ReloadSource, Server, Tls};
use tokio::net::TcpListener;

use crate::{Config, Insight, Services, Settings, console_with};

/// Serves insight until `stop` is requested. Must be called on a runtime.
///
/// # Errors
/// The lake cannot be opened, or a listener cannot be had or broke.
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
    let certificates = chassis::tls::start(configuration.as_ref(), crate::metrics::CERTIFICATE)?;
    let secured = config.secured(certificates.as_ref())?;
    let tls = certificates.map(|certificates| Tls::from(certificates.parts()));
    let location = config.lake.clone();
    let insight =
        tokio::task::spawn_blocking(move || Insight::at(&location)).await?.context("insight.lake")?;
    let admin = listen::bind("insight.listen", config.listen).await?;
    let pages = listen::bind("insight.http_listen", config.http_listen).await?;
    tracing::info!(listen = %admin.local_addr()?, console = %pages.local_addr()?, lake = %config.lake, "insight is up");
    let ready = Ready::new();
    ready.set_ready("insight");
    let (told, asked_of) = (insight.clone(), ready.clone());
    let status = move || {
        let status = told.status().with_health(asked_of.alive().stuck(), asked_of.reasons());
        StatusReply { services: vec![status] }
    };
    let services: Services = Arc::new({
        let status = status.clone();
        move || serde_json::to_value(status()).unwrap_or_default()
    });
    let asked = stop.clone();
    let reload = configuration.map(|configuration| -> ReloadSource {
        Arc::new(move || configuration.read_anew::<Config>().into())
    });
    let leaving = stop.clone();
    let server = Server::new(Arc::new(status))
        .log_level(Arc::new(chassis::telemetry::change_log_level))
        .drain(Arc::new(Draining(ready.clone())))
        .reload(reload.clone())
        .leaving(async move { leaving.left().await })
        .insecure_admin(config.insecure_admin)
        .tls(tls);
    let answered =
        async { server.run(admin, async move { asked.wait().await }).await.context("insight.listen broke") };
    let shown = show((insight, services, config.settings()), (pages, secured), ready, stop.clone());
    let read_again = async {
        on_hang_up(&stop, || drop(reload.as_ref().map(|reload| reload()))).await;
        Ok(())
    };
    tokio::try_join!(answered, shown, read_again).map(|_| ())
}

/// Insight holds nothing; drained, it only asks not to be chosen.
struct Draining(Ready);

impl Drain for Draining {
    fn close(&self, closed: bool) {
        self.0.set_drained(closed);
    }

    fn left(&self) -> (u64, Vec<String>) {
        (0, Vec::new())
    }
}

/// Serves the console and the process's HTTP paths on a listener, over TLS where there are certificates, and keeps states
/// of hours ready, until `stop` is requested.
///
/// # Errors
/// When the listener breaks.
pub async fn show(
    (insight, services, settings): (Insight, Services, Settings),
    (listener, secured): (TcpListener, Option<Arc<Certificates>>),
    ready: Ready,
    stop: Stop,
) -> anyhow::Result<()> {
    insight.watched_by(&ready.alive().of("insight"));
    let (kept, states, asked) = (insight.clone(), settings.states.clone(), stop.clone());
    let readers = secured.as_ref().map(|certificates| certificates.readers());
    let console = console_with(insight, services, Settings { readers, ..settings });
    let served = async {
        let served = match secured {
            Some(certificates) => http::serve_secured(listener, certificates, ready, console, stop).await,
            None => http::serve(listener, ready, console, stop).await,
        };
        served.context("insight.http_listen broke")
    };
    let kept_ready = async {
        kept.keep_ready(states, asked).await;
        Ok(())
    };
    tokio::try_join!(served, kept_ready).map(|_| ())
}
