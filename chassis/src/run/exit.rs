//! Exit codes, one table for all processes.
//!
//! Promise: 0 done, 1 failed, 64 bad usage or configuration (before any port is bound).

use std::fmt::Display;
use std::io::Write as _;

use super::Service;
use crate::config::ConfigError;
use crate::telemetry::TelemetryError;

/// All went well.
pub const DONE: u8 = 0;

/// The process could not do its work.
pub const FAILED: u8 = 1;

/// The command line or the configuration is wrong.
pub const USAGE: u8 = 64;

/// The exit code for `error`: 64 when its cause is the configuration, otherwise 1.
#[must_use]
pub fn exit_code(error: &anyhow::Error) -> u8 {
    let of_configuration = |cause: &&(dyn std::error::Error + 'static)| {
        cause.is::<ConfigError>() || cause.is::<TelemetryError>()
    };
    if error.chain().any(|cause| of_configuration(&cause)) { USAGE } else { FAILED }
}

/// `error` and its causes on one line; a cause that the words before it repeat already is left out.
#[must_use]
pub fn words(error: &anyhow::Error) -> String {
    let mut words = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if words.is_empty() {
            words = cause;
        } else if !words.contains(&cause) {
            words = format!("{words}: {cause}");
        }
    }
    words
}

/// Says on stderr, before there are logs, why the process does not start.
pub(super) fn refused(service: &Service, why: &dyn Display) -> u8 {
    say(service, why);
    USAGE
}

/// One line on stderr; if even that fails there is nobody left to tell.
pub(super) fn say(service: &Service, what: &dyn Display) {
    let _ = writeln!(std::io::stderr(), "{}: {what}", service.name);
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn a_configuration_error_anywhere_in_the_chain_is_64() {
        let error = Err::<(), _>(ConfigError::Other("policy.yaml:3:1: unknown level".to_owned()));
        assert_eq!(exit_code(&error.context("the router did not start").unwrap_err()), USAGE);
        assert_eq!(exit_code(&anyhow::anyhow!("the disk is full")), FAILED);
    }

    #[test]
    fn a_cause_that_was_said_already_is_not_said_again() {
        let io = std::io::Error::other("is a directory");
        let error = anyhow::Error::from(ConfigError::Unreadable { path: "x.yaml".into(), source: io });
        assert_eq!(words(&error), "configuration x.yaml cannot be read: is a directory");
        let error = anyhow::anyhow!("the disk is full").context("the spool does not open");
        assert_eq!(words(&error), "the spool does not open: the disk is full");
    }
}
