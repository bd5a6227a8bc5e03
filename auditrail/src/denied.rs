//! `denied`: who is refused what, since when, and after which change of roles.
//!
//! Promises: the most frequent refusals come first; a change of roles is said to come before refusals, not to be their
//! cause; roles are proposed only where nothing speaks against them, and can be applied as they are shown.

use std::process::ExitCode;

use insight::reports::denied::{CallerRow, Denied as Fold, Kind, Now, Report, Row};
use insight::resource_name;

use crate::chosen::Chosen;
use crate::exit::Failure;
use crate::print::{grouped, length};
use crate::report::{Output, Reporting};
use crate::say;
use crate::spelt::shown;
use crate::table::Table;

/// `auditrail denied`.
#[derive(Debug, clap::Args)]
pub(crate) struct Denied {
    #[command(flatten)]
    chosen: Chosen,
    /// Most rows in a table.
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// Show the smallest roles that allow it, for `kubectl apply`, where nothing speaks against them.
    #[arg(long)]
    fix: bool,
    #[command(flatten)]
    pub(crate) reporting: Reporting,
}

/// Exit 0, or 1 when some of the events could not be read.
///
/// # Errors
/// When the recording or the lake cannot be found or read.
pub(crate) fn denied(denied: &Denied) -> Result<ExitCode, Failure> {
    let answer = denied.reporting.answer::<Fold>()?;
    let report = answer.fold.report(&denied.chosen.filter());
    let code = denied.reporting.tell(&report, answer.incomplete, |report| tables(report, denied))?;
    let fixes = fixes(&report, denied.limit);
    if denied.fix && denied.reporting.output == Output::Table && !fixes.is_empty() {
        say::result(&fixes)?;
    }
    Ok(code)
}

fn tables(report: &Report, denied: &Denied) -> Vec<Table> {
    let mut tables = vec![refused(report, denied)];
    let titles = ["Not authenticated (401)", "Too many requests (429)"];
    for (title, rows) in titles.into_iter().zip([&report.unauthenticated, &report.throttled]) {
        if !rows.is_empty() {
            tables.push(callers(title, rows, denied.limit));
        }
    }
    tables
}

fn refused(report: &Report, denied: &Denied) -> Table {
    let shown = &report.refused[..denied.limit.min(report.refused.len())];
    let mut notes: Vec<String> = shown.iter().flat_map(|row| row_notes(row, denied.fix)).collect();
    if shown.len() < report.refused.len() {
        notes
            .push(format!("{} more rows: see --limit", grouped((report.refused.len() - shown.len()) as u64)));
    }
    if report.with_more_names > 0 {
        let rows = grouped(report.with_more_names);
        notes.push(format!("of {rows} rows not all names are kept, so that some may be missing here"));
    }
    if report.more > 0 {
        notes.push(format!("{} more refusals could not be told apart", grouped(report.more)));
    }
    let columns = vec![
        "subject",
        "verb",
        "what",
        "namespace",
        "names",
        "refused by",
        "#count",
        "#per hour",
        "first",
        "last",
        "now",
        "audit ID",
    ];
    Table { title: "Refused (403)".into(), columns, rows: shown.iter().map(cells).collect(), notes }
}

fn cells(row: &Row) -> Vec<String> {
    let by = match row.kind {
        Kind::NotAllowed => "authorization",
        Kind::RefusedLater => "what comes after authorization",
        Kind::Undecided => "what comes before authorization",
    };
    let now = match row.now {
        Now::Ongoing => "ongoing",
        Now::Quiet => "quiet",
        Now::AllowedAgain => "allowed again",
    };
    let names = match row.names.as_slice() {
        _ if row.many_names => "many".to_owned(),
        [] | [_] | [_, _] | [_, _, _] => row.names.join(", "),
        [one, other, rest @ ..] => format!("{one}, {other} and {} more", rest.len()),
    };
    let mut cells = vec![row.subject.clone(), row.verb.clone(), what(row), row.namespace.clone(), names];
    cells.extend([by.to_owned(), grouped(row.tally.count), format!("{:.1}", row.per_hour)]);
    cells.extend(moments([row.tally.first, row.tally.last]));
    cells.extend([now.to_owned(), row.tally.sample.clone()]);
    cells
}

/// `deployments.apps/scale`, or a path.
fn what(row: &Row) -> String {
    match row.path.as_str() {
        "" => resource_name(&row.api_group, &row.resource, &row.subresource),
        path => path.to_owned(),
    }
}

fn row_notes(row: &Row, fix: bool) -> Vec<String> {
    let about = format!("{} {} {}", row.subject, row.verb, what(row));
    let mut notes: Vec<String> = row
        .after
        .iter()
        .map(|change| {
            let object = [change.namespace.as_str(), change.name.as_str()].join("/");
            format!(
                "{about}: was allowed before{}, first refused {} after {} of {} {} by {} ({})",
                if change.gave_it { " by this" } else { "" },
                length(change.seconds),
                change.verb,
                change.resource,
                object.trim_matches('/'),
                change.user,
                change.audit_id,
            )
        })
        .collect();
    if !row.message.is_empty() && row.kind != Kind::NotAllowed {
        notes.push(format!("{about}: {}", row.message));
    }
    if fix {
        notes.extend(row.warnings.iter().map(|why| format!("{about}: no role is proposed: {why}")));
    }
    notes
}

/// The roles as documents, each under a line that says for what; all that follows the tables is YAML.
fn fixes(report: &Report, limit: usize) -> String {
    let mut text = String::new();
    for row in report.refused.iter().take(limit) {
        let Some(yaml) = &row.fix else { continue };
        let about = format!("{} {} {}", row.subject, row.verb, what(row));
        let careful = row.careful.iter().map(|why| format!("careful: {why}"));
        let lines = [format!("{about}: this would allow it:")].into_iter().chain(careful);
        text.push_str("\n---\n");
        lines.for_each(|line| text.push_str(&format!("# {}\n", shown(&line))));
        text.push_str(yaml);
    }
    text
}

fn callers(title: &str, rows: &[CallerRow], limit: usize) -> Table {
    let cells = |row: &CallerRow| {
        let mut cells =
            vec![row.source_ip.clone(), row.user.clone(), row.client.clone(), grouped(row.tally.count)];
        cells.extend(moments([row.tally.first, row.tally.last]));
        cells.push(row.tally.sample.clone());
        cells
    };
    let more = rows.len().saturating_sub(limit) as u64;
    Table {
        title: title.into(),
        columns: vec!["source IP", "user", "client", "#count", "first", "last", "audit ID"],
        rows: rows.iter().take(limit).map(cells).collect(),
        notes: (more > 0).then(|| format!("{} more rows: see --limit", grouped(more))).into_iter().collect(),
    }
}

fn moments(times: [Option<i64>; 2]) -> [String; 2] {
    times.map(|time| time.map(crate::moment::written).unwrap_or_default())
}
