//! What is logged, and changing that while the process runs.
//!
//! Promise: a level that is not understood is refused and the old one stays; the libraries below the exporter are
//! silent unless they are named, or the exporter would trace itself.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::registry::Registry;
use tracing_subscriber::reload::{self, Handle};

use super::TelemetryError;
use super::settings::Telemetry;

/// Libraries that speak of their own connections at length.
pub(super) const QUIET: [&str; 8] = [
    "h2",
    "hyper",
    "hyper_util",
    "tonic",
    "tower",
    "opentelemetry",
    "opentelemetry_sdk",
    "opentelemetry_otlp",
];

/// The levels, by name.
const LEVELS: &str = "off, error, warn, info, debug, trace";

/// The variable that goes before `telemetry.log`.
const VARIABLE: &str = "AUDITRAIL_LOG";

static LEVEL: OnceLock<Handle<EnvFilter, Registry>> = OnceLock::new();

/// The filter of the settings and of `AUDITRAIL_LOG`; it can be changed by [`set_log_level`].
pub(super) fn filter(settings: &Telemetry) -> Result<reload::Layer<EnvFilter, Registry>, TelemetryError> {
    let variable = std::env::var(VARIABLE).ok().filter(|said| !said.trim().is_empty());
    let written = variable.as_deref().unwrap_or(&settings.log);
    let (layer, handle) = reload::Layer::new(parse(written)?);
    LEVEL.get_or_init(|| {
        written.clone_into(&mut said().now);
        handle
    });
    Ok(layer)
}

/// Changes what this process logs, from now on: `debug`, `warn,collector=trace`.
///
/// # Errors
/// When `written` is not understood, or telemetry was not started.
pub fn set_log_level(written: &str) -> Result<(), TelemetryError> {
    let filter = parse(written)?;
    let mut said = said();
    set(filter)?;
    *said = Said { now: written.to_owned(), changes: said.changes + 1 };
    Ok(())
}

/// As [`set_log_level`], for some time, after which the level from before holds again, unless somebody changed it
/// meanwhile; for good where there is no time. Gives what was logged before. With a time, must be called on a runtime.
///
/// # Errors
/// As [`set_log_level`], in words.
pub fn change_log_level(written: &str, time: Option<Duration>) -> Result<String, String> {
    let before = said().now.clone();
    set_log_level(written).map_err(|error| error.to_string())?;
    let changes = said().changes;
    tracing::info!(level = written, before, ?time, "an operator changed what is logged");
    if let Some(time) = time {
        let before = before.clone();
        tokio::spawn(async move {
            tokio::time::sleep(time).await;
            if said().changes == changes && set_log_level(&before).is_ok() {
                tracing::info!(level = before, "what is logged is as it was before");
            }
        });
    }
    Ok(before)
}

/// What is logged, and how often that changed.
struct Said {
    now: String,
    changes: u64,
}

static SAID: Mutex<Said> = Mutex::new(Said { now: String::new(), changes: 0 });

fn said() -> MutexGuard<'static, Said> {
    SAID.lock().unwrap_or_else(PoisonError::into_inner)
}

fn set(filter: EnvFilter) -> Result<(), TelemetryError> {
    let handle = LEVEL.get().ok_or(TelemetryError::NotStarted)?;
    handle.reload(filter).map_err(|_| TelemetryError::NotStarted)
}

/// A bare word that is no level: the filter would take it for the name of a crate, and say nothing of all others.
fn is_no_level(word: &str) -> bool {
    let is_bare = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric());
    is_bare && word.parse::<LevelFilter>().is_err()
}

/// The filter that `written` asks for, with the quiet ones quiet unless they are named in it.
pub(super) fn parse(written: &str) -> Result<EnvFilter, TelemetryError> {
    let refused = |why: String| TelemetryError::Level { written: written.to_owned(), why };
    if written.trim().is_empty() {
        return Err(refused("it is empty".to_owned()));
    }
    if let Some(word) = written.split(',').map(str::trim).find(|word| is_no_level(word)) {
        return Err(refused(format!("`{word}` is not one of {LEVELS}")));
    }
    let named =
        |library: &&&str| written.split(',').any(|part| part.trim().starts_with(&format!("{library}=")));
    let quiet = QUIET.iter().filter(|library| !named(library)).map(|library| format!(",{library}=warn"));
    let directives = written.to_owned() + &quiet.collect::<String>();
    EnvFilter::builder().parse(directives).map_err(|error| refused(error.to_string()))
}
