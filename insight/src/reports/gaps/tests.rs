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

/// Begin and end of a request for secrets or pods of somebody in a namespace.
fn pair(number: u32, user: &str, resource: &str, namespace: &str) -> [Vec<u8>; 2] {
    let at = format!("2026-11-23T06:{:02}:{:02}.000000Z", number / 60 % 60, number % 60);
    ["RequestReceived", "ResponseComplete"].map(|stage| {
        format!(
            r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"3f1e6c1e-8d3c-4a53-9c77-{number:012}","stage":"{stage}","requestURI":"/api/v1/namespaces/{namespace}/{resource}/a","verb":"get","user":{{"username":"{user}"}},"objectRef":{{"resource":"{resource}","namespace":"{namespace}","name":"a","apiVersion":"v1"}},"requestReceivedTimestamp":"{at}","stageTimestamp":"{at}"}}"#
        )
        .into_bytes()
    })
}

#[test]
fn what_a_policy_logs_no_begins_of_is_not_called_lost_and_the_rest_is_still_proven() {
    let unlogged = |number: u32| {
        let [_, secrets] = pair(number, "ann", "secrets", "web");
        let [_, of_user] = pair(number + 1000, "system:kube-proxy", "pods", "web");
        let [_, of_namespace] = pair(number + 2000, "ann", "pods", "kube-system");
        [secrets, of_user, of_namespace]
    };
    let mut lines: Vec<_> = (0..60).flat_map(unlogged).collect();
    lines.extend((3000..3120).flat_map(|number| pair(number, "ann", "pods", "web")));
    let report = laws::folded::<Gaps>(&lines).report();
    assert_eq!((report.without_begin, report.unlogged_begins), (0, 180), "{report:#?}");
    let expected =
        "120 of 120 requests accounted for; nothing proves 180 more, of kinds whose begins are not logged";
    assert!(report.verdict.contains(expected), "{}", report.verdict);
    laws::hold::<Gaps>(&lines);

    let at = lines.iter().position(|line| stage(line) == audit::Stage::RequestReceived).unwrap();
    let id = audit::Event::scan(&lines.remove(at)).unwrap().audit_id().into_owned();
    let report = laws::folded::<Gaps>(&lines).report();
    assert_eq!((report.without_begin, report.unlogged_begins), (1, 180), "{report:#?}");
    assert_eq!(report.missing_begins[0].audit_id.as_deref(), Some(id.as_str()));
    assert!(report.verdict.contains("119 of 120"), "{}", report.verdict);
}

#[test]
fn every_finding_is_in_the_verdict_and_what_is_lost_comes_before_what_may_be_right() {
    let mut lines: Vec<_> = (0..300).flat_map(|number| pair(number, "ann", "pods", "web")).collect();
    let lost = ["000000000030", "000000000070", "000000000290"];
    let is_lost = |line: &[u8], at: usize, half: audit::Stage| {
        stage(line) == half && audit::Event::scan(line).unwrap().audit_id().ends_with(lost[at])
    };
    let (begin, end) = (audit::Stage::RequestReceived, audit::Stage::ResponseComplete);
    lines.retain(|line| !is_lost(line, 0, end) && !is_lost(line, 1, begin) && !is_lost(line, 2, end));
    lines.retain(|line| !String::from_utf8_lossy(line).contains("T06:02:"));
    let verdict = laws::folded::<Gaps>(&lines).report().verdict;
    let expected = ": 237 of 240 requests accounted for; 1 has no end and 1 has no begin: events are missing; \
                    1 has no end, which may be right; 1 minute without an event, where 119 are usual";
    assert!(verdict.ends_with(expected), "{verdict}");
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
