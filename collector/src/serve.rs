//! The collector as a process of its own: it follows its logs and answers operators.

use std::sync::Arc;

use chassis::hang_up::on_hang_up;
use chassis::{ConfigError, Configuration, Ready, Stop, listen};
use proto::v1::StatusReply;
use proto::{Caller, ReloadSource, Spread, Tls};

use crate::{Collector, Config};

/// Runs until `stop`; the body of the binary's `main`.
///
/// # Errors
/// When the queue cannot be opened, an address not be listened on, or reading ends.
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
    let environment = chassis::datadog::Environment::read(chassis::config::environment()?)?;
    environment.not_applied().iter().for_each(|warning| tracing::warn!("{warning}"));
    let config = config.with_environment(&environment)?;
    let certificates = chassis::tls::start(configuration.as_ref(), crate::metrics::CERTIFICATE)?;
    let tls = certificates.map(|certificates| Tls::from(certificates.parts()));
    let next = Caller::new(tls.clone()).stage(&config.next, Spread::ByBatch);
    let next = next.map_err(|error| ConfigError::Other(format!("section `collector`: `next`: {error}")))?;
    let grpc = listen::bind("collector.listen", config.listen).await?;
    let http = listen::bind("collector.http_listen", config.http_listen).await?;
    let insecure_admin = config.insecure_admin;
    let collector = tokio::task::spawn_blocking(move || Collector::open(config, next)).await??;
    let collector = Arc::new(collector);
    let ready = Ready::new();
    ready.set_ready("queue");
    let remaining = Arc::clone(&collector);
    stop.say_what_remains(move || remaining.remains());
    let asked = Arc::clone(&collector);
    collector.watched_by(ready.alive());
    let alive = ready.alive().clone();
    let status = Arc::new(move || {
        let mut status = asked.status();
        status.problems.extend(alive.stuck());
        StatusReply { services: vec![status] }
    });
    let leaving = stop.clone();
    let reload = configuration.map(|configuration| -> ReloadSource {
        Arc::new(move || configuration.read_anew::<Config>().into())
    });
    let server = proto::Server::new(status)
        .collector(collector.clone())
        .drain(collector.clone())
        .log_level(Arc::new(chassis::telemetry::change_log_level))
        .reload(reload.clone())
        .leaving(async move { leaving.left().await })
        .insecure_admin(insecure_admin)
        .tls(tls);
    let asked_to_stop = stop.clone();
    let answering = async {
        server.run(grpc, async move { asked_to_stop.wait().await }).await.map_err(anyhow::Error::from)
    };
    let watched = async {
        chassis::http::serve(http, ready, Default::default(), stop.clone()).await.map_err(anyhow::Error::from)
    };
    let collecting = async {
        let ended = collector.run(stop.clone()).await;
        stop.request();
        if let Some(remains) = collector.remains() {
            tracing::info!("{remains}");
        }
        ended.map_err(anyhow::Error::from)
    };
    let read_again = async {
        on_hang_up(&stop, || drop(reload.as_ref().map(|reload| reload()))).await;
        Ok(())
    };
    tokio::try_join!(collecting, answering, watched, read_again)?;
    Ok(())
}
