//! What is said of metrics in the documentation: what each one is, and what to do when it moves.
//!
//! Promise: [`described`] gives every metric of a prefix that was declared, each with its advice, or says which one
//! lacks its advice and which advice is for nothing; so what is documented cannot differ from what is exported.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

use super::DECLARED;

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows while the process lives.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution: `_bucket`, `_sum` and `_count`.
    Histogram,
}

impl Kind {
    /// As Prometheus calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

/// A metric as it is documented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Its name, with `_total` where it is a counter.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// What tells its series apart.
    pub labels: &'static [&'static str],
    /// What it counts.
    pub help: &'static str,
    /// What to do when it moves.
    pub advice: &'static str,
}

impl Description {
    /// What is counted: the last word of the name that is a unit; `1` for a value without one.
    #[must_use]
    pub fn unit(&self) -> &str {
        const UNITS: [&str; 7] = ["seconds", "bytes", "events", "files", "batches", "letters", "requests"];
        let word = self.name.trim_end_matches("_total").rsplit('_').next().unwrap_or_default();
        UNITS.into_iter().find(|unit| *unit == word).unwrap_or("1")
    }
}

/// What a declaration says of itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said {
    pub(super) kind: Kind,
    pub(super) labels: &'static [&'static str],
    pub(super) help: &'static str,
}

/// Every declared metric whose name begins with `prefix`, by name, with its advice.
///
/// # Panics
/// When a metric has no advice, or an advice no metric: a mistake in the program, found by the test that writes the
/// documentation.
#[must_use]
pub fn described(prefix: &str, advice: &[(&'static str, &'static str)]) -> Vec<Description> {
    let declared = DECLARED.lock().unwrap_or_else(PoisonError::into_inner);
    let mut advice: BTreeMap<&str, &'static str> = advice.iter().copied().collect();
    let mut without = BTreeSet::new();
    let ours = declared.said.iter().filter(|(name, _)| name.starts_with(prefix));
    let described = ours.map(|(name, said)| {
        let total = if said.kind == Kind::Counter { "_total" } else { "" };
        let name = format!("{name}{total}");
        let advice = advice.remove(name.as_str()).unwrap_or_else(|| {
            without.insert(name.clone());
            ""
        });
        let Said { kind, labels, help } = *said;
        Description { name, kind, labels, help, advice }
    });
    let described: Vec<Description> = described.collect();
    drop(declared);
    assert!(without.is_empty(), "nobody says what to do when these move: {without:?}");
    assert!(advice.is_empty(), "advice for metrics that are not declared: {:?}", advice.keys());
    described
}

#[cfg(test)]
mod tests {
    use super::super::{counters, gauge};
    use super::*;

    const ADVICE: &[(&str, &str)] =
        &[("auditrail_described_lost_events_total", "Look."), ("auditrail_described_room_bytes", "Nothing.")];

    fn declare() {
        counters("auditrail_described_lost_events_total", "Lost", &["by"]);
        gauge("auditrail_described_room_bytes", "Room");
    }

    #[test]
    fn what_was_declared_is_described_with_its_labels_unit_and_advice() {
        declare();
        let told = described("auditrail_described_", ADVICE);
        let units: Vec<&str> = told.iter().map(Description::unit).collect();
        assert_eq!(units, ["events", "bytes"]);
        let lost = &told[0];
        assert_eq!(
            (lost.kind, lost.labels, lost.help, lost.advice),
            (Kind::Counter, &["by"][..], "Lost", "Look.")
        );
    }

    #[test]
    #[should_panic(expected = "nobody says what to do when these move: {\"auditrail_described_room_bytes\"}")]
    fn a_metric_without_advice_is_named() {
        declare();
        let _ = described("auditrail_described_", &ADVICE[..1]);
    }

    #[test]
    #[should_panic(expected = "advice for metrics that are not declared: [\"auditrail_gone\"]")]
    fn advice_for_nothing_is_named() {
        declare();
        let _ = described("auditrail_described_", &[ADVICE, &[("auditrail_gone", "")]].concat());
    }
}
