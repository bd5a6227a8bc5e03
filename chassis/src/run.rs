//! The body of a service's `main`.
//!
//! Promise: a bad command line or configuration ends the process with 64 before anything starts; the first
//! signal asks the service to stop and gives it [`Service::grace`], the second ends it at once; what was not
//! finished is named; telemetry is flushed; 0 says that all went well and 1 that it did not.

use std::ffi::OsString;
use std::future::Future;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use crate::config::{self, ConfigError, Configuration, SECTIONS, Section};
use crate::stop::Stop;
use crate::telemetry::Telemetry;

mod arguments;
mod exit;
mod supervise;

use arguments::Arguments;
pub use exit::{DONE, FAILED, USAGE, exit_code, words};

/// What `run` has to know about a service.
#[derive(Debug, Clone)]
pub struct Service {
    /// Its name: in messages, in traces, and as the program's.
    pub name: &'static str,
    /// `env!("CARGO_PKG_VERSION")`.
    pub version: &'static str,
    /// The sections that the file may have.
    pub known: &'static [&'static str],
    /// How long the service may take to stop once asked.
    pub grace: Duration,
}

impl Service {
    /// A service with all known sections and 30 seconds of grace.
    #[must_use]
    pub const fn new(name: &'static str, version: &'static str) -> Self {
        Self { name, version, known: &SECTIONS, grace: Duration::from_secs(30) }
    }
}

/// Runs `body` as this process: with its checked section, the whole configuration (for sections that are shared),
/// and the handle by which it is asked to stop.
///
/// An error of `body` that has a [`ConfigError`] in its chain ends with 64, any other with 1.
pub fn run<S, F, Fut>(service: Service, body: F) -> ExitCode
where
    S: Section,
    F: FnOnce(S, Configuration, Stop) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    ExitCode::from(run_with(&service, std::env::args_os().skip(1), body))
}

/// As [`run`], with `arguments` (without the program's name) instead of this process's; gives the exit code.
pub fn run_with<S, F, Fut>(service: &Service, arguments: impl IntoIterator<Item = OsString>, body: F) -> u8
where
    S: Section,
    F: FnOnce(S, Configuration, Stop) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let (config, check) = match arguments::parse(arguments) {
        Ok(Arguments::Run { config, check }) => (config, check),
        Ok(Arguments::Version) => return printed(&format!("{} {}\n", service.name, service.version)),
        Ok(Arguments::Help) => return printed(&arguments::usage(service.name)),
        Err(why) => return exit::refused(service, &format!("{why}\n{}", arguments::usage(service.name))),
    };
    let (configuration, settings, section) = match configured::<S>(service, config.as_deref()) {
        Ok(configured) => configured,
        Err(error) => return exit::refused(service, &error),
    };
    if check {
        return printed(&format!("{}: {} is good\n", service.name, configuration.path().display()));
    }
    supervise::process(service, &settings, |stop| body(section, configuration, stop))
}

/// Runs `body` as this process, for commands that read their own arguments and configuration: runtime, telemetry,
/// signals, grace and exit codes as in [`run`].
pub fn supervise<F, Fut>(service: &Service, settings: &Telemetry, body: F) -> ExitCode
where
    F: FnOnce(Stop) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    ExitCode::from(supervise::process(service, settings, body))
}

fn configured<S: Section>(
    service: &Service,
    path: Option<&Path>,
) -> Result<(Configuration, Telemetry, S), ConfigError> {
    let configuration = Configuration::read(path, config::environment()?)?;
    configuration.refuse_unknown_sections(service.known)?;
    let telemetry = configuration.section()?;
    crate::tls::Tls::of(&configuration)?;
    let section = configuration.section()?;
    Ok((configuration, telemetry, section))
}

fn printed(text: &str) -> u8 {
    if std::io::stdout().write_all(text.as_bytes()).is_ok() { DONE } else { FAILED }
}
