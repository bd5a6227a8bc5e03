//! Rules that no request can reach.
//!
//! Promise: only what is proven is reported: of every request that could tell the rule from the earlier ones one of
//! these takes it; or, where those requests are too many to look at, one earlier rule accepts every value of each
//! attribute that this one accepts.

use super::reach::{Answer, Reach};
use super::{Findings, rules};
use crate::policy::spec::PolicySpec;

/// How many rules a message names.
const SHOWN: usize = 5;

/// Compares every rule with all rules before it.
pub(super) fn check(spec: &PolicySpec, reach: &Reach<'_>, findings: &mut Findings) {
    for (index, rule) in rules(spec) {
        let Answer::Taken(earlier) = reach.rule(index) else {
            continue;
        };
        // Nothing is taken from a rule that can match nothing by itself; other findings tell of that.
        let Some(first) = earlier.first() else {
            continue;
        };
        let named: Vec<String> = earlier.iter().take(SHOWN).map(|earlier| named(*earlier, spec)).collect();
        let more = if earlier.len() > SHOWN { ", and others" } else { "" };
        let verb = if earlier.len() == 1 { "matches" } else { "together match" };
        let message = format!(
            "rules[{index}] is never reached: {}{more} {verb} every request that it matches",
            named.join(", ")
        );
        let fix = format!("move rules[{index}] before rules[{first}], or remove it");
        findings.warning("shadowed-rule", rule.place, Some(index), message, fix);
    }
}

fn named(index: usize, spec: &PolicySpec) -> String {
    format!("rules[{index}] (line {})", spec.rules.value[index].place.line)
}
