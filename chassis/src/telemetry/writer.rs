//! How log lines look.
//!
//! Promise: stderr only; colours only on a terminal and without `NO_COLOR`.

use std::io::{self, IsTerminal};

use tracing_subscriber::Layer;
use tracing_subscriber::fmt;
use tracing_subscriber::registry::Registry;

use super::settings::{LogFormat, Telemetry};

/// The layer that writes.
pub(super) fn layer(settings: &Telemetry) -> Box<dyn Layer<Registry> + Send + Sync> {
    let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let lines = fmt::layer().with_writer(io::stderr).with_ansi(wanted && io::stderr().is_terminal());
    match settings.log_format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(true).boxed(),
    }
}
