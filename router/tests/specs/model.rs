//! The router's law, told in the plainest way: one line, one destination, one route after the other.

use audit::{Attributes, Dropped, Event, Lowered, Policy, lower};
use router::Config;

/// The line that a destination gets, or why it gets none.
pub(crate) fn expected(config: &Config, line: &[u8], destination: &str) -> Result<Vec<u8>, String> {
    let routes = config.routes.iter().filter(|route| route.to.iter().any(|name| name == destination));
    if Event::scan(line).is_err() {
        let taken = routes.into_iter().any(|route| route.condition.is_none());
        return if taken { Ok(line.to_vec()) } else { Err("no route".to_owned()) };
    }
    let line = match &config.policy {
        Some(path) => under(path, line).map_err(|omitted| format!("policy {omitted}"))?,
        None => line.to_vec(),
    };
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
