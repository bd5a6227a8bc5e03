//! Reading a policy for a command.
//!
//! Promise: a policy that kube-apiserver refuses is refused here before an event is read, with file, line,
//! column and the server's reason; one that it accepts with a warning is accepted with that warning.

use std::path::Path;

use anyhow::{Context, anyhow};
use audit::{Loaded, Policy};

use crate::exit::Failure;

/// The policy in a file; its warnings go to stderr.
///
/// # Errors
/// [`Failure::Usage`] when it cannot be read or would be refused.
#[expect(clippy::print_stderr, reason = "warnings of a command")]
pub(crate) fn load(path: &Path) -> Result<Policy, Failure> {
    let loaded = check(path).map_err(Failure::usage)?;
    for warning in &loaded.warnings {
        eprintln!("auditrail: {}: warning: {warning}", path.display());
    }
    Ok(loaded.policy)
}

/// The policy in a file, and its warnings.
///
/// # Errors
/// When it cannot be read, or kube-apiserver would refuse it: then with line, column and reason.
pub(crate) fn check(path: &Path) -> anyhow::Result<Loaded> {
    let text = read(path)?;
    Policy::load(&text)
        .map_err(|error| anyhow!("{}:{}:{}: {}", path.display(), error.line, error.column, error.message))
}

/// The text of a policy file.
///
/// # Errors
/// When it cannot be read or is no text.
pub(crate) fn read(path: &Path) -> anyhow::Result<String> {
    let bytes = std::fs::read(path).with_context(|| format!("`{}` cannot be read", path.display()))?;
    String::from_utf8(bytes).with_context(|| format!("`{}` is no UTF-8 text", path.display()))
}
