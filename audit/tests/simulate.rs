//! Simulations of real events, held against lowering each of them.
#![allow(clippy::unwrap_used)] // a test that cannot read its truth has failed

#[path = "recorded/lines.rs"]
mod fixtures;

use audit::simulate::{Amount, Difference};
use audit::{Attributes, Event, Level, Lowered, Policy, Simulation, Stage, lower};

const FULL: &str = "apiVersion: audit.k8s.io/v1\nrules: [{level: RequestResponse}]\n";
const LEAN: &str = "apiVersion: audit.k8s.io/v1\nomitStages: [RequestReceived]\nrules:\n\
    - {level: None, users: ['system:apiserver']}\n- {level: Metadata, verbs: [create, get]}\n";

fn policies(texts: &[&str]) -> Vec<Policy> {
    texts.iter().map(|text| Policy::load(text).unwrap().policy).collect()
}

fn recording() -> Vec<Vec<u8>> {
    fixtures::lines("../../tests/fixtures/twin-superset.log.zst")
}

fn replay<'p>(policies: &'p [Policy], lines: &[Vec<u8>]) -> Simulation<'p> {
    let mut simulation = Simulation::of(policies);
    lines.iter().for_each(|line| simulation.add(&Event::scan(line).unwrap()));
    simulation
}

#[test]
fn every_event_is_counted_under_exactly_one_rule_or_none() {
    let (policies, lines) = (policies(&[FULL, LEAN]), recording());
    let simulation = replay(&policies, &lines);
    let bytes: usize = lines.iter().map(|line| line.len() + 1).sum();
    let all = Amount { events: lines.len() as u64, bytes: bytes as u64 };
    assert_eq!(simulation.recorded().amount, all);
    for side in simulation.sides() {
        assert_eq!(side.total().0, all);
    }
    assert_eq!(simulation.sides()[1].rules().count(), 3);
    assert!(simulation.sides()[1].rules().all(|(_, tally)| tally.seen.events > 0), "a good example has all");
}

#[test]
fn what_is_written_is_what_lowering_writes() {
    let (policies, lines) = (policies(&[LEAN]), recording());
    let mut written = Amount::default();
    for line in &lines {
        let event = Event::scan(line).unwrap();
        let mut out = Vec::new();
        let bytes = match lower(&event, &policies[0].decide(&Attributes::of(&event)), &mut out) {
            Lowered::Dropped(_) => continue,
            Lowered::Whole => line.len(),
            Lowered::Spliced => out.len(),
        };
        written.add(Amount { events: 1, bytes: bytes as u64 + 1 });
    }
    assert_eq!(replay(&policies, &lines).sides()[0].total().1, written);
}

#[test]
fn the_difference_leads_from_the_first_policy_to_the_second() {
    let (policies, lines) = (policies(&[FULL, LEAN]), recording());
    let simulation = replay(&policies, &lines);
    let Difference { appears, disappears, grows, shrinks } = simulation.difference();
    let [full, lean] = simulation.sides() else { panic!("two policies") };
    assert_eq!((appears.after.events, grows.after.events), (0, 0));
    assert_eq!(full.total().1.without(disappears.before).events, lean.total().1.events);
    let lost = disappears.before.bytes + shrinks.before.without(shrinks.after).bytes;
    assert_eq!(full.total().1.bytes - lost, lean.total().1.bytes);
    assert!(!disappears.samples().is_empty() && !shrinks.users.first(1).is_empty());
}

#[test]
fn the_simulations_of_parts_merge_to_that_of_the_whole() {
    let (policies, lines) = (policies(&[LEAN, FULL]), recording());
    let whole = replay(&policies, &lines);
    let mut merged = Simulation::of(&policies);
    lines.chunks(97).for_each(|part| merged.merge(replay(&policies, part)));
    assert_eq!(merged.recorded(), whole.recorded());
    for (merged, whole) in merged.sides().iter().zip(whole.sides()) {
        for ((rule, merged), (_, whole)) in merged.rules().zip(whole.rules()) {
            assert_eq!((merged.seen, merged.written, merged.below), (whole.seen, whole.written, whole.below));
            assert_eq!(merged.samples(), whole.samples(), "rule {rule:?}");
            assert_eq!(merged.users.first(5), whole.users.first(5), "rule {rule:?}");
        }
    }
    assert_eq!(merged.difference().appears.after, whole.difference().appears.after);
}

#[test]
fn an_event_below_the_level_that_is_asked_for_is_counted_as_such() {
    let policies = policies(&[FULL, LEAN]);
    let line = br#"{"level":"Metadata","stage":"ResponseComplete","verb":"get","user":{}}"#.to_vec();
    let simulation = replay(&policies, &[line]);
    assert_eq!((simulation.sides()[0].below(), simulation.sides()[1].below()), (1, 0));
    assert_eq!(simulation.recorded().of_stage(Stage::ResponseComplete), 1);
    assert_eq!(simulation.recorded().of_level(Level::Metadata), 1);
}
