//! Recorded lines through a policy to stdout.
//!
//! Promise: a policy that is refused ends it before a line is read; a reader that has seen enough ends it quietly.

use std::io::{self, BufWriter, StdoutLock, Write};
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use audit::{Policy, TargetVersion};

use crate::exit::Failure;
use crate::recorded::{Line, Place};
use crate::{policy_file, say};

/// Standard output.
pub(crate) struct Out(BufWriter<StdoutLock<'static>>);

impl Out {
    /// Standard output, buffered.
    pub(crate) fn stdout() -> Out {
        Out(BufWriter::with_capacity(256 << 10, io::stdout().lock()))
    }

    /// Writes what is buffered.
    ///
    /// # Errors
    /// As for [`Out::line`].
    pub(crate) fn flush(&mut self) -> anyhow::Result<()> {
        say::written(self.0.flush())
    }

    /// Writes bytes and a newline.
    ///
    /// # Errors
    /// When nobody reads, or nothing can be written.
    pub(crate) fn line(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        say::written(self.0.write_all(bytes).and_then(|()| self.0.write_all(b"\n")))
    }
}

/// Calls `each` with the policy for every line of the inputs.
///
/// # Errors
/// [`Failure::Usage`] for the policy; else what cannot be read or written.
pub(crate) fn lines(
    policy: &Path,
    target: TargetVersion,
    inputs: &[PathBuf],
    mut each: impl FnMut(&Policy, &Place, &Line<'_>, &mut Out) -> anyhow::Result<()>,
) -> Result<(), Failure> {
    let stdin_twice = inputs.is_empty() || inputs.iter().any(|input| policy_file::is_stdin(input));
    if policy_file::is_stdin(policy) && stdin_twice {
        return Err(Failure::usage(anyhow!("stdin cannot be both policy and events: name a file for one")));
    }
    let policy = policy_file::load(policy, target)?;
    let mut out = Out::stdout();
    let mut all = || {
        for place in Place::all(inputs)? {
            place.each_line(|line| each(&policy, &place, &line, &mut out))?;
        }
        out.flush()
    };
    Ok(say::unless_enough(all())?)
}
