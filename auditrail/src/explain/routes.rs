//! Where an event goes from a router, in words.
//!
//! Promise: what the router itself says of the event, step by step: processing rules, repeats, each route with its
//! policy, sample and redactions, and what each destination gets or why it gets nothing.

use std::path::Path;

use chassis::Configuration;
use router::{DestinationAnswer, Explanation, Keeps, OwnPolicy, RouteAnswer, SampleAnswer};

/// The router's section of a configuration file.
///
/// # Errors
/// When the file or a policy that it names is not good.
pub(super) fn read(file: &Path) -> anyhow::Result<router::Config> {
    let configuration = Configuration::read(Some(file), chassis::config::environment()?)?;
    Ok(configuration.section()?)
}

/// A line per step.
pub(super) fn in_words(explanation: &Explanation) -> Vec<String> {
    let mut lines: Vec<String> =
        explanation.masked_by.iter().map(|rule| format!("processing rule {rule} masks it")).collect();
    let mut reached: Vec<&str> = Vec::new();
    for answer in &explanation.routes {
        lines.push(format!("route {}: {}", answer.route, route(answer, &mut reached)));
    }
    lines.extend(destinations(explanation));
    if explanation.dedupe_window > 0 && explanation.destinations.iter().any(|to| to.kept) {
        let window = explanation.dedupe_window;
        lines.push(format!(
            "left out as a repeat if the same line is among the last {window} (dedupe_window)"
        ));
    }
    lines
}

/// What a route says, and which destinations get the event by it; `reached` have it already.
fn route<'a>(answer: &'a RouteAnswer, reached: &mut Vec<&'a str>) -> String {
    let mut said = match (&answer.cause, &answer.policy) {
        (Some(cause), _) if cause == "no route" => return "does not match".to_owned(),
        (Some(_), _) if answer.sample.is_some_and(|sample| sample.keeps == Keeps::No) => {
            "leaves it out".to_owned()
        }
        (Some(cause), Some(policy)) => format!("leaves it out: {}", by_own_policy(answer, cause, policy)),
        (Some(cause), None) => format!("leaves it out: {cause}"),
        (None, Some(policy)) => {
            format!("takes it at level {}, {}", answer.level.unwrap_or_default(), rule(policy))
        }
        (None, None) => "takes it as it is".to_owned(),
    };
    said.extend(answer.sample.map(sample));
    for redacted in &answer.redacts {
        said.push_str(&format!(", redacts {} in {}", redacted.what, redacted.fields.join(" and ")));
    }
    if !answer.takes {
        return said;
    }
    let to = || answer.to.iter().chain(&answer.best_effort).map(String::as_str);
    let news: Vec<&str> = to().filter(|to| !reached.contains(to)).collect();
    match news.is_empty() {
        true => {
            let all = to().collect::<Vec<_>>().join(", ");
            said.push_str(&format!(", to destinations that have it already: {all}"));
        }
        false => said.push_str(&format!(", to {}", news.join(", "))),
    }
    reached.extend(news);
    said
}

/// The cause is that of accounts, which hold the route's name and no line of a file.
fn by_own_policy(answer: &RouteAnswer, cause: &str, policy: &OwnPolicy) -> String {
    match cause.strip_prefix(&format!("route {} ", answer.route)) {
        None => cause.to_owned(),
        Some(stage) if stage.starts_with("stage ") => format!("{stage} is omitted, {}", rule(policy)),
        Some(_) => rule(policy),
    }
}

fn rule(policy: &OwnPolicy) -> String {
    match (policy.rule, policy.line) {
        (Some(rule), Some(line)) => format!("rule {rule} (line {line}) of {}", policy.file),
        (Some(rule), None) => format!("rule {rule} of {}", policy.file),
        (None, _) => format!("no rule of {}", policy.file),
    }
}

fn sample(SampleAnswer { share, keeps }: SampleAnswer) -> String {
    let why = match keeps {
        Keeps::Always => "always kept: a refusal, a write or a command",
        Keeps::Yes => "kept",
        Keeps::No => "not kept",
        Keeps::Unknown => {
            "kept or not by the router's own key; name one in router.redact_key_file, and it is known here too"
        }
    };
    format!(", sample {share} ({why})")
}

/// Where it goes in the end, and where not.
fn destinations(explanation: &Explanation) -> Vec<String> {
    let (kept, left): (Vec<_>, Vec<_>) = explanation.destinations.iter().partition(|to| to.kept);
    let cause = |to: &DestinationAnswer| to.cause.clone().unwrap_or_default();
    let Some((first, others)) = kept.split_first() else {
        let mut causes: Vec<String> = left.into_iter().map(cause).collect();
        causes.dedup();
        return match causes.as_slice() {
            [only] if only.starts_with("policy ") => {
                vec![format!("goes nowhere: the policy does not write it ({only})")]
            }
            causes => vec![format!("goes nowhere: {}", causes.join(", "))],
        };
    };
    let named = |to: &DestinationAnswer| {
        let how = if to.best_effort { "best effort" } else { "required" };
        let perhaps = if to.depends_on_sample { ", if its sample keeps it" } else { "" };
        format!("{} ({how}{perhaps})", to.destination)
    };
    let all = others.iter().fold(named(first), |all, to| format!("{all}, {}", named(to)));
    let mut lines = vec![format!("goes to {all}")];
    lines.extend(left.into_iter().map(|to| format!("not to {}: {}", to.destination, cause(to))));
    lines
}
