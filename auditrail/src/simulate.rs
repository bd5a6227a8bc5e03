//! `policy simulate`: recorded events, or those written now, through one policy or two, with a price.
//!
//! Promises: the events of all rules, and of none, add up to those recorded; what is kept is what `policy apply`
//! writes; the number of processors changes nothing; what a recording cannot tell is said, not guessed.

pub(crate) mod live;
mod report;
mod table;
mod unknown;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::anyhow;
use audit::{Event, Policy, Simulation};

use crate::cli::Simulate;
use crate::exit::Failure;
use crate::price::Pricing;
use crate::replay::{Bad, Fold, replay, threads};
use crate::{policy_file, say, spelt};

impl Fold for Simulation<'_> {
    fn add(&mut self, event: &Event<'_>) {
        self.add(event);
    }

    fn merge(&mut self, after: Self) {
        self.merge(after);
    }
}

/// A finished simulation, with what is needed to tell of it.
struct Simulated<'a> {
    simulation: Simulation<'a>,
    names: Vec<String>,
    policies: &'a [Policy],
    pricing: Pricing,
    bad: Bad,
    /// For how long logs were followed, when they were.
    watched: Option<Duration>,
}

/// Exit 0, or 1 when some line was no event.
///
/// # Errors
/// A policy that kube-apiserver refuses, or a third one, ends with 64, nothing read.
pub(crate) fn simulate(arguments: &Simulate) -> Result<ExitCode, Failure> {
    let policies = policies(arguments)?;
    let new = || Simulation::of(&policies);
    let (simulation, bad, watched) = match arguments.live.live {
        None => {
            let (simulation, bad) = replay(&arguments.recording, threads(), new)?;
            (simulation, bad, None)
        }
        Some(span) => match live::follow(&arguments.live, span, &arguments.recording, new())? {
            None => return Ok(ExitCode::FAILURE),
            Some(watched) => (watched.whole, watched.bad, Some(watched.span)),
        },
    };
    let seen = watched.map(|span| (0, i64::try_from(span.as_micros()).unwrap_or(i64::MAX)));
    let pricing = Pricing::of(arguments.prices, seen.or(simulation.recorded().times));
    let names = arguments.policy.iter().map(|path| policy_file::name(path)).collect();
    let simulated = Simulated { simulation, names, policies: &policies, pricing, bad, watched };
    let text = if arguments.json {
        spelt::json(serde_json::to_string_pretty(&report::report(&simulated))?) + "\n"
    } else {
        table::text(&simulated)
    };
    simulated.bad.tell();
    say::result(&text)?;
    Ok(ExitCode::from(u8::from(simulated.bad.count > 0)))
}

fn policies(arguments: &Simulate) -> Result<Vec<Policy>, Failure> {
    let paths = &arguments.policy;
    if paths.len() > 2 {
        return Err(Failure::usage(anyhow!("--policy is given {} times: two can be compared", paths.len())));
    }
    let from_stdin = paths.iter().filter(|path| policy_file::is_stdin(path)).count();
    let reads_stdin = arguments.live.live.is_none() && arguments.recording.reads_stdin();
    if from_stdin + usize::from(reads_stdin) > 1 {
        return Err(Failure::usage(anyhow!(
            "stdin can be only one of policies and events: name a file for the others"
        )));
    }
    paths
        .iter()
        .map(|path: &std::path::PathBuf| policy_file::load(Path::new(path), arguments.target_version))
        .collect()
}

#[cfg(test)]
mod tests;
