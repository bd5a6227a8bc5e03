//! `policy explain`: for each event which rule decides, and why no earlier one does.
//!
//! Promises: with `--json` exactly one object per input line, also for lines that are no events; an event that was
//! asked for by its audit ID and is not there is an error, not silence.

mod routes;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::anyhow;
use audit::{Attributes, Decision, Event, Level, Policy};
use serde::Serialize;
use serde_json::json;

use crate::cli::Explain;
use crate::exit::Failure;
use crate::filter::Out;
use crate::recorded::Line;
use crate::recording::Recording;
use crate::{policy_file, say, spelt};
use router::{Explainer, Explanation};

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
    /// Where it goes, when a configuration says that.
    #[serde(flatten)]
    routing: Option<Explanation>,
}

/// How a policy is explained.
struct Explaining {
    policy: Policy,
    router: Option<Explainer>,
    json: bool,
    audit_id: Option<String>,
}

/// Exit 0, or 1 when no event has the audit ID that was asked for, or a file could not be read to its end.
///
/// # Errors
/// A policy that kube-apiserver refuses, or a bad configuration, ends with 64, nothing read.
pub(crate) fn explain(arguments: &Explain) -> Result<ExitCode, Failure> {
    let recording = Recording {
        files: arguments.events.clone(),
        lake: arguments.lake.clone(),
        reach: arguments.reach.clone(),
        ..Recording::default()
    };
    let explaining = Explaining::read(arguments, &recording)?;
    let mut source = recording.find()?;
    if let Some(id) = &arguments.audit_id {
        source = source.with_audit_id(id)?;
    }
    let (mut out, mut found, mut incomplete) = (Out::stdout(), false, false);
    let all = source.each_line(&Arc::default(), |place, line| {
        if let Some(why) = line.bytes.as_ref().err().filter(|why| why.ends_the_file()) {
            say::aside(&format!("{place}:{}: {why}", line.number));
            incomplete = true;
        }
        if let Some(text) = explaining.explain(place, &line) {
            found = true;
            out.line(text.as_bytes())?;
        }
        Ok(())
    });
    say::unless_enough(all.and_then(|()| out.flush()))?;
    match &arguments.audit_id {
        Some(id) if !found => Err(anyhow!("no event here has the audit ID `{id}`").into()),
        _ => Ok(ExitCode::from(u8::from(incomplete))),
    }
}

impl Explaining {
    fn read(arguments: &Explain, recording: &Recording) -> Result<Explaining, Failure> {
        let config = arguments.config.as_deref().map(routes::read).transpose().map_err(Failure::usage)?;
        let its_policy = config.as_ref().and_then(|config| config.policy.clone());
        let path = arguments.policy.clone().or(its_policy).ok_or_else(|| {
            Failure::usage(anyhow!("the configuration has no router.policy: name a policy with --policy"))
        })?;
        if policy_file::is_stdin(&path) && recording.reads_stdin() {
            return Err(Failure::usage(anyhow!(
                "stdin cannot be both policy and events: name a file for one"
            )));
        }
        let policy = policy_file::load(&path, arguments.target_version)?;
        let named = || (policy_file::name(&path).into(), policy.clone());
        let router = config.map(|config| Explainer::load(&config, Some(named())));
        let router = router.transpose().map_err(Failure::usage)?;
        Ok(Explaining { policy, router, json: arguments.json, audit_id: arguments.audit_id.clone() })
    }

    /// The words on a line, if it is asked for.
    fn explain(&self, place: &str, line: &Line<'_>) -> Option<String> {
        if let Some(id) = &self.audit_id {
            event(line).ok().filter(|event| event.audit_id() == id.as_str())?;
        }
        if self.json {
            return Some(self.as_json(line));
        }
        let mut text = as_text(&self.policy, place, line);
        if let (Some(router), Ok(event)) = (&self.router, event(line)) {
            let lines = routes::in_words(&router.explain(event.line()));
            lines.iter().for_each(|line| text.push_str(&format!("\n    {line}")));
        }
        Some(text)
    }

    fn as_json(&self, line: &Line<'_>) -> String {
        match event(line) {
            Ok(event) => {
                let decision = self.policy.decide(&Attributes::of(&event));
                let routing = self.router.as_ref().map(|router| router.explain(event.line()));
                let told = serde_json::to_string(&Explained { routing, ..Explained::of(&event, &decision) });
                spelt::json(told.expect("an answer of plain fields is JSON"))
            }
            Err(error) => json!({"line": line.number, "error": error}).to_string(),
        }
    }
}

fn event<'a>(line: &Line<'a>) -> Result<Event<'a>, String> {
    let bytes = line.bytes.clone().map_err(|why| why.to_string())?;
    Event::scan(bytes).map_err(|why| why.to_string())
}

fn as_text(policy: &Policy, place: &str, line: &Line<'_>) -> String {
    let event = match event(line) {
        Ok(event) => event,
        Err(error) => return format!("{place}:{}: {error}", line.number),
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
            routing: None,
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
