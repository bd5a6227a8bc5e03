//! How a command ends when it does not end well.

use std::process::ExitCode;

/// Why a command failed, and with which exit code.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Bad usage or configuration: nothing was started, exit 64.
    Usage(anyhow::Error),
    /// Something went wrong on the way, exit 1.
    Failed(anyhow::Error),
}

impl Failure {
    /// The exit code of bad usage and bad configuration (`EX_USAGE` of sysexits).
    pub(crate) const USAGE: u8 = 64;

    /// Bad usage or configuration.
    pub(crate) fn usage(error: impl Into<anyhow::Error>) -> Self {
        Failure::Usage(error.into())
    }

    /// Prints the error and its causes to stderr.
    pub(crate) fn tell(&self) -> ExitCode {
        let (code, error) = match self {
            Failure::Usage(error) => (Self::USAGE, error),
            Failure::Failed(error) => (1, error),
        };
        crate::say::aside(&chassis::run::words(error));
        ExitCode::from(code)
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure::Failed(error.into())
    }
}
