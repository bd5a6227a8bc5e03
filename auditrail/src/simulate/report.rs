//! A simulation as JSON.
//!
//! Promise: what the text says, in full: every rule, also those that matched nothing.

use audit::simulate::{Amount, Change, Sample, Side, Tally};
use audit::{Level, Stage, Top};
use serde_json::{Value, json};

use super::{Simulated, unknown};
use crate::{moment, price};

/// How many users are named for a rule or a change.
pub(super) const USERS: usize = 5;

/// The whole document.
pub(super) fn report(simulated: &Simulated<'_>) -> Value {
    let Simulated { simulation, pricing, bad, .. } = simulated;
    let recorded = simulation.recorded();
    let mut report = json!({
        "recorded": {
            "events": recorded.amount.events,
            "bytes": recorded.amount.bytes,
            "notEvents": bad.count,
            "oldest": recorded.times.map(|times| moment::written(times.0)),
            "newest": recorded.times.map(|times| moment::written(times.1)),
            "seconds": recorded.times.map(|times| (times.1 - times.0) as f64 / 1e6),
        },
        "month": { "days": price::MONTH_DAYS, "factor": pricing.factor },
        "policies": (0..simulation.sides().len()).map(|index| policy(simulated, index)).collect::<Vec<_>>(),
        "unknown": unknown::sentences(simulated),
    });
    if let Some(watched) = simulated.watched {
        report["watchedSeconds"] = watched.as_secs_f64().into();
    }
    if simulation.sides().len() == 2 {
        let difference = simulation.difference();
        report["difference"] = json!({
            "appears": change(simulated, &difference.appears),
            "disappears": change(simulated, &difference.disappears),
            "grows": change(simulated, &difference.grows),
            "shrinks": change(simulated, &difference.shrinks),
        });
    }
    report
}

fn policy(simulated: &Simulated<'_>, index: usize) -> Value {
    let side = &simulated.simulation.sides()[index];
    let (seen, written) = side.total();
    let rules = side.rules().map(|(rule, tally)| row(simulated, index, side, rule, tally));
    json!({
        "policy": simulated.names[index],
        "events": seen.events,
        "bytesIn": seen.bytes,
        "kept": written.events,
        "bytesOut": written.bytes,
        "usdPerMonth": simulated.pricing.monthly(written),
        "belowLevel": side.below(),
        "rules": rules.collect::<Vec<_>>(),
    })
}

fn row(simulated: &Simulated<'_>, index: usize, side: &Side, rule: Option<usize>, tally: &Tally) -> Value {
    let policy = &simulated.policies[index];
    json!({
        "rule": rule,
        "line": rule.and_then(|rule| policy.rule_line(rule)),
        "level": rule.and_then(|rule| policy.rule_level(rule)).unwrap_or(Level::None).name(),
        "events": tally.seen.events,
        "bytesIn": tally.seen.bytes,
        "kept": tally.written.events,
        "bytesOut": tally.written.bytes,
        "stageOmitted": tally.stage_omitted,
        "belowLevel": tally.below,
        "share": simulated.pricing.share(tally.written, side.total().1),
        "usdPerMonth": simulated.pricing.monthly(tally.written),
        "topUsers": users(&tally.users),
        "samples": samples(tally.samples()),
    })
}

fn change(simulated: &Simulated<'_>, change: &Change) -> Value {
    let amount = |amount: Amount| {
        json!({
            "events": amount.events,
            "bytes": amount.bytes,
            "usdPerMonth": simulated.pricing.monthly(amount),
        })
    };
    json!({
        "before": amount(change.before),
        "after": amount(change.after),
        "topUsers": users(&change.users),
        "samples": samples(change.samples()),
    })
}

fn users(top: &Top) -> Vec<Value> {
    let user = |place: &audit::Place| {
        json!({
            "user": place.name,
            "events": place.amount.events,
            "bytes": place.amount.bytes,
            "mayHaveMore": place.missed,
        })
    };
    top.first(USERS).into_iter().map(user).collect()
}

fn samples(samples: &[Sample]) -> Vec<Value> {
    let sample = |sample: &Sample| {
        json!({
            "auditID": sample.audit_id,
            "stage": Stage::name(sample.stage),
            "verb": sample.verb,
            "resource": sample.resource,
            "namespace": sample.namespace,
            "name": sample.name,
        })
    };
    samples.iter().map(sample).collect()
}
