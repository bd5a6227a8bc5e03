//! Where the time of slow requests went, with a name.
//!
//! Promise: only what the API server says itself is told; the time that it does not account for is told as its own.

use std::collections::BTreeMap;

use serde::Serialize;

use super::cost::Parts;

/// A part of the time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Culprit {
    /// What took it.
    pub name: String,
    /// How long, in microseconds.
    pub us: u64,
    /// Of a thousand.
    pub per_mille: u64,
}

/// Where `us` went, the largest part first; nothing where the API server does not say.
pub(super) fn of(us: u64, spent: &BTreeMap<String, u64>) -> Vec<Culprit> {
    if spent.is_empty() {
        return Vec::new();
    }
    let mut named: BTreeMap<&str, u64> = BTreeMap::new();
    let writing = spent.get("response-write").copied().unwrap_or(0);
    for (key, us) in spent {
        // The response is written while it is serialized, and both are annotated.
        let us = if key == "serialize-response-object" { us.saturating_sub(writing) } else { *us };
        *named.entry(name(key)).or_default() += us;
    }
    let told: u64 = named.values().fold(0, |sum, us| sum.saturating_add(*us));
    named.insert("the API server itself", us.saturating_sub(told));
    let share = |part: u64| u64::try_from(u128::from(part) * 1000 / u128::from(us.max(1))).unwrap_or(1000);
    let mut culprits: Vec<Culprit> = named
        .into_iter()
        .filter(|(_, us)| *us > 0)
        .map(|(name, us)| Culprit { name: name.to_owned(), us, per_mille: share(us) })
        .collect();
    culprits.sort_by(|one, other| other.us.cmp(&one.us).then_with(|| one.name.cmp(&other.name)));
    culprits
}

/// Where the time of many requests went.
pub(super) fn of_all(parts: &Parts) -> Vec<Culprit> {
    of(parts.us, &parts.spent)
}

fn name(key: &str) -> &str {
    match key {
        "mutating-webhook" => "mutating webhooks",
        "validating-webhook" => "validating webhooks",
        "etcd" => "etcd",
        "apf-queue-wait" => "queue of priority and fairness",
        "response-write" => "slow client or network",
        "authentication" => "authentication",
        "authorization" => "authorization",
        "impersonation" => "impersonation",
        "decode-response-object" | "transform-response-object" | "serialize-response-object" => {
            "building the answer"
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_part_comes_first_and_writing_is_not_counted_twice() {
        let parts = [
            ("serialize-response-object", 3_000),
            ("response-write", 2_500),
            ("etcd", 900),
            ("from-a-later-release", 100),
        ];
        let spent = parts.map(|(key, us)| (key.to_owned(), us)).into();
        let culprits: Vec<_> = of(5_000, &spent).into_iter().map(|c| (c.name, c.us, c.per_mille)).collect();
        let of = |name: &str, us, per_mille| (name.to_owned(), us, per_mille);
        assert_eq!(
            culprits,
            [
                of("slow client or network", 2_500, 500),
                of("the API server itself", 1_000, 200),
                of("etcd", 900, 180),
                of("building the answer", 500, 100),
                of("from-a-later-release", 100, 20),
            ]
        );
    }
}
