//! `config check`: everything that can be known about a configuration without starting anything.
//!
//! Promise: a file is judged by what it says: one that is for a single service is good without the sections of the
//! others. What is good and will not do what it looks like is a warning.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use chassis::Configuration;
use chassis::datadog::Environment;

use crate::configuration::Check;
use crate::exit::Failure;
use crate::plan::{self, destinations};
use crate::say;

/// Exit 0 when the file is good.
///
/// # Errors
/// [`Failure::Usage`] with file, line and column of what is wrong.
pub(crate) fn check(arguments: &Check) -> Result<ExitCode, Failure> {
    let (good, warnings) = checked(&arguments.file).map_err(Failure::usage)?;
    warnings.iter().for_each(|warning| say::aside(&format!("warning: {warning}")));
    say::result(&good)?;
    Ok(ExitCode::SUCCESS)
}

/// The good word on the file, and warnings.
fn checked(file: &Path) -> anyhow::Result<(String, Vec<String>)> {
    let variables = chassis::config::environment()?;
    let agent = Environment::read(variables.iter().cloned())?;
    let configuration = Configuration::read(Some(file), variables)?;
    configuration.refuse_unknown_sections(&chassis::SECTIONS)?;
    let _: chassis::telemetry::Telemetry = configuration.section()?;
    let insight: insight::Config = configuration.section()?;
    insight.secured(chassis::tls::Tls::of(&configuration)?.as_ref())?;
    let router: router::Config = configuration.section()?;
    let shipper = configuration.section::<shipper::Config>()?.with_environment(&agent)?;
    if configuration.has("router") && configuration.has("shipper") {
        destinations::every_route_leads_somewhere(&configuration, &router, &shipper)?;
    }
    let mut warnings = plan::warnings(&agent);
    let collector = configuration.section::<collector::Config>()?.with_environment(&agent)?;
    let logs = logs(&configuration, &collector, &mut warnings)?;
    warnings.extend(destinations::without_key(&shipper).iter().map(|name| {
        format!("destination `{name}` has no API key here: name a file in `api_key_file`, or set DD_API_KEY where it runs")
    }));
    let names: Vec<&str> = shipper.destinations.keys().map(String::as_str).collect();
    let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let routes = router.routes.len();
    Ok((
        format!("{} is good: {logs} logs, {routes} routes, destinations: {names}\n", file.display()),
        warnings,
    ))
}

/// How many entries name logs, those of the Agent's `conf.d` included.
fn logs(
    configuration: &Configuration,
    collector: &collector::Config,
    warnings: &mut Vec<String>,
) -> anyhow::Result<usize> {
    let enabled = collector::Config { enabled: true, ..collector.clone() };
    let (logs, found) = collector::check(&enabled).context("the logs to follow")?;
    warnings.extend(found);
    if logs == 0 && collector.webhook.is_none() && configuration.has("collector") {
        warnings.push(
            "no log is read: collector.logs is empty, so is what conf_dir names, and there is no webhook"
                .to_owned(),
        );
    }
    Ok(logs)
}
