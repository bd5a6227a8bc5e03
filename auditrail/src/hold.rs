//! `hold`: a destination sends nothing until it is released.
//!
//! Promise: what is printed is how the destination stands after the call, and the hold is durable then.

use std::process::ExitCode;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use proto::v1::{DestinationStatus, HoldRequest, ReleaseRequest};

use crate::exit::Failure;
use crate::say;
use crate::shippers::{Output, Where, ask};

/// `auditrail hold`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Hold {
    #[command(subcommand)]
    release: Option<Release>,
    /// The destination's name.
    #[arg(value_name = "DESTINATION", required = true)]
    destination: Option<String>,
    /// Why, for whoever reads `status`.
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// How to print.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t, global = true)]
    output: Output,
    #[command(flatten)]
    place: Where,
}

#[derive(Debug, Subcommand)]
enum Release {
    /// Let a destination send again; where an answer of the intake holds it, or a pause runs, it tries now.
    Release {
        /// The destination's name.
        #[arg(value_name = "DESTINATION")]
        destination: String,
    },
}

/// Exit 0 when it is done.
///
/// # Errors
/// When no shipper answers, or it has no such destination.
pub(crate) fn hold(arguments: &Hold) -> Result<ExitCode, Failure> {
    let (shippers, mut shipper) = arguments.place.one()?;
    let status = match (&arguments.release, &arguments.destination) {
        (Some(Release::Release { destination }), _) => {
            ask!(shippers, shipper.release(ReleaseRequest { destination: destination.clone() }))?.destination
        }
        (None, Some(destination)) => {
            let request = HoldRequest { destination: destination.clone(), reason: arguments.reason.clone() };
            ask!(shippers, shipper.hold(request))?.destination
        }
        (None, None) => return Err(Failure::usage(anyhow!("name a destination"))),
    };
    let status = status.ok_or_else(|| anyhow!("the shipper does not say how the destination stands"))?;
    say::result(&match arguments.output {
        Output::Json => serde_json::to_string_pretty(&status)? + "\n",
        Output::Table => words(&status),
    })?;
    Ok(ExitCode::SUCCESS)
}

fn words(status: &DestinationStatus) -> String {
    let DestinationStatus { name, state, problem, .. } = status;
    let records = status.spool.as_ref().map_or(0, |spool| spool.records);
    let problem = if problem.is_empty() { String::new() } else { format!(": {problem}") };
    format!("{name} is {state}{problem}; {records} records in its spool\n")
}
