//! The router's law, told in the plainest way: one line, one destination, one route after the other.

use audit::{Attributes, Dropped, Event, Lowered, Policy, lower};
use chassis::datadog::RuleType;
use router::Config;

/// The line that a destination gets, or why it gets none.
pub(crate) fn expected(config: &Config, line: &[u8], destination: &str) -> Result<Vec<u8>, String> {
    let routes = config.routes.iter().filter(|route| route.to.iter().any(|name| name == destination));
    if Event::scan(line).is_err() {
        let taken = routes.into_iter().any(|route| route.condition.is_none());
        let line = processed(config, line.to_vec())?;
        return if taken { Ok(line) } else { Err("no route".to_owned()) };
    }
    let line = match &config.policy {
        Some(path) => under(path, line).map_err(|omitted| format!("policy {omitted}"))?,
        None => line.to_vec(),
    };
    let line = processed(config, line)?;
    let event = Event::scan(&line).unwrap();
    let mut cause = None;
    for route in routes {
        let matches = |condition: &audit::Match| condition.matches(&event, &Attributes::of(&event));
        if !route.condition.as_ref().is_none_or(matches) {
            continue;
        }
        match route.policy.as_ref().map_or_else(|| Ok(line.clone()), |path| under(path, &line)) {
            Ok(line) => return Ok(line),
            Err(omitted) => _ = cause.get_or_insert(format!("route {} {omitted}", route.name)),
        }
    }
    Err(cause.unwrap_or_else(|| "no route".to_owned()))
}

/// What the processing rules leave of a line; their patterns are plain text here.
fn processed(config: &Config, line: Vec<u8>) -> Result<Vec<u8>, String> {
    let is_event =
        |text: &str| Event::scan(text.as_bytes()).is_ok() && audit::is_json_object(text.as_bytes());
    let before = String::from_utf8(line).unwrap();
    let (mut text, mut last) = (before.clone(), "");
    for rule in &config.processing_rules {
        match (rule.kind, text.contains(&rule.pattern)) {
            (RuleType::ExcludeAtMatch, true) | (RuleType::IncludeAtMatch, false) => {
                return Err(format!("processing rule {}", rule.name));
            }
            (RuleType::MaskSequences, true) => {
                text = text.replace(&rule.pattern, rule.replace_placeholder.as_ref().unwrap());
                last = &rule.name;
            }
            _ => {}
        }
    }
    let is_spoiled = is_event(&before) && !is_event(&text);
    if is_spoiled { Err(format!("spoiled by processing rule {last}")) } else { Ok(text.into_bytes()) }
}

/// The line as the policy in this file leaves it.
fn under(path: &std::path::Path, line: &[u8]) -> Result<Vec<u8>, String> {
    let policy = Policy::load(&std::fs::read_to_string(path).unwrap()).unwrap().policy;
    let event = Event::scan(line).unwrap();
    let mut out = Vec::new();
    match lower(&event, &policy.decide(&Attributes::of(&event)), &mut out) {
        Lowered::Whole => Ok(line.to_vec()),
        Lowered::Spliced => Ok(out),
        Lowered::Dropped(Dropped::ByRule(rule)) => Err(format!("rule {rule}")),
        Lowered::Dropped(Dropped::NoRule) => Err("no rule".to_owned()),
        Lowered::Dropped(Dropped::StageOmitted { stage, .. }) => Err(format!("stage {}", stage.name())),
    }
}
