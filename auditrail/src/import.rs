//! `import`: taking over from another collector.
//!
//! Promise: what was taken and what was not is said, each with its reason; exit 0 only when something was taken.

use std::process::ExitCode;

use collector::{ImportError, Taken};

use crate::cli::DatadogRegistry;
use crate::exit::Failure;
use crate::placed::Placed;
use crate::say;

/// Takes the positions of a Datadog Agent's registry.
///
/// # Errors
/// When the configuration, the registry or the queue is wrong; nothing was written then.
pub(crate) fn datadog_registry(arguments: &DatadogRegistry) -> Result<ExitCode, Failure> {
    let placed = Placed::read(arguments.config.as_deref(), &arguments.data).map_err(Failure::usage)?;
    let config = placed.collector;
    let imported = collector::import_registry(&config, &arguments.file).map_err(|error| match error {
        ImportError::Registry { .. } => Failure::usage(error),
        ImportError::Open(_) => Failure::from(error),
    })?;
    imported.passed_over.iter().for_each(|what| say::aside(what));
    if imported.taken.is_empty() {
        say::aside("no position was taken");
        return Ok(ExitCode::FAILURE);
    }
    let words: String = imported.taken.iter().map(words).collect();
    let queue = config.queue.dir.display();
    say::result(&format!("{words}the positions are in {queue}: start `up` or the collector on it\n"))?;
    Ok(ExitCode::SUCCESS)
}

fn words(taken: &Taken) -> String {
    let Taken { path, file, offset, notes } = taken;
    let place = if path == file { String::new() } else { format!(", in {}", file.display()) };
    let notes: String = notes.iter().map(|note| format!("  {note}\n")).collect();
    format!("{} goes on at byte {offset}{place}\n{notes}", path.display())
}
