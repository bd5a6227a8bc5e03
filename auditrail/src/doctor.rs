//! `doctor`: what keeps lines from arriving, or will, and what to do about it.
//!
//! Promises: nothing is changed, in no directory and in no service; every check says something, also when all is well;
//! exit 0 only when all of it is.

use std::cell::OnceCell;
use std::process::ExitCode;

use anyhow::Context;
use chassis::datadog::LogsEntry;
use proto::v1::ServiceStatus;
use serde_json::json;

use crate::cli::{Doctor, Status};
use crate::credentials::Credentials;
use crate::exit::Failure;
use crate::placed::Placed;
use crate::{say, status};

mod certificates;
mod condition;
mod disk;
mod finding;
mod logs;
mod next;
mod quarantine;
mod queue_dir;
mod spools;

use finding::{Finding, Grade};

/// All checks, in the order of the data. Each looks at the subject and says what it found.
const CHECKS: [fn(&Subject<'_>) -> Vec<Finding>; 6] =
    [logs::check, queue_dir::check, quarantine::check, certificates::check, next::check, spools::check];

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
    let findings: Vec<Finding> = CHECKS.iter().flat_map(|check| check(&subject)).collect();
    let well = findings.iter().all(|finding| finding.grade == Grade::Ok);
    let text = match arguments.json {
        true => serde_json::to_string_pretty(&json!({"ok": well, "findings": findings}))? + "\n",
        false => finding::lines(&findings),
    };
    say::result(&text)?;
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
