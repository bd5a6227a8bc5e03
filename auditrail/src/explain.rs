//! `policy explain`: for each event which rule decides, and why no earlier one does.
//!
//! Promise: with `--json` exactly one object per input line, also for lines that are no events.

use std::process::ExitCode;

use audit::{Attributes, Decision, Event, Level, Policy};
use serde::Serialize;
use serde_json::json;

use crate::cli::Explain;
use crate::exit::Failure;
use crate::filter;
use crate::recorded::{Line, Place};

/// What the policy decides about one event. `level` is the policy's, not the event's.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Explained {
    #[serde(rename = "auditID")]
    audit_id: String,
    stage: &'static str,
    rule: Option<usize>,
    level: &'static str,
    omit_stages: Vec<&'static str>,
    omit_managed_fields: bool,
    kept: bool,
}

/// Exit 0.
///
/// # Errors
/// A policy that kube-apiserver refuses ends with 64, nothing read.
pub(crate) fn explain(arguments: &Explain) -> Result<ExitCode, Failure> {
    filter::lines(&arguments.policy, &arguments.events, |policy, place, line, out| {
        let text = if arguments.json { as_json(policy, line) } else { as_text(policy, place, line) };
        out.line(text.as_bytes())
    })?;
    Ok(ExitCode::SUCCESS)
}

fn event<'a>(line: &Line<'a>) -> Result<Event<'a>, String> {
    let bytes = line.bytes.map_err(|too_long| too_long.to_string())?;
    Event::scan(bytes).map_err(|why| why.to_string())
}

fn as_json(policy: &Policy, line: &Line<'_>) -> String {
    match event(line) {
        Ok(event) => {
            let decision = policy.decide(&Attributes::of(&event));
            serde_json::to_string(&Explained::of(&event, &decision))
                .expect("an answer of plain fields is JSON")
        }
        Err(error) => json!({"line": line.number, "error": error}).to_string(),
    }
}

fn as_text(policy: &Policy, place: &Place, line: &Line<'_>) -> String {
    let event = match event(line) {
        Ok(event) => event,
        Err(error) => return format!("{}:{}: {error}", place.name(), line.number),
    };
    let attributes = Attributes::of(&event);
    let decision = policy.decide(&attributes);
    let explained = Explained::of(&event, &decision);
    let mut text = explained.in_words(decision.rule.and_then(|rule| policy.rule_line(rule)));
    for reason in policy.why(&attributes) {
        let line = policy.rule_line(reason.rule).unwrap_or_default();
        text.push_str(&format!("\n    not rule {} (line {line}): {}", reason.rule, reason.why));
    }
    text
}

impl Explained {
    fn of(event: &Event<'_>, decision: &Decision) -> Self {
        let kept = decision.level != Level::None && !decision.omit_stages.contains(event.stage());
        Explained {
            audit_id: event.audit_id().into_owned(),
            stage: event.stage().name(),
            rule: decision.rule,
            level: decision.level.name(),
            omit_stages: sorted(decision),
            omit_managed_fields: decision.omit_managed_fields,
            kept,
        }
    }

    fn in_words(&self, line: Option<usize>) -> String {
        let rule = match (self.rule, line) {
            (Some(rule), Some(line)) => format!("rule {rule} (line {line})"),
            (Some(rule), None) => format!("rule {rule}"),
            (None, _) => "no rule".to_owned(),
        };
        let stages = if self.omit_stages.is_empty() { "none".into() } else { self.omit_stages.join(",") };
        format!(
            "{} {}: {rule}, level {}, omitStages {stages}, omitManagedFields {}, {}",
            self.audit_id,
            self.stage,
            self.level,
            self.omit_managed_fields,
            if self.kept { "kept" } else { "not written" }
        )
    }
}

fn sorted(decision: &Decision) -> Vec<&'static str> {
    let mut names: Vec<_> = decision.omit_stages.iter().map(audit::Stage::name).collect();
    names.sort_unstable();
    names
}
