//! What is told of missing events, held against real events from which some were taken away.

use super::*;
use crate::laws;

/// Real events of requests of which begin and end are both there.
fn whole() -> Vec<Vec<u8>> {
    let lines = laws::recording();
    let gaps = laws::folded::<Gaps>(&lines);
    let lonely: Vec<Element> =
        gaps.difference.list().unwrap().into_iter().map(|(element, _)| element).collect();
    let has = |line: &Vec<u8>| {
        let event = audit::Event::scan(line).unwrap();
        lonely.iter().any(|element| element.id == number(&event.audit_id()))
    };
    lines.into_iter().filter(|line| !has(line)).collect()
}

fn stage(line: &[u8]) -> audit::Stage {
    audit::Event::scan(line).unwrap().stage()
}

#[test]
fn the_laws_of_folds_hold() {
    laws::hold::<Gaps>(&laws::recording());
}

/// Requests of canaries, each as the API server writes it; the token of every fifth had run out.
fn canaries(run: &str, numbers: impl IntoIterator<Item = u32>) -> Vec<Vec<u8>> {
    let line = |number: u32| {
        let time = format!("2026-11-23T{:02}:{:02}:00.000000Z", 6 + number / 60, number % 60);
        let (stage, code) =
            if number.is_multiple_of(5) { ("ResponseStarted", 401) } else { ("ResponseComplete", 200) };
        format!(
            r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"auditrail-canary-{run}-{number}","stage":"{stage}","requestURI":"/version","verb":"get","user":{{}},"responseStatus":{{"metadata":{{}},"code":{code}}},"requestReceivedTimestamp":"{time}","stageTimestamp":"{time}"}}"#
        )
        .into_bytes()
    };
    numbers.into_iter().map(line).collect()
}

#[test]
fn the_laws_of_folds_hold_for_canaries_of_several_starts_too() {
    let lines = [canaries("00c0ffee", 1..90), canaries("deadbeef", 30..200), laws::recording()].concat();
    laws::hold::<Gaps>(&lines);
}

#[test]
fn a_canary_that_did_not_arrive_is_missed_by_its_number() {
    let seen = (1..100).filter(|number| ![17, 60].contains(number));
    let lines = [canaries("00c0ffee", seen), canaries("deadbeef", 7..9)].concat();
    let report = laws::folded::<Gaps>(&lines).report();
    let told = report.canaries.clone().unwrap();
    assert_eq!((told.seen, told.missing), (99, 2));
    assert_eq!(told.runs[0].holes, [(17, 17), (60, 60)]);
    assert_eq!(told.runs[0].first.as_deref(), Some("2026-11-23T06:01:00.000000Z"));
    assert!(report.verdict.ends_with("; 99 of 101 canaries are there"), "{}", report.verdict);
    assert!(report.proofs[1].available && report.proofs[1].says.contains("of 2 starts"), "{report:#?}");
}

#[test]
fn an_end_that_was_taken_away_is_missed_by_its_audit_id() {
    let mut lines = whole();
    let before = laws::folded::<Gaps>(&lines).report();
    assert!(before.began > 5 && before.without_end.is_empty() && before.without_begin == 0, "{before:#?}");
    assert!(
        before.verdict.contains(&format!("{0} of {0} requests accounted for", before.began)),
        "{}",
        before.verdict
    );
    let at = lines.iter().position(|line| stage(line) == audit::Stage::ResponseComplete).unwrap();
    let taken = lines.remove(at);
    let id = audit::Event::scan(&taken).unwrap().audit_id().into_owned();
    let report = laws::folded::<Gaps>(&lines).report();
    assert_eq!(report.without_end.len(), 1, "{report:#?}");
    assert_eq!(report.without_end[0].audit_id.clone(), written(number(&id)));
}

#[test]
fn without_begins_nothing_is_proven_and_that_is_said() {
    let mut lines = laws::recording();
    lines.retain(|line| stage(line) != audit::Stage::RequestReceived);
    let report = laws::folded::<Gaps>(&lines).report();
    assert!(report.verdict.contains("nothing proves"), "{}", report.verdict);
    assert!(!report.proofs[0].available && report.without_end.is_empty());
}

#[test]
fn an_audit_id_that_is_no_uuid_is_a_number_too() {
    let uuid = "3f1e6c1e-8d3c-4a53-9c77-0a4d1d6f9b10";
    assert_eq!(written(number(uuid)).as_deref(), Some(uuid));
    for other in
        ["", "auditrail-canary-7", "3F1E6C1E-8d3c-4a53-9c77-0a4d1d6f9b10", "+f1e6c1e8d3c4a539c770a4d1d6f9b10"]
    {
        assert_eq!(written(number(other)), None, "{other}");
    }
    assert_ne!(number("auditrail-canary-7"), number("auditrail-canary-8"));
}
