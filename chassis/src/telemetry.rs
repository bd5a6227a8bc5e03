//! Logs to stderr, and traces to an OTLP receiver where one is configured.
//!
//! Promise: nothing leaves the process unless `telemetry: {otlp: ...}` is set; a receiver that cannot be reached
//! neither delays nor fails anything; what was recorded is sent when the [`Guard`] is dropped, within
//! [`FLUSH_WITHIN`]. Logs go to stderr, never to stdout, and without colours where `NO_COLOR` is set or stderr is
//! no terminal.

use std::time::Duration;

use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, registry};

mod level;
mod otlp;
mod over_http;
mod settings;
mod writer;

pub use level::{change_log_level, set_log_level};
pub use settings::{LogFormat, Protocol, Telemetry};
pub use writer::write_lines_through;

/// How long the last spans may take to be sent.
pub const FLUSH_WITHIN: Duration = Duration::from_secs(5);

/// Starts logs and traces of this process. To be called once, inside the runtime that will carry the traces.
///
/// # Errors
/// When the settings cannot be followed, or telemetry was already started.
pub fn init(
    service: &'static str,
    version: &'static str,
    settings: &Telemetry,
) -> Result<Guard, TelemetryError> {
    opentelemetry::global::set_text_map_propagator(
        opentelemetry_sdk::propagation::TraceContextPropagator::new(),
    );
    let provider = otlp::provider(service, version, settings)?;
    let traces = provider.as_ref().map(|provider| otlp::layer(provider, service));
    let logs = writer::layer(settings).with_filter(level::filter(settings)?);
    registry().with(logs).with(traces).try_init().map_err(|_| TelemetryError::Twice)?;
    Ok(Guard { provider })
}

/// Holds telemetry up; dropping it sends what is left. Drop it on a thread that may block, while the runtime
/// still lives.
#[derive(Debug)]
#[must_use = "telemetry ends when the guard is dropped"]
pub struct Guard {
    provider: Option<SdkTracerProvider>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Some(provider) = self.provider.take() else { return };
        if let Err(error) = provider.shutdown_with_timeout(FLUSH_WITHIN) {
            tracing::warn!(%error, "the last spans were not sent");
        }
    }
}

/// Why telemetry cannot start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The log level is not understood.
    #[error("`{written}` is no log level: {why}; write `info`, or `warn,collector=debug`")]
    Level {
        /// What was written.
        written: String,
        /// What is wrong with it.
        why: String,
    },
    /// The exporter cannot be built.
    #[error("traces cannot be sent to `{endpoint}`: {why}")]
    Otlp {
        /// `telemetry.otlp`.
        endpoint: String,
        /// What is wrong with it.
        why: String,
    },
    /// It was started before in this process.
    #[error("telemetry was already started in this process")]
    Twice,
    /// It was not started, so that there is no level to change.
    #[error("telemetry was not started in this process")]
    NotStarted,
}
