//! `first-seen`: who does what for the first time.
//!
//! Promise: the newest comes first; what was seen while learning is counted, not told.

use std::process::ExitCode;

use insight::reports::first_seen::{FirstSeen as Fold, Report, Row};
use insight::resource_name;

use crate::chosen::Within;
use crate::exit::Failure;
use crate::print::grouped;
use crate::report::Reporting;
use crate::table::Table;

/// `auditrail first-seen`.
#[derive(Debug, clap::Args)]
pub(crate) struct FirstSeen {
    #[command(flatten)]
    chosen: Within,
    /// What was seen for so long from the first event on is not new.
    #[arg(long, value_name = "TIME", default_value = "7d")]
    learn: chassis::Span,
    /// Most rows in the table.
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    reporting: Reporting,
}

/// Exit 0, or 1 when some of the events could not be read.
///
/// # Errors
/// When the recording or the lake cannot be found or read.
pub(crate) fn first_seen(asked: &FirstSeen) -> Result<ExitCode, Failure> {
    let answer = asked.reporting.answer::<Fold>()?;
    let learn = i64::try_from(asked.learn.duration().as_micros()).unwrap_or(i64::MAX);
    let report = answer.fold.report(learn, &asked.chosen.filter());
    asked.reporting.tell(&report, answer.incomplete, |report| tables(report, asked.limit))
}

fn tables(report: &Report, limit: usize) -> Vec<Table> {
    let learnt = match &report.learnt_until {
        Some(until) => format!("{} combinations were learnt until {until}", grouped(report.learnt)),
        None => "the log is shorter than the time of learning, so nothing is new: see --learn".to_owned(),
    };
    let beyond = report.new.len().saturating_sub(limit) as u64;
    let beyond = (beyond > 0).then(|| format!("{} more rows: see --limit", grouped(beyond)));
    let more =
        (report.more > 0).then(|| format!("{} more requests could not be told apart", grouped(report.more)));
    vec![Table {
        title: "First seen".into(),
        columns: vec!["first", "subject", "new", "verb", "what", "namespace", "#count", "last", "audit ID"],
        rows: report.new.iter().take(limit).map(cells).collect(),
        notes: beyond.into_iter().chain(more).chain([learnt]).collect(),
    }]
}

fn cells(row: &Row) -> Vec<String> {
    let moment = |time: Option<i64>| time.map(crate::moment::written).unwrap_or_default();
    vec![
        moment(row.tally.first),
        row.subject.clone(),
        if row.new_subject { "subject" } else { "habit" }.to_owned(),
        row.verb.clone(),
        resource_name(&row.api_group, &row.resource, &row.subresource),
        row.namespace.clone(),
        grouped(row.tally.count),
        moment(row.tally.last),
        row.tally.sample.clone(),
    ]
}
