//! The collector as a process of its own: it follows its logs and answers operators.

use std::sync::Arc;

use chassis::hang_up::on_hang_up;
use chassis::{ConfigError, Configuration, Ready, Stop, listen};
use proto::v1::StatusReply;
use proto::{Caller, Drain, ReloadSource, Spread, StatusSource, Tls};

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
    let status = watched(&collector, &ready);
    let leaving = stop.clone();
    let reload = configuration.map(|configuration| -> ReloadSource {
        Arc::new(move || configuration.read_anew::<Config>().into())
    });
    let server = proto::Server::new(status)
        .collector(collector.clone())
        .drain(Arc::new(Draining { collector: collector.clone(), ready: ready.clone() }))
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

/// Has reading and sending looked at; what `Admin.Status` says.
fn watched(collector: &Arc<Collector>, ready: &Ready) -> StatusSource {
    collector.watched_by(ready.alive());
    let (told, ready) = (Arc::clone(collector), ready.clone());
    Arc::new(move || {
        let status = told.status().with_health(ready.alive().stuck(), ready.reasons());
        StatusReply { services: vec![status] }
    })
}

/// A collector holds what it has queued.
struct Draining {
    collector: Arc<Collector>,
    ready: Ready,
}

impl Drain for Draining {
    fn close(&self, closed: bool) {
        self.ready.set_drained(closed);
        self.collector.close(closed);
    }

    fn left(&self) -> (u64, Vec<String>) {
        self.collector.left()
    }
}
