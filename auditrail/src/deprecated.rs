//! `deprecated`: who still calls APIs that are about to go, and in which release that breaks.
//!
//! Promise: what is shown is what the API server marked itself; the next release to break something comes first.

use std::process::ExitCode;

use insight::reports::deprecated::{Deprecated as Fold, Report};

use crate::exit::Failure;
use crate::print::grouped;
use crate::report::Reporting;
use crate::table::Table;

/// `auditrail deprecated`.
#[derive(Debug, clap::Args)]
pub(crate) struct Deprecated {
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
pub(crate) fn deprecated(asked: &Deprecated) -> Result<ExitCode, Failure> {
    let answer = asked.reporting.answer::<Fold>()?;
    asked.reporting.tell(&answer.fold.report(), answer.incomplete, |report| tables(report, asked.limit))
}

fn tables(report: &Report, limit: usize) -> Vec<Table> {
    let rows = report.calls.iter().take(limit).map(|row| {
        let text = [&row.removed_in, &row.api, &row.resource, &row.user, &row.client, &row.source_ip];
        let mut cells: Vec<String> = text.into_iter().cloned().collect();
        cells.push(grouped(row.tally.count));
        cells.extend(
            [row.tally.first, row.tally.last]
                .map(|time| time.map(crate::moment::written).unwrap_or_default()),
        );
        cells
    });
    let columns =
        vec!["removed in", "API", "resource", "user", "client", "source IP", "#calls", "first", "last"];
    let beyond = report.calls.len().saturating_sub(limit) as u64;
    let beyond = (beyond > 0).then(|| format!("{} more rows: see --limit", grouped(beyond)));
    let more =
        (report.more > 0).then(|| format!("{} more calls could not be told apart", grouped(report.more)));
    vec![Table {
        title: "Calls to deprecated APIs".into(),
        columns,
        rows: rows.collect(),
        notes: beyond.into_iter().chain(more).collect(),
    }]
}
