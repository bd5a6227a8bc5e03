//! `policy apply`: the lines that an API server with this policy would have written.
//!
//! Promise: byte for byte; a line that is no event goes to stderr with its place, and the rest goes on.

use std::process::ExitCode;

use audit::{Attributes, Event, Lowered, Policy, lower};

use crate::cli::Apply;
use crate::exit::Failure;
use crate::filter::{self, Out};
use crate::recorded::Line;
use crate::say;

/// Exit 0, or 1 when some line was no event.
///
/// # Errors
/// A policy that kube-apiserver refuses ends with 64, nothing read.
pub(crate) fn apply(arguments: &Apply) -> Result<ExitCode, Failure> {
    let (mut lowered, mut clean) = (Vec::new(), true);
    filter::lines(
        &arguments.policy,
        arguments.target_version,
        &arguments.inputs,
        |policy, place, line, out| {
            if let Err(why) = write_one(policy, line, &mut lowered, out)? {
                say::aside(&format!("{}:{}: {why}", place.name(), line.number));
                clean = false;
            }
            Ok(())
        },
    )?;
    Ok(ExitCode::from(u8::from(!clean)))
}

/// Writes one line as the policy wants it; Ok(Err) says why it is no event.
fn write_one(
    policy: &Policy,
    line: &Line<'_>,
    lowered: &mut Vec<u8>,
    out: &mut Out,
) -> anyhow::Result<Result<(), String>> {
    let bytes = match &line.bytes {
        Ok(bytes) => *bytes,
        Err(why) => return Ok(Err(why.to_string())),
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
    out.line(written)?;
    Ok(Ok(()))
}
