//! Reading a policy for a command.
//!
//! Promise: a policy that kube-apiserver refuses is refused here before an event is read, with file, line,
//! column and the server's reason; one that it accepts with a warning is accepted with that warning.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context, anyhow, bail};
use audit::{Loaded, Policy, TargetVersion};

use crate::exit::Failure;
use crate::say;

/// The largest policy that is read, in bytes.
pub(crate) const LARGEST: u64 = 4 << 20;

/// The policy in a file; its warnings go to stderr.
///
/// # Errors
/// [`Failure::Usage`] when it cannot be read or would be refused.
pub(crate) fn load(path: &Path, target: TargetVersion) -> Result<Policy, Failure> {
    let loaded = check_for(path, target).map_err(Failure::usage)?;
    for warning in &loaded.warnings {
        say::aside(&format!("{}: warning: {warning}", name(path)));
    }
    Ok(loaded.policy)
}

/// The policy in a file, and its warnings.
///
/// # Errors
/// When it cannot be read, or kube-apiserver would refuse it: then with line, column and reason.
pub(crate) fn check(path: &Path) -> anyhow::Result<Loaded> {
    check_for(path, TargetVersion::default())
}

fn check_for(path: &Path, target: TargetVersion) -> anyhow::Result<Loaded> {
    let text = read(path, "policy", LARGEST)?;
    Policy::load_for(&text, target)
        .map_err(|error| anyhow!("{}:{}:{}: {}", name(path), error.line, error.column, error.message))
}

/// The text of a file that holds `what`; `-` is stdin.
///
/// # Errors
/// When it cannot be read, has more than `largest` bytes, or is no text.
pub(crate) fn read(path: &Path, what: &str, largest: u64) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    let read = if is_stdin(path) {
        io::stdin().take(largest + 1).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(largest + 1).read_to_end(&mut bytes))
    };
    let length = read.with_context(|| format!("{what} {} cannot be read", name(path)))?;
    if length as u64 > largest {
        bail!("{what} {} is larger than {} MiB, which none is", name(path), largest >> 20);
    }
    String::from_utf8(bytes).with_context(|| format!("{what} {} is no UTF-8 text", name(path)))
}

/// Whether the path stands for standard input.
pub(crate) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// The file's name in messages.
pub(crate) fn name(path: &Path) -> String {
    if is_stdin(path) { "stdin".to_owned() } else { path.display().to_string() }
}
