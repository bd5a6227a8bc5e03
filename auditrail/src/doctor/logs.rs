//! Whether every configured log can be read, its rotated siblings included.

use collector::Surveyed;

use super::Subject;
use super::finding::Finding;
use crate::print;

const NAME: &str = "log";

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let config = &subject.placed.collector;
    if !config.enabled {
        let why = "collection is switched off (`enabled: false` or DD_LOGS_ENABLED=false); switch it on to read logs";
        return vec![Finding::warning(NAME, why)];
    }
    match collector::survey(config) {
        Err(error) => vec![Finding::error(NAME, &error.to_string())],
        Ok(logs) if logs.is_empty() => {
            let none = "no log is configured; name one under collector.logs, or with --path";
            vec![Finding::warning(NAME, none)]
        }
        Ok(logs) => logs.iter().flat_map(of_log).collect(),
    }
}

fn of_log(log: &Surveyed) -> Vec<Finding> {
    let errors = log.errors.iter().map(|error| Finding::error(NAME, error));
    let warnings = log.warnings.iter().map(|warning| Finding::warning(NAME, warning));
    let bad: Vec<Finding> = errors.chain(warnings).collect();
    if !bad.is_empty() {
        return bad;
    }
    let (path, size) = (log.path.display(), print::bytes(log.bytes));
    vec![Finding::ok(NAME, format!("{path}: readable, {size}, rotated siblings: {}", log.siblings))]
}
