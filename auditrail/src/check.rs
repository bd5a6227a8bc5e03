//! `config check`: everything that can be known about a configuration without starting anything.

use std::io::Write;
use std::process::ExitCode;

use crate::cli::{Check, Up};
use crate::exit::Failure;
use crate::plan::Plan;

/// Exit 0 when the file is good.
///
/// # Errors
/// [`Failure::Usage`] with file, line and column of what is wrong.
pub(crate) fn check(arguments: &Check) -> Result<ExitCode, Failure> {
    let environment = chassis::config::environment().map_err(Failure::usage)?;
    let up = Up { config: Some(arguments.file.clone()), data: crate::data::DEFAULT.into(), ..Up::default() };
    let plan = Plan::of(&up, &environment)?;
    let logs = plan.collector.logs.len();
    let destinations: Vec<&str> = plan.shipper.destinations.keys().map(String::as_str).collect();
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{} is good: {logs} logs, {} routes, destinations: {}",
        arguments.file.display(),
        plan.router.routes.len(),
        destinations.join(", ")
    )?;
    Ok(ExitCode::SUCCESS)
}
