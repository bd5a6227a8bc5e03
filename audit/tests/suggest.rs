//! Suggestions from real recordings, held against lint and simulation.
#![allow(clippy::unwrap_used)] // a test that cannot read its truth has failed

#[path = "recorded/lines.rs"]
mod fixtures;

use audit::lint::{self, Severity};
use audit::suggest::{Census, Proposal};
use audit::{Attributes, Event, Level, Policy, Simulation};

fn recordings() -> Vec<Vec<Vec<u8>>> {
    ["small", "twin-superset", "real"]
        .map(|name| fixtures::lines(&format!("../../tests/fixtures/{name}.log.zst")))
        .into()
}

fn census(lines: &[Vec<u8>]) -> Census {
    let mut census = Census::default();
    lines.iter().for_each(|line| census.add(&Event::scan(line).unwrap()));
    census
}

fn loaded(proposal: &Proposal) -> Policy {
    Policy::load(&proposal.text(|rule| rule.about.clone())).unwrap().policy
}

#[test]
fn a_suggestion_has_nothing_for_lint_to_find() {
    for lines in recordings() {
        let text = census(&lines).proposal().text(|rule| rule.about.clone());
        let found = lint::lint(&text);
        assert!(found.iter().all(|finding| finding.severity < Severity::Warning), "{found:?}: {text}");
    }
}

#[test]
fn a_simulation_of_a_suggestion_shows_what_was_promised() {
    for lines in recordings() {
        let proposal = census(&lines).proposal();
        let policies = [loaded(&proposal)];
        let mut simulation = Simulation::of(&policies);
        lines.iter().for_each(|line| simulation.add(&Event::scan(line).unwrap()));
        let rules = simulation.sides()[0].rules().filter(|(rule, _)| rule.is_some());
        let shown: Vec<_> = rules.map(|(_, tally)| (tally.seen, tally.written)).collect();
        let promised: Vec<_> = proposal.rules.iter().map(|rule| (rule.seen, rule.written)).collect();
        assert_eq!(shown, promised);
        let (seen, written) = simulation.sides()[0].total();
        assert_eq!(proposal.saved(), seen.without(written));
    }
}

#[test]
fn something_big_and_boring_is_found_and_left_out() {
    let lines = fixtures::lines("../../tests/fixtures/small.log.zst");
    let proposal = census(&lines).proposal();
    assert!(proposal.rules.len() > 4, "{}", proposal.text(|rule| rule.about.clone()));
    let policy = loaded(&proposal);
    assert!((0..policy.rules()).any(|rule| policy.rule_level(rule) == Some(Level::None)));
}

#[test]
fn no_refusal_secret_grant_or_exec_is_ever_left_out() {
    for lines in recordings() {
        let policy = loaded(&census(&lines).proposal());
        for line in &lines {
            let event = Event::scan(line).unwrap();
            let attributes = Attributes::of(&event);
            let writes = !matches!(attributes.verb.as_ref(), "get" | "list" | "watch");
            let dear = matches!(event.code(), Some(401 | 403))
                || attributes.resource == "secrets"
                || attributes.subresource == "exec"
                || (attributes.api_group == "rbac.authorization.k8s.io" && writes);
            let decision = policy.decide(&attributes);
            assert!(!dear || decision.level != Level::None, "{decision:?} {}", String::from_utf8_lossy(line));
        }
    }
}

#[test]
fn what_was_refused_once_to_a_machine_is_kept_of_it_and_said() {
    let line = |user: &str, code: u16| {
        let refused =
            if code == 403 { r#","annotations":{"authorization.k8s.io/decision":"forbid"}"# } else { "" };
        format!(
            r#"{{"level":"Metadata","stage":"ResponseComplete","requestURI":"/api/v1/pods","verb":"list","user":{{"username":"{user}"}},"objectRef":{{"resource":"pods"}},"responseStatus":{{"code":{code}}}{refused}}}"#
        )
        .into_bytes()
    };
    let (scheduler, manager) = ("system:kube-scheduler", "system:kube-controller-manager");
    let lines = [line(scheduler, 200), line(scheduler, 403), line(manager, 200)];
    let proposal = census(&lines).proposal();
    assert_eq!(proposal.kept_for_refusals, ["pods for system:kube-scheduler"]);
    let policy = loaded(&proposal);
    let level = |line: &[u8]| policy.decide(&Attributes::of(&Event::scan(line).unwrap())).level;
    assert_eq!(lines.each_ref().map(|line| level(line)), [Level::Metadata, Level::Metadata, Level::None]);
}

#[test]
fn the_census_of_parts_merges_to_that_of_the_whole() {
    for lines in recordings() {
        let mut merged = Census::default();
        lines.chunks(101).for_each(|part| merged.merge(census(part)));
        let text = |proposal: Proposal| proposal.text(|rule| format!("{:?} {:?}", rule.seen, rule.written));
        assert_eq!(text(merged.proposal()), text(census(&lines).proposal()));
    }
}
