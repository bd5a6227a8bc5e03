//! `gaps`: whether events are missing, by every proof that the recording allows.
//!
//! Promise: each proof is named with whether it was available; the verdict says no more than what was proven.

mod canaries;
mod chain;
mod numbers;
mod servers;

use std::process::ExitCode;

use clap::Args;
use insight::Fold;
use insight::reports::gaps::{Gaps, Lonely, Report};
use insight::reports::origins::{Balance, Origin, Server, Told as Origins, origins};
use lake::{Lake, Location};
use serde::Serialize;

use crate::exit::Failure;
use crate::print::grouped;
use crate::recording::Source;
use crate::replay::{self, Part, in_parts};
use crate::report::{Answered, Reporting};
use crate::say;
use crate::table::Table;
use chain::{Chain, Finding};

/// `auditrail gaps`.
#[derive(Debug, Args)]
pub(crate) struct GapsArguments {
    #[command(flatten)]
    reporting: Reporting,
    /// Most rows of a table.
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
}

/// What is told: the proofs of the events, of the files, and of the lake.
#[derive(Debug, Serialize)]
struct Told {
    #[serde(flatten)]
    report: Report,
    /// What the files themselves show; none of a lake.
    files: Vec<Finding>,
    /// Which numbers of lines the lake has, by origin; none of files.
    numbers: Vec<Origin>,
    /// What the lake tells of each API server; none of files.
    servers: Vec<Server>,
    /// How requests are shared among them, by cluster.
    balances: Vec<Balance>,
}

/// Exit 0, or 1 when some of the events could not be read. What is missing is a finding, no failure.
///
/// # Errors
/// When the recording or the lake cannot be found or read.
pub(crate) fn gaps(arguments: &GapsArguments) -> Result<ExitCode, Failure> {
    let reporting = &arguments.reporting;
    let url = reporting.lake()?;
    let (mut answer, chain) = match &url {
        Some(_) => (reporting.answer::<Gaps>()?, None),
        None => of_files(reporting).map(|(answer, chain)| (answer, Some(chain)))?,
    };
    let mut report = answer.fold.report();
    let files = chain.as_ref().map(|chain| chain.findings(reporting.recording.is_cut())).unwrap_or_default();
    report.proofs.push(chain::proof(chain.as_ref(), &files));
    let broken = files.iter().filter(|finding| finding.is_loss).count();
    if broken > 0 {
        report.verdict.push_str(&format!("; the files show {broken} losses besides"));
    }
    let origins = url.as_ref().map(|location| of_lake(location, reporting)).transpose()?;
    let unreadable = origins.iter().flat_map(|origins| &origins.unreadable);
    unreadable.for_each(|file| {
        say::aside(&file.why);
        answer.incomplete = true;
    });
    report.proofs.extend([servers::balance(origins.as_ref()), servers::clocks(origins.as_ref())]);
    let numbered = origins.as_ref().filter(|_| !reporting.recording.is_cut()).map(|told| &told.numbers[..]);
    report.proofs.push(numbers::proof(url.is_some(), numbered));
    report.verdict.push_str(&numbers::verdict(numbered));
    let numbers = numbered.map(<[_]>::to_vec).unwrap_or_default();
    let Origins { servers, balances, .. } = origins.unwrap_or_default();
    let told = Told { report, files, numbers, servers, balances };
    reporting.tell(&told, answer.incomplete, |told| tables(told, arguments.limit))
}

/// What the lake tells of its origins.
fn of_lake(location: &Location, reporting: &Reporting) -> Result<Origins, Failure> {
    let (lake, kept) = (Lake::existing(location)?, reporting.kept(location));
    Ok(origins(&lake, &kept, reporting.recording.times().as_ref(), replay::threads())?)
}

