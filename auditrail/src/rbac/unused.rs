//! `rbac unused`: what the cluster's roles and bindings give that nobody used.
//!
//! Promise: nothing is called unused that had no chance to be used in the window, and the window is told.

use std::process::ExitCode;

use audit::rbac::{self, BindingUse, CAVEAT, Rbac, State, Uses};
use clap::Args;
use insight::reports::usage::Usage;
use serde::Serialize;

use super::Roles;
use crate::exit::Failure;
use crate::moment;
use crate::print::{grouped, length};
use crate::report::Reporting;
use crate::table::Table;

/// `auditrail rbac unused`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Unused {
    #[command(flatten)]
    reporting: Reporting,
    #[command(flatten)]
    roles: Roles,
    /// How long the log must be for anything to be called unused.
    #[arg(long, value_name = "TIME", default_value = "30d")]
    window: chassis::Span,
    /// Show the bindings of Kubernetes itself (`system:...`) and those that are used to the full, too.
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    /// The first and the last request of the log.
    from: Option<String>,
    until: Option<String>,
    seconds: i64,
    used: usize,
    unused: usize,
    not_enough_data: usize,
    bindings: Vec<Row>,
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Row {
    kind: &'static str,
    /// Empty for a ClusterRoleBinding.
    namespace: String,
    name: String,
    role: String,
    subjects: Vec<String>,
    state: &'static str,
    why: String,
    requests: u64,
    last: Option<String>,
    /// Verbs that were not used, rule by rule.
    unused: Vec<RuleRow>,
}

#[derive(Debug, Serialize)]
struct RuleRow {
    rule: usize,
    verbs: Vec<String>,
    on: Vec<String>,
}

impl Unused {
    /// Exit 0, or 1 when some of the events could not be read.
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let rbac = self.roles.required()?;
        let answer = self.reporting.answer::<Usage>()?;
        let wanted = i64::try_from(self.window.duration().as_micros()).unwrap_or(i64::MAX);
        let uses = answer.fold.all();
        let found = rbac::unused(&rbac, &uses, wanted);
        let report = self.report(&rbac, &uses, &found);
        self.reporting.tell(&report, answer.incomplete, tables)
    }

    fn report(&self, rbac: &Rbac, uses: &Uses, found: &[BindingUse]) -> Report {
        let own = |one: &BindingUse| rbac.objects().bindings[one.binding].name.starts_with("system:");
        let shown: Vec<&BindingUse> = found.iter().filter(|one| self.all || !own(one)).collect();
        let count = |state: State| shown.iter().filter(|one| one.state == state).count();
        let mut notes = vec![CAVEAT.to_owned()];
        if shown.len() < found.len() {
            let hidden = found.len() - shown.len();
            notes.push(format!("{hidden} bindings of Kubernetes itself (system:...) are not shown: --all"));
        }
        let span = uses.span();
        let full = |row: &Row| row.state == "used" && row.unused.is_empty();
        Report {
            from: span.map(|(from, _)| moment::written(from)),
            until: span.map(|(_, until)| moment::written(until)),
            seconds: span.map_or(0, |(from, until)| (until - from) / 1_000_000),
            used: count(State::Used),
            unused: count(State::Unused),
            not_enough_data: count(State::NotEnoughData),
            bindings: shown.iter().map(|one| row(rbac, one)).filter(|row| self.all || !full(row)).collect(),
            notes,
        }
    }
}

fn row(rbac: &Rbac, one: &BindingUse) -> Row {
    let binding = &rbac.objects().bindings[one.binding];
    let rules = rbac.rules_of(one.binding);
    let unused = one.rules.iter().filter(|rule| !rule.unused.is_empty()).map(|rule| {
        let of = &rules[rule.rule];
        RuleRow {
            rule: rule.rule,
            verbs: rule.unused.iter().cloned().collect(),
            on: of.resources.iter().chain(&of.non_resource_urls).cloned().collect(),
        }
    });
    Row {
        kind: binding.kind(),
        namespace: binding.namespace.clone(),
        name: binding.name.clone(),
        role: format!("{} {}", binding.role_kind.name(), binding.role),
        subjects: binding
            .subjects
            .iter()
            .map(|subject| subject.within(&binding.namespace).to_string())
            .collect(),
        state: match one.state {
            State::Used => "used",
            State::Unused => "unused",
            State::NotEnoughData => "not enough data",
        },
        why: one.why.clone(),
        requests: one.requests,
        last: one.last.map(moment::written),
        unused: unused.collect(),
    }
}

fn tables(report: &Report) -> Vec<Table> {
    let rows = report.bindings.iter().map(|row| {
        let place = if row.namespace.is_empty() { "(cluster)" } else { &row.namespace };
        let verbs = row.unused.iter().map(|rule| format!("{} {}", rule.verbs.join(","), rule.on.join(",")));
        let state =
            if row.why.is_empty() { row.state.to_owned() } else { format!("{}: {}", row.state, row.why) };
        let verbs = if row.state == "unused" { "everything".to_owned() } else { brief(verbs.collect()) };
        vec![
            row.name.clone(),
            place.to_owned(),
            row.role.clone(),
            row.subjects.join(", "),
            state,
            grouped(row.requests),
            row.last.clone().unwrap_or_default(),
            verbs,
        ]
    });
    let title = format!(
        "Bindings in {} of log: {} used, {} unused, {} without enough data",
        length(report.seconds),
        report.used,
        report.unused,
        report.not_enough_data
    );
    let columns = vec!["binding", "namespace", "role", "to", "state", "#requests", "last", "not used"];
    vec![Table { title, columns, rows: rows.collect(), notes: report.notes.clone() }]
}

/// The first few, and how many more.
fn brief(texts: Vec<String>) -> String {
    const SHOWN: usize = 4;
    let more = texts.len().saturating_sub(SHOWN);
    let shown = texts[..texts.len() - more].join("; ");
    if more == 0 { shown } else { format!("{shown}; and {more} more rules") }
}
