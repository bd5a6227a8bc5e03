//! Detections that a policy makes blind.
//!
//! Promise: a detection is called blind only when no request that it looks for, by anybody, is told of in the detail
//! and at a stage that it needs.

mod table;

use super::reach::{Answer, Reach, Target};
use super::{Findings, rules};
use crate::policy::document::Place;
use crate::policy::spec::{Names, PolicySpec};
use crate::{Decision, Level, Stage};
use std::collections::BTreeMap;
use table::{DETECTIONS, Detection};

/// One finding for each rule that hides something, and one for what no rule matches.
pub(super) fn check(spec: &PolicySpec, reach: &Reach<'_>, findings: &mut Findings) {
    let mut hidden: BTreeMap<Option<usize>, Vec<String>> = BTreeMap::new();
    for detection in DETECTIONS {
        if !can_fire(detection, spec, reach) {
            let decision = reach.ordinary(&detection.looks_for[0]);
            hidden.entry(decision.rule).or_default().push(sentence(detection, &decision));
        }
    }
    for (rule, sentences) in hidden {
        let message = format!(
            "{} of the detections that other products have cannot fire with this policy: {}",
            sentences.len(),
            sentences.join("; ")
        );
        findings.note("blind-detection", place(spec, rule), rule, message, FIX.to_owned());
    }
}

const FIX: &str = "put a rule of the level that the detection needs, for its verbs and resources, before the rule that hides it";

fn place(spec: &PolicySpec, rule: Option<usize>) -> Place {
    let place = |index: usize| spec.rules.value.get(index).map(|rule| rule.place);
    rule.or(spec.rules.value.len().checked_sub(1)).and_then(place).unwrap_or(Place::START)
}

fn can_fire(detection: &Detection, spec: &PolicySpec, reach: &Reach<'_>) -> bool {
    rules(spec).any(|(index, rule)| {
        let level = Level::from_name(rule.value.level.value.as_bytes());
        let tells = level.is_some_and(|level| level >= detection.needs)
            && detection
                .stages
                .iter()
                .any(|stage| !omits(&spec.omit_stages, *stage) && !omits(&rule.value.omit_stages, *stage));
        let reached = |target: &Target| !matches!(reach.target(index, target), Answer::Taken(_));
        tells && detection.looks_for.iter().any(reached)
    })
}

fn omits(stages: &Names, stage: Stage) -> bool {
    stages.value.iter().any(|omitted| omitted.value == stage.name())
}

fn sentence(detection: &Detection, decision: &Decision) -> String {
    let Detection { name, products, needs, .. } = detection;
    let target = &detection.looks_for[0];
    let what = if target.subresource.is_empty() {
        target.resource.to_owned()
    } else {
        format!("{}/{}", target.resource, target.subresource)
    };
    let doing = format!("{} {what}", target.verbs[0]);
    let why = match decision.rule {
        None => format!("no rule matches `{doing}`"),
        Some(rule) if decision.level < *needs => {
            let body = if *needs > Level::Metadata { ", and it reads the object" } else { "" };
            format!("rules[{rule}] tells of `{doing}` at {}{body}", decision.level.name())
        }
        Some(rule) => format!("rules[{rule}] omits the stages of `{doing}` that it reads"),
    };
    format!("\"{name}\" ({products}): {why}")
}