/// Folds the events, and looks at the files on the way.
fn of_files(reporting: &Reporting) -> Result<(Answered<Gaps>, Chain), Failure> {
    let times = reporting.recording.times();
    let take = |(gaps, chain): &mut (Gaps, Chain), part: Part| {
        let lines: Vec<&[u8]> = part.lines.iter().map(|(range, _)| &part.text[range.clone()]).collect();
        let mut bad = part.bad;
        chain.lines(&part.place, part.lines.iter().map(|(_, number)| *number).zip(lines.iter().copied()));
        match insight::take_lines(gaps, &part.place, &lines, times.as_ref()) {
            Ok(no_events) => no_events.into_iter().for_each(|line| {
                bad.add(replay::no_event(&part.place, part.lines[line].1, lines[line]));
            }),
            Err(why) => bad.add(format!("{}: {why}", part.place)),
        }
        bad
    };
    let source = reporting.recording.find()?;
    let merge = |(gaps, chain): &mut (Gaps, Chain), (more, after): (Gaps, Chain)| {
        gaps.merge(more);
        chain.merge(after);
    };
    let ((fold, mut chain), bad) =
        in_parts(&source, replay::threads(), <(Gaps, Chain)>::default, take, merge)?;
    bad.tell();
    if let Source::Places(places) = &source {
        chain.look_at(places);
    }
    Ok((Answered { fold, incomplete: bad.count > 0 }, chain))
}

fn tables(told: &Told, limit: usize) -> Vec<Table> {
    let mut tables = vec![proofs(&told.report)];
    let halves = [
        ("Requests without an end", &told.report.without_end),
        ("Requests without a begin", &told.report.missing_begins),
    ];
    let halves = halves.into_iter().filter(|(_, lonely)| !lonely.is_empty());
    tables.extend(halves.map(|(title, lonely)| half(title, lonely, limit)));
    tables.extend(told.report.canaries.as_ref().map(|told| canaries::table(told, limit)));
    tables.extend((!told.files.is_empty()).then(|| files(&told.files, limit)));
    tables.extend((!told.servers.is_empty()).then(|| servers::table(&told.servers, limit)));
    tables.extend((!told.numbers.is_empty()).then(|| numbers::table(&told.numbers, limit)));
    tables.extend((!told.report.silences.is_empty()).then(|| silences(&told.report)));
    tables
}

fn proofs(report: &Report) -> Table {
    let rows = report.proofs.iter().map(|proof| {
        let available = if proof.available { "yes" } else { "no" };
        vec![proof.name.to_owned(), available.to_owned(), proof.says.clone()]
    });
    let notes = [
        (report.panics, "requests ended in a panic of the API server (counted as ends)"),
        (
            report.truncated,
            "events lost their objects to the API server's size limit (audit.k8s.io/truncated)",
        ),
    ];
    let notes = notes.into_iter().filter(|(count, _)| *count > 0);
    Table {
        title: report.verdict.clone(),
        columns: vec!["proof", "available", "says"],
        rows: rows.collect(),
        notes: notes.map(|(count, what)| format!("{} {what}", grouped(count))).collect(),
    }
}

fn half(title: &str, lonely: &[Lonely], limit: usize) -> Table {
    let rows = lonely.iter().take(limit).map(|lonely| {
        let id = lonely.audit_id.clone().unwrap_or_else(|| "(chosen by the client, no UUID)".into());
        vec![lonely.began.clone(), lonely.verb.to_owned(), id, lonely.why.to_owned()]
    });
    let more = lonely.len().saturating_sub(limit);
    Table {
        title: title.into(),
        columns: vec!["began", "verb", "audit ID", "why"],
        rows: rows.collect(),
        notes: (more > 0).then(|| format!("{} more: --limit", grouped(more as u64))).into_iter().collect(),
    }
}

fn files(findings: &[Finding], limit: usize) -> Table {
    let rows = findings.iter().take(limit).map(|finding| vec![finding.file.clone(), finding.what.clone()]);
    let more = findings.len().saturating_sub(limit);
    Table {
        title: "What the files show".into(),
        columns: vec!["file", "what"],
        rows: rows.collect(),
        notes: (more > 0).then(|| format!("{} more: --limit", grouped(more as u64))).into_iter().collect(),
    }
}

fn silences(report: &Report) -> Table {
    let rows = report.silences.iter().map(|silence| vec![silence.from.clone(), grouped(silence.minutes)]);
    Table {
        title: format!("Minutes without an event, where {} are usual", grouped(report.usual_per_minute)),
        columns: vec!["from", "#minutes"],
        rows: rows.collect(),
        notes: vec![],
    }
}
