//! What a command says: results to stdout, everything else to stderr.
//!
//! Promises: a reader that has seen enough (`| head`) ends a command quietly; a stderr that is gone ends nothing.

use std::io::{self, Write};

use anyhow::Context;

/// A result, whole.
///
/// # Errors
/// When stdout cannot be written; not when its reader is gone.
pub(crate) fn result(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    unless_enough(written(out.write_all(text.as_bytes()).and_then(|()| out.flush())))
}

/// Anything that is no result, under the program's name.
pub(crate) fn aside(text: &str) {
    bare(&format!("auditrail: {text}"));
}

/// Anything that is no result, as it is.
pub(crate) fn bare(text: &str) {
    // Nobody is left to tell.
    let _ = writeln!(io::stderr(), "{text}");
}

/// What came of writing to stdout, with that word.
///
/// # Errors
/// As given.
pub(crate) fn written(done: io::Result<()>) -> anyhow::Result<()> {
    done.context("standard output cannot be written")
}

/// A reader that is gone is no error.
///
/// # Errors
/// Any other.
pub(crate) fn unless_enough(done: anyhow::Result<()>) -> anyhow::Result<()> {
    match done {
        Err(error) if is_enough(&error) => Ok(()),
        done => done,
    }
}

/// Whoever reads our output has seen enough.
pub(crate) fn is_enough(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_reader_that_is_gone_is_no_error() {
        let failed = |kind: io::ErrorKind| unless_enough(written(Err(kind.into())));
        assert!(failed(io::ErrorKind::BrokenPipe).is_ok());
        let full = failed(io::ErrorKind::StorageFull).unwrap_err();
        assert!(format!("{full:#}").starts_with("standard output cannot be written: "), "{full:#}");
    }
}
