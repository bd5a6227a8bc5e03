//! `--since` and `--until` of every command that has both.
//!
//! Promise: a span that ends before it begins is bad usage, in whichever command, and not an answer about nothing.

use clap::error::ErrorKind;
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches};

use crate::cli::Cli;
use crate::moment::{Moment, written};

/// The command line as it was given.
///
/// # Errors
/// When it cannot be meant.
pub(crate) fn parse() -> Result<Cli, clap::Error> {
    let mut command = Cli::command();
    let given = command.try_get_matches_from_mut(std::env::args_os())?;
    check(&mut command, &given)?;
    Cli::from_arg_matches(&given).map_err(|error| error.format(&mut command))
}

/// Looks at the command that was chosen, and at those within it.
fn check(command: &mut Command, given: &ArgMatches) -> Result<(), clap::Error> {
    if let (Some(since), Some(until)) = (moment(given, "since"), moment(given, "until"))
        && since >= until
    {
        let [since, until] = [since, until].map(|moment| written(moment.0));
        let why = format!("--since is {since} and --until is {until}: --since has to be the earlier one");
        return Err(command.error(ErrorKind::ArgumentConflict, why));
    }
    match given.subcommand() {
        Some((name, given)) => {
            command.find_subcommand_mut(name).map_or(Ok(()), |within| check(within, given))
        }
        None => Ok(()),
    }
}

fn moment(given: &ArgMatches, name: &str) -> Option<Moment> {
    given.try_get_one::<Moment>(name).ok().flatten().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &str) -> Result<(), clap::Error> {
        let mut command = Cli::command();
        let given = command.try_get_matches_from_mut(arguments.split(' '))?;
        check(&mut command, &given)
    }

    #[test]
    fn a_span_that_ends_before_it_begins_is_bad_usage_in_every_command() {
        for asked in ["denied", "slow", "rbac suggest", "policy suggest", "prove --audit-id x", "gaps"] {
            for ends in ["--since 2026-11-23T07:00 --until 2026-11-23", "--since 1h --until 2h"] {
                let error = parsed(&format!("auditrail {asked} {ends}")).unwrap_err().to_string();
                assert!(error.contains("has to be the earlier one"), "{asked}: {error}");
            }
            for ends in ["--since 2h --until 1h", "--since 2h", "--until 2026-11-23T06:10"] {
                assert!(parsed(&format!("auditrail {asked} {ends}")).is_ok(), "{asked} {ends}");
            }
        }
    }
}
