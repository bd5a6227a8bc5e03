//! `policy apply`: the lines that an API server with this policy would have written.
//!
//! Promise: byte for byte; a line that is no event goes to stderr with its place, and the rest goes on.

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use audit::{Attributes, Event, Lowered, Policy, lower};

use crate::cli::Apply;
use crate::exit::Failure;
use crate::policy_file;
use crate::recorded::{Line, Place};

/// Exit 0, or 1 when some line was no event.
///
/// # Errors
/// A policy that kube-apiserver refuses ends with 64, nothing read.
#[expect(clippy::print_stderr, reason = "lines that are no events")]
pub(crate) fn apply(arguments: &Apply) -> Result<ExitCode, Failure> {
    let policy = policy_file::load(&arguments.policy)?;
    let mut out = BufWriter::with_capacity(256 << 10, io::stdout().lock());
    let (mut lowered, mut clean) = (Vec::new(), true);
    for place in Place::all(&arguments.inputs)? {
        let done = place.each_line(|line| {
            let number = line.number;
            if let Err(why) = write_one(&policy, &line, &mut lowered, &mut out)? {
                eprintln!("auditrail: {}:{number}: {why}", place.name());
                clean = false;
            }
            Ok(())
        });
        match done {
            Err(error) if is_broken_pipe(&error) => return Ok(ExitCode::SUCCESS),
            done => done?,
        }
    }
    match out.flush() {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        flushed => flushed?,
    }
    Ok(ExitCode::from(u8::from(!clean)))
}

/// Whoever reads our output has seen enough.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Writes one line as the policy wants it; Ok(Err) says why it is no event.
fn write_one(
    policy: &Policy,
    line: &Line<'_>,
    lowered: &mut Vec<u8>,
    out: &mut impl Write,
) -> anyhow::Result<Result<(), String>> {
    let bytes = match line.bytes {
        Ok(bytes) => bytes,
        Err(too_long) => return Ok(Err(too_long.to_string())),
    };
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Ok(()));
    }
    let event = match Event::scan(bytes) {
        Ok(event) => event,
        Err(why) => return Ok(Err(why.to_string())),
    };
    lowered.clear();
    let decision = policy.decide(&Attributes::of(&event));
    let written: &[u8] = match lower(&event, &decision, lowered) {
        Lowered::Dropped(_) => return Ok(Ok(())),
        Lowered::Whole => bytes,
        Lowered::Spliced => lowered,
    };
    out.write_all(written)?;
    out.write_all(b"\n")?;
    Ok(Ok(()))
}
