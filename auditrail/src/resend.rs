//! `replay`: recorded events again, to destinations of your choice, marked as a replay.
//!
//! Promises: events go the way that all events go (policy, routes or `--to`, spool, receipts), so that nothing is lost
//! on the way and the account adds up; each carries the tag `auditrail.replay:true`, and the spool and queue of a
//! running service are not touched; what was not delivered waits for `--resume`.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use chassis::Service;
use chassis::datadog::LogsEntry;

use crate::cli::Up;
use crate::exit::Failure;
use crate::plan::Plan;
use crate::recording::Recording;
use crate::replay::{Bad, Part, in_parts};

/// What marks a replayed event.
const TAG: &str = "auditrail.replay:true";

/// `auditrail replay`.
#[derive(Debug, clap::Args)]
pub(crate) struct Resend {
    /// Where to deliver to, as for `up`; may be given several times.
    #[arg(long, required = true, value_name = "DEST")]
    to: Vec<String>,
    /// The configuration file, for destinations by name.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// An audit policy to apply on the way.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// The directory to work in; a folder `replay` in it is there until everything is delivered.
    #[arg(long, value_name = "DIR", default_value = crate::data::DEFAULT)]
    data: PathBuf,
    /// Deliver the rest of a replay that was interrupted, instead of recorded events.
    #[arg(long, conflicts_with_all = ["files", "lake", "since", "until"])]
    resume: bool,
    /// Give up when a destination is held or unavailable for this long (`30s`, `1h30m`).
    #[arg(long, value_name = "TIME", default_value = "5m")]
    give_up: chassis::Span,
    #[command(flatten)]
    recording: Recording,
}

/// Exit 0 when every event has its end, 1 when some wait for `--resume` or some line was no event.
///
/// # Errors
/// [`Failure::Usage`] for flags or a configuration that cannot work; else what cannot be read or written.
pub(crate) fn resend(arguments: &Resend) -> Result<ExitCode, Failure> {
    let directory = arguments.data.join("replay");
    let log = directory.join("audit.log");
    let plan = plan(arguments, &directory, &log)?;
    let bad = record(arguments, &directory, &log)?;
    bad.tell();
    let service = Service::new("auditrail", env!("CARGO_PKG_VERSION"));
    let (telemetry, give_up) = (plan.telemetry.clone(), arguments.give_up.duration());
    let ended = chassis::run::supervise(&service, &telemetry, |stop| async move {
        crate::up::read_once(plan, give_up, stop).await?;
        fs::remove_dir_all(&directory).with_context(|| format!("{} cannot be removed", directory.display()))
    });
    Ok(if bad.count > 0 && ended == ExitCode::SUCCESS { ExitCode::FAILURE } else { ended })
}

/// As `up --once`, with the one log and places of its own for queue and spool.
fn plan(arguments: &Resend, directory: &Path, log: &Path) -> Result<Plan, Failure> {
    let environment = chassis::config::environment().map_err(Failure::usage)?;
    let up = Up {
        path: vec![log.to_path_buf()],
        config: arguments.config.clone(),
        policy: arguments.policy.clone(),
        to: arguments.to.clone(),
        data: arguments.data.clone(),
        once: true,
        give_up: arguments.give_up,
    };
    let mut plan = Plan::of(&up, &environment)?;
    let log = std::path::absolute(log).context("the working directory cannot be found")?;
    let mut entry = LogsEntry::audit_log(log);
    entry.tags.push(TAG.to_owned());
    plan.collector.logs = vec![entry];
    plan.collector.enabled = true;
    (plan.collector.conf_dir, plan.collector.webhook) = (None, None);
    plan.collector.queue.dir = directory.join("collector");
    plan.shipper.spool.dir = directory.join("shipper");
    Ok(plan)
}

/// Writes the recorded events to the log, unless what an earlier replay wrote is to be delivered.
fn record(arguments: &Resend, directory: &Path, log: &Path) -> Result<Bad, Failure> {
    let shown = directory.display();
    if arguments.resume {
        let there = fs::metadata(log);
        there
            .map_err(|error| anyhow!("there is no replay to resume in {shown}: {error}"))
            .map_err(Failure::usage)?;
        return Ok(Bad::default());
    }
    if directory.exists() {
        let why = anyhow!(
            "{shown} is left of a replay that was not finished; deliver its rest with --resume, or remove it"
        );
        return Err(Failure::usage(why));
    }
    let source = arguments.recording.find()?;
    fs::create_dir_all(directory).with_context(|| format!("{shown} cannot be made"))?;
    let written = write(arguments, &source, log);
    if written.is_err() {
        // Nothing of it was sent yet; what cannot be removed is named by the next replay.
        let _ = fs::remove_dir_all(directory);
    }
    Ok(written?)
}

fn write(arguments: &Resend, source: &crate::recording::Source, log: &Path) -> anyhow::Result<Bad> {
    let cannot = || format!("{} cannot be written", log.display());
    let file = std::cell::RefCell::new(BufWriter::new(File::create(log).with_context(cannot)?));
    let failed = std::cell::Cell::new(None);
    let asked = &arguments.recording;
    let take = |text: &mut Vec<u8>, part: Part| {
        let Part { place, text: lines, lines: ranges, mut bad } = part;
        for (range, number) in ranges {
            let line = &lines[range];
            match audit::Event::scan(line) {
                Ok(event) if asked.asks_for(event.stage_micros()) => {
                    text.extend_from_slice(line);
                    text.push(b'\n');
                }
                Ok(_) => {}
                Err(why) => bad.add(format!("{place}:{number}: {why}")),
            }
        }
        bad
    };
    let put = |_: &mut Vec<u8>, part: Vec<u8>| {
        if let Err(error) = file.borrow_mut().write_all(&part) {
            failed.set(Some(error));
        }
    };
    let (_, bad) = in_parts(source, 1, Vec::new, take, put)?;
    if let Some(error) = failed.take() {
        return Err(error).with_context(cannot);
    }
    file.into_inner()
        .into_inner()
        .map_err(|error| error.into_error())
        .and_then(|file| file.sync_all())
        .with_context(cannot)?;
    Ok(bad)
}
