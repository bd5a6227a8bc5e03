//! `detections`: what in a log looks like an attack, or like what one prepares.
//!
//! Promises: the worst come first; what the log does not tell is said to be untold, not to be fine; exit codes are for
//! scripts only where --fail-on asks for one.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::ValueEnum;
use clap::builder::PossibleValuesParser;
use insight::reports::detections::{
    COMPONENTS, DETECTIONS, Detected, Detections as Fold, Finding, Report, Severity, Wanted,
};
use serde::Serialize;

use crate::chosen::Chosen;
use crate::exit::Failure;
use crate::print::grouped;
use crate::report::Reporting;
use crate::table::{Table, print};

/// The exit code of findings that --fail-on asks for.
const FOUND: u8 = 2;

/// `auditrail detections`: exit 0, or 1 when some of the events could not be read, or 2 by --fail-on.
#[derive(Debug, clap::Args)]
pub(crate) struct Detections {
    /// Only detections that are at least so severe.
    #[arg(long, value_enum, value_name = "SEVERITY")]
    severity: Option<SeverityWord>,
    /// Only this detection; may be given several times, or as a list with commas.
    #[arg(long, value_name = "ID", value_delimiter = ',', value_parser = ids())]
    id: Vec<String>,
    #[command(flatten)]
    chosen: Chosen,
    /// Exit with 2 when something was found that is at least so severe.
    #[arg(long, value_enum, value_name = "SEVERITY")]
    fail_on: Option<SeverityWord>,
    /// Show all detections, with what they mean, instead of what they find.
    #[arg(long)]
    list: bool,
    /// Show every object apart, not one row for what a subject did.
    #[arg(long)]
    objects: bool,
    /// Most rows in the table.
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    reporting: Reporting,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SeverityWord {
    Low,
    Medium,
    High,
}

impl From<SeverityWord> for Severity {
    fn from(word: SeverityWord) -> Severity {
        match word {
            SeverityWord::Low => Severity::Low,
            SeverityWord::Medium => Severity::Medium,
            SeverityWord::High => Severity::High,
        }
    }
}

fn ids() -> PossibleValuesParser {
    PossibleValuesParser::new(DETECTIONS.iter().map(|detection| detection.id))
}

/// Exit 0, or 1 when some of the events could not be read, or 2 when something was found that --fail-on asks for.
///
/// # Errors
/// When the recording or the lake cannot be found or read.
pub(crate) fn detections(asked: &Detections) -> Result<ExitCode, Failure> {
    let wanted = Wanted {
        filter: asked.chosen.filter(),
        severity: asked.severity.map(Severity::from),
        ids: asked.id.clone(),
    };
    if asked.list {
        print(asked.reporting.output, &Listed::of(&wanted), |listed| vec![listed.table()])?;
        return Ok(ExitCode::SUCCESS);
    }
    let answer = asked.reporting.answer::<Fold>()?;
    let report = answer.fold.report(&wanted);
    let exit = asked.reporting.tell(&report, answer.incomplete, |report| tables(report, asked))?;
    let fails = |detected: &Detected| {
        asked.fail_on.is_some_and(|severity| detected.severity >= Severity::from(severity))
    };
    Ok(if report.detected.iter().any(fails) { ExitCode::from(FOUND) } else { exit })
}

fn tables(report: &Report, asked: &Detections) -> Vec<Table> {
    let rows: Vec<Vec<String>> =
        report.detected.iter().flat_map(|detected| detection_rows(detected, asked.objects)).collect();
    let beyond = rows.len().saturating_sub(asked.limit) as u64;
    let beyond = (beyond > 0).then(|| format!("{} more rows: see --limit", grouped(beyond)));
    let mut notes: Vec<String> = beyond.into_iter().collect();
    notes.extend(
        (report.more > 0)
            .then(|| format!("{} more findings and refusals could not be told apart", grouped(report.more))),
    );
    let mut tables = vec![Table {
        title: "Detections".into(),
        columns: vec!["severity", "detection", "who", "verb", "what", "#count", "first", "last", "audit ID"],
        rows: rows.into_iter().take(asked.limit).collect(),
        notes,
    }];
    if !report.detected.is_empty() {
        tables.push(meanings(report));
    }
    if !report.untold.is_empty() {
        tables.push(untold(report));
    }
    tables
}

/// A row for each subject, or for each of its objects.
fn detection_rows(detected: &Detected, objects: bool) -> Vec<Vec<String>> {
    let mut of: BTreeMap<(&str, &str, usize), Vec<&Finding>> = BTreeMap::new();
    for (place, finding) in detected.findings.iter().enumerate() {
        let place = if objects { place } else { 0 };
        of.entry((&finding.subject, &finding.by, place)).or_default().push(finding);
    }
    let mut rows: Vec<Vec<&Finding>> = of.into_values().collect();
    let count = |findings: &[&Finding]| findings.iter().map(|finding| finding.tally.count).sum::<u64>();
    rows.sort_by_key(|findings| std::cmp::Reverse(count(findings)));
    rows.iter().map(|findings| cells(detected, findings, count(findings))).collect()
}

fn cells(detected: &Detected, findings: &[&Finding], count: u64) -> Vec<String> {
    let who = match (findings[0].by.as_str(), findings[0].subject.as_str()) {
        ("", subject) => subject.to_owned(),
        (by, subject) => format!("{by} as {subject}"),
    };
    let mut verbs: Vec<&str> = findings.iter().map(|finding| finding.verb.as_str()).collect();
    verbs.sort_unstable();
    verbs.dedup();
    let first = findings.iter().min_by_key(|finding| (finding.tally.first, &finding.tally.sample));
    let moment = |time: Option<i64>| time.map(crate::moment::written).unwrap_or_default();
    vec![
        detected.severity.word().to_owned(),
        detected.id.to_owned(),
        who,
        verbs.join(", "),
        objects(findings),
        grouped(count),
        moment(first.and_then(|finding| finding.tally.first)),
        moment(findings.iter().filter_map(|finding| finding.tally.last).max()),
        first.map(|finding| finding.tally.sample.clone()).unwrap_or_default(),
    ]
}

/// The first objects, and how many more; a kind is named once for those that follow each other.
fn objects(findings: &[&Finding]) -> String {
    const SHOWN: usize = 3;
    let (mut told, mut last): (Vec<String>, String) = (Vec::new(), String::new());
    for finding in findings.iter().take(SHOWN) {
        let more = if finding.more_reasons { " and more" } else { "" };
        let reasons = match finding.reasons.join(", ") {
            reasons if reasons.is_empty() => reasons,
            reasons if finding.resource.is_empty() => format!("{reasons}{more}"),
            reasons => format!("({reasons}{more})"),
        };
        let kind = finding.kind();
        let named = if kind == last { "" } else { kind.as_str() };
        let parts = [named, &finding.object(), &reasons];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        told.push(parts.join(" "));
        last = kind;
    }
    let more = findings.len().saturating_sub(SHOWN);
    let told = told.join(", ");
    if more > 0 { format!("{told} and {more} more") } else { told }
}

/// What those that were shown mean.
fn meanings(report: &Report) -> Table {
    let rows = report.detected.iter().map(|detected| {
        [detected.id, detected.title, detected.why, detected.todo].map(str::to_owned).to_vec()
    });
    Table {
        title: "What that means".into(),
        columns: vec!["detection", "what", "why", "what to do"],
        rows: rows.collect(),
        notes: Vec::new(),
    }
}

fn untold(report: &Report) -> Table {
    let moment = |time: Option<i64>| time.map(crate::moment::written).unwrap_or_default();
    let rows = report.untold.iter().map(|untold| {
        vec![
            untold.id.clone(),
            untold.resource.clone(),
            grouped(untold.tally.count),
            moment(untold.tally.first),
            moment(untold.tally.last),
            untold.tally.sample.clone(),
            untold.todo.clone(),
        ]
    });
    Table {
        title: "Not told by this log".into(),
        columns: vec!["detection", "what", "#count", "first", "last", "audit ID", "why, and what to do"],
        rows: rows.collect(),
        notes: Vec::new(),
    }
}

/// All detections, and who is left out of most.
#[derive(Debug, Serialize)]
struct Listed {
    detections: Vec<One>,
    components: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
struct One {
    id: &'static str,
    severity: Severity,
    title: &'static str,
    why: &'static str,
    todo: &'static str,
}

impl Listed {
    fn of(wanted: &Wanted) -> Listed {
        let asked = DETECTIONS.iter().filter(|detection| wanted.takes(detection));
        let detections = asked.map(|detection| One {
            id: detection.id,
            severity: detection.severity,
            title: detection.title,
            why: detection.why,
            todo: detection.todo,
        });
        Listed { detections: detections.collect(), components: COMPONENTS.to_vec() }
    }

    fn table(&self) -> Table {
        let rows = self.detections.iter().map(|one| {
            let texts = [one.severity.word(), one.id, one.title, one.why, one.todo].map(str::to_owned);
            texts.to_vec()
        });
        let left_out = self.components.join(", ");
        Table {
            title: "Detections".into(),
            columns: vec!["severity", "detection", "what", "why", "what to do"],
            rows: rows.collect(),
            notes: vec![format!("the cluster's own components are left out of most: {left_out}")],
        }
    }
}
