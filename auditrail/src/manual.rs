//! `completions` and `man`: what shells and manuals want to know of the commands.
//!
//! Promise: both are made of the commands as they are, so that they cannot say anything else.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::exit::Failure;
use crate::say;

/// `auditrail completions`.
#[derive(Debug, clap::Args)]
pub(crate) struct Completions {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// `auditrail man`.
#[derive(Debug, clap::Args)]
pub(crate) struct Man {
    /// The directory to write the pages to; it is made if need be.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

/// Prints the shell's script.
///
/// # Errors
/// When stdout cannot be written.
pub(crate) fn completions(arguments: &Completions) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "auditrail", &mut script);
    say::result(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}

/// Writes a page for every command.
///
/// # Errors
/// When the directory cannot be written.
pub(crate) fn man(arguments: &Man) -> Result<ExitCode, Failure> {
    let directory = &arguments.directory;
    let cannot = || format!("{} cannot be written", directory.display());
    std::fs::create_dir_all(directory).with_context(cannot)?;
    clap_mangen::generate_to(Cli::command().disable_help_subcommand(true), directory).with_context(cannot)?;
    say::aside(&format!(
        "the pages are in {}; read one with `man -l {}/auditrail.1`",
        directory.display(),
        directory.display()
    ));
    Ok(ExitCode::SUCCESS)
}
