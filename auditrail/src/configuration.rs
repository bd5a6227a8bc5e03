//! `config`: what can be known of a configuration without starting anything.
//!
//! Promise: nothing is changed, and no secret is printed.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::exit::Failure;

/// `auditrail config`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check a configuration file, and every policy that it names, without starting anything.
    Check(Check),
    /// Show every setting that holds, and where its value comes from; secrets are left out.
    Show(Show),
}

/// `auditrail config check`.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The configuration file.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// `auditrail config show`.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The configuration file. Default: none, what the environment says and the defaults.
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// The same as FILE.
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    pub config: Option<PathBuf>,
    /// Only what somebody set.
    #[arg(long)]
    pub set: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Failure::Usage`] with what is wrong in the configuration.
pub(crate) fn run(command: &Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Check(check) => crate::check::check(check),
        Command::Show(show) => crate::show::show(show),
    }
}
