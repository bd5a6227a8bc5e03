//! `doctor`: what keeps lines from arriving, or will, and what to do about it.
//!
//! Promises: nothing is changed, in no directory and in no service; every check says something, also when all is well;
//! exit 0 only when all of it is.

use std::cell::OnceCell;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use chassis::datadog::LogsEntry;
use proto::v1::ServiceStatus;
use serde_json::json;

use crate::cli::Status;
use crate::credentials::Credentials;
use crate::exit::Failure;
use crate::placed::Placed;
use crate::{say, status};

mod bundle;
mod certificates;
mod clock;
mod condition;
mod destinations;
mod disk;
mod finding;
mod lake_dir;
mod logs;
mod next;
mod policies;
mod quarantine;
mod queue_dir;
mod spools;

use finding::{Finding, Grade};

/// All checks, in the order of the data. Each looks at the subject and says what it found.
const CHECKS: [fn(&Subject<'_>) -> Vec<Finding>; 8] = [
    logs::check,
    queue_dir::check,
    quarantine::check,
    certificates::check,
    next::check,
    policies::check,
    spools::check,
    destinations::check,
];

/// `auditrail doctor`.
#[derive(Debug, clap::Args)]
pub(crate) struct Doctor {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data directory of `up`, for what the configuration does not place.
    #[arg(long, value_name = "DIR", default_value = crate::data::DEFAULT)]
    data: PathBuf,
    /// An audit log to check besides those of the configuration; may be given several times.
    #[arg(long, value_name = "FILE")]
    path: Vec<PathBuf>,
    /// Ask Datadog too whether it knows the key, and what its clock says; no event is sent.
    #[arg(long)]
    online: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Write a bundle for support besides: findings, settings, status, metrics and sizes, without secrets and without
    /// audit events. FILE ends in `.tar.gz` or `.tar.zst`, and is not there yet.
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
    /// With --bundle: a file with a service's own log, whose end goes with it; may be given several times.
    #[arg(long, value_name = "FILE", requires = "bundle")]
    log: Vec<PathBuf>,
}

/// What is looked at.
struct Subject<'a> {
    placed: Placed,
    arguments: &'a Doctor,
    runtime: tokio::runtime::Runtime,
    running: OnceCell<Vec<ServiceStatus>>,
}

/// Exit 0 when all is well.
///
/// # Errors
/// When the configuration is wrong.
pub(crate) fn doctor(arguments: &Doctor) -> Result<ExitCode, Failure> {
    let mut placed = Placed::read(arguments.config.as_deref(), &arguments.data).map_err(Failure::usage)?;
    for path in &arguments.path {
        let path = std::path::absolute(path).context("the working directory cannot be found")?;
        placed.collector.logs.push(LogsEntry::audit_log(path));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let subject = Subject { placed, arguments, runtime, running: OnceCell::new() };
    let room = arguments.bundle.as_deref().map(bundle::Form::of).transpose().map_err(Failure::usage)?;
    let findings: Vec<Finding> = CHECKS.iter().flat_map(|check| check(&subject)).collect();
    let well = findings.iter().all(|finding| finding.grade == Grade::Ok);
    let text = match arguments.json {
        true => serde_json::to_string_pretty(&json!({"ok": well, "findings": findings}))? + "\n",
        false => finding::lines(&findings),
    };
    say::result(&text)?;
    if let (Some(path), Some(form)) = (&arguments.bundle, room) {
        bundle::write(path, form, &subject, &findings)?;
        say::aside(&format!("the bundle is in {}; look into it before you pass it on", path.display()));
    }
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Subject<'_> {
    /// What the running services say of themselves; they are asked when somebody wants to know first.
    fn running(&self) -> &[ServiceStatus] {
        self.running.get_or_init(|| {
            let Doctor { config, data, .. } = self.arguments;
            let arguments = Status {
                json: false,
                watch: false,
                address: Vec::new(),
                config: config.clone(),
                data: data.clone(),
                credentials: Credentials::default(),
            };
            self.runtime.block_on(status::running(&arguments))
        })
    }

    /// What the running service of this name says of itself.
    fn service(&self, name: &str) -> Option<&ServiceStatus> {
        self.running().iter().find(|status| status.service == name)
    }
}
