//! `rbac unused`: what the cluster's roles and bindings give that nobody used.
//!
//! Promise: nothing is called unused that had no chance to be used in the window, and the window is told.

use std::process::ExitCode;

use audit::rbac::{self, BindingUse, CAVEAT, Part, Rbac, RuleUse, State, Uses};
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
    /// What was not used, rule by rule.
    unused: Vec<RuleRow>,
}

/// A part of a rule that was not used.
#[derive(Debug, Serialize)]
struct RuleRow {
    rule: usize,
    verbs: Vec<String>,
    on: Vec<String>,
    /// Only objects of these names; empty for all.
    names: Vec<String>,
    /// What of it was used all the same, of a part with wildcards.
    but_for: Vec<String>,
    /// How much more of it was used.
    but_for_more: usize,
}

/// The most uses of a part with wildcards that are named.
const NAMED: usize = 20;

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
        notes.extend(super::beyond(uses));
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
    let unused = one.rules.iter().flat_map(|rule| rule_rows(&rules[rule.rule], rule));
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

fn rule_rows(of: &rbac::Rule, rule: &RuleUse) -> Vec<RuleRow> {
    let row = |part: &Part, names: &[String]| RuleRow {
        rule: rule.rule,
        verbs: part.verbs.clone(),
        on: part.on.clone(),
        names: names.to_vec(),
        but_for: Vec::new(),
        but_for_more: 0,
    };
    let mut rows: Vec<RuleRow> = rule.unused.iter().map(|part| row(part, &[])).collect();
    if !rule.unused_names.is_empty() {
        let all = Part { verbs: of.verbs.clone(), on: of.resources.clone() };
        rows.push(row(&all, &rule.unused_names));
    }
    rows.extend(rule.wide.iter().map(|part| RuleRow {
        but_for: rule.of_wide.iter().take(NAMED).cloned().collect(),
        but_for_more: rule.of_wide.len().saturating_sub(NAMED),
        ..row(part, &[])
    }));
    rows
}

impl RuleRow {
    /// `get,list secrets`, `get pods (a, b)`, `* * but for get pods`.
    fn line(&self) -> String {
        let mut text = format!("{} {}", self.verbs.join(","), self.on.join(","));
        if !self.names.is_empty() {
            text.push_str(&format!(" ({})", short(&self.names, 0)));
        }
        if !self.but_for.is_empty() {
            text.push_str(&format!(" but for {}", short(&self.but_for, self.but_for_more)));
        }
        text
    }
}

fn tables(report: &Report) -> Vec<Table> {
    let rows = report.bindings.iter().map(|row| {
        let place = if row.namespace.is_empty() { "(cluster)" } else { &row.namespace };
        let lines: Vec<String> = row.unused.iter().map(RuleRow::line).collect();
        let state =
            if row.why.is_empty() { row.state.to_owned() } else { format!("{}: {}", row.state, row.why) };
        let unused = if row.state == "unused" { "everything".to_owned() } else { brief(&lines) };
        vec![
            row.name.clone(),
            place.to_owned(),
            row.role.clone(),
            row.subjects.join(", "),
            state,
            grouped(row.requests),
            row.last.clone().unwrap_or_default(),
            unused,
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

/// How many parts of a binding's rules, and how many texts of a part, a row has.
const SHOWN: usize = 4;

/// The first few, and how many more.
fn brief(texts: &[String]) -> String {
    let more = texts.len().saturating_sub(SHOWN);
    let shown = texts[..texts.len() - more].join("; ");
    if more == 0 { shown } else { format!("{shown}; and {more} more parts") }
}

fn short(texts: &[String], more: usize) -> String {
    let shown = texts.len().min(SHOWN);
    let more = texts.len() - shown + more;
    let text = texts[..shown].join(", ");
    if more == 0 { text } else { format!("{text} and {} more", grouped(more as u64)) }
}
