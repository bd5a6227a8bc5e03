//! Detections, each with an event: of a real API server, or in its form.

use std::collections::BTreeSet;
use std::path::Path;

use super::catalogue::is_component;
use super::*;
use crate::{Filter, laws};

/// Real events have the audit IDs of their API server; those in its form are named after the detection, after what is
/// not told, or after the everyday work that they are.
fn fixture() -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/detections.log");
    let text = std::fs::read(path).unwrap();
    text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
}

fn audit_id(line: &[u8]) -> String {
    audit::Event::scan(line).unwrap().audit_id().into_owned()
}

fn report(lines: &[Vec<u8>]) -> Report {
    laws::folded::<Detections>(lines).report(&Wanted::default())
}

fn ids(report: &Report) -> BTreeSet<&str> {
    report.detected.iter().map(|detected| detected.id).collect()
}

#[test]
fn the_laws_of_folds_hold() {
    laws::hold::<Detections>(&fixture());
    laws::hold::<Detections>(&laws::recording());
}

#[test]
fn every_detection_is_made_by_an_event_of_its_own_and_by_no_everyday_work() {
    let mut made = BTreeSet::new();
    for line in fixture() {
        let (id, report) = (audit_id(&line), report(std::slice::from_ref(&line)));
        let (detected, untold) = (ids(&report), !report.untold.is_empty());
        let refused = audit::Event::scan(&line).unwrap().code() == Some(403);
        let expected = DETECTIONS.iter().map(|detection| detection.id).find(|name| id.starts_with(name));
        match expected {
            Some(expected) => assert!(detected.contains(expected), "{id}: {detected:?}"),
            None if id.starts_with("untold-") => assert!(detected.is_empty() && untold, "{id}: {report:?}"),
            None if id.starts_with("everyday-") => {
                assert!(detected.is_empty() && !untold, "{id}: {report:?}")
            }
            None => assert!(refused || !detected.is_empty(), "{id}: {report:?}"),
        }
        made.extend(detected.into_iter().map(str::to_owned));
    }
    made.extend(ids(&report(&fixture())).into_iter().map(str::to_owned));
    let all: BTreeSet<String> = DETECTIONS.iter().map(|detection| detection.id.to_owned()).collect();
    assert_eq!(made, all);
}

#[test]
fn identifiers_are_told_apart_and_each_says_why_and_what_to_do() {
    let names: BTreeSet<&str> = DETECTIONS.iter().map(|detection| detection.id).collect();
    assert_eq!(names.len(), DETECTIONS.len());
    for detection in &DETECTIONS {
        assert!(!detection.title.is_empty() && !detection.why.is_empty() && !detection.todo.is_empty());
        assert!(detection.id.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{}", detection.id);
    }
    assert!(COMPONENTS.iter().all(|component| !component.trim_end_matches('*').contains('*')));
    assert!(is_component("system:node:n1", None) && !is_component("system:node:n1", Some("jane")));
    for person in ["system:admin", "system:anonymous", "system:serviceaccount:shop:kube-system", "kube-admin"]
    {
        assert!(!is_component(person, None), "{person}");
    }
}

#[test]
fn what_was_written_is_told_with_the_reasons() {
    let report = report(&fixture());
    let reasons = |id: &str, name: &str| {
        let detected = report.detected.iter().find(|detected| detected.id == id).unwrap();
        let finding = detected.findings.iter().find(|finding| finding.name == name);
        finding.unwrap_or_else(|| panic!("{id} {name}: {detected:#?}")).reasons.clone()
    };
    assert_eq!(reasons("privileged-pod", "root"), ["privileged"]);
    assert_eq!(reasons("privileged-pod", "agent"), ["capability SYS_ADMIN"]);
    assert_eq!(reasons("host-access-pod", "net"), ["hostNetwork", "hostPID", "hostPath /"]);
    assert_eq!(reasons("host-access-pod", "sweep"), ["hostPath /var/run/docker.sock"]);
    assert_eq!(reasons("host-access-pod", "slashes"), ["hostPath //var/./run//docker.sock"]);
    assert_eq!(reasons("dangerous-role", "core"), ["* on users, groups or service accounts"]);
    assert_eq!(reasons("dangerous-role", "roles"), ["* on roles"]);
    assert_eq!(reasons("impersonation", "x"), ["system:masters"]);
    assert_eq!(reasons("bound-to-everybody", "oops"), ["system:unauthenticated"]);
    assert_eq!(reasons("bound-to-everybody", "dev"), ["system:authenticated"]);
    assert_eq!(reasons("dangerous-role", "lab-impersonate"), ["impersonate"]);
    assert_eq!(reasons("node-proxy", "n1"), ["/metrics/../run/shop/web-0/c"]);
    assert_eq!(reasons("anonymous-allowed", ""), ["/metrics"]);
    let needs: Vec<(&str, &str)> =
        report.untold.iter().map(|untold| (untold.id.as_str(), untold.todo.as_str())).collect();
    let says = |id: &str, word: &str| needs.iter().any(|(of, todo)| *of == id && todo.contains(word));
    assert!(says("privileged-pod", "pods at level Request "), "{needs:#?}");
    assert!(says("cluster-admin-bound", "at level RequestResponse "), "{needs:#?}");
    assert!(says("dangerous-role", "--audit-log-truncate"), "{needs:#?}");
}

#[test]
fn who_acts_as_somebody_else_is_told_with_whom_and_is_no_component() {
    let report = report(&fixture());
    let of = |id: &str| report.detected.iter().find(|detected| detected.id == id).unwrap();
    let acted = of("impersonation");
    let whom: Vec<(&str, &str, &str)> = acted
        .findings
        .iter()
        .filter(|finding| finding.subject == "jane")
        .map(|finding| (finding.resource.as_str(), finding.namespace.as_str(), finding.name.as_str()))
        .collect();
    let account = ("serviceaccounts", "kube-system", "replicaset-controller");
    assert_eq!(whom, [account, ("users", "", "admin")]);
    let read = of("secrets-read");
    let read = read.findings.iter().find(|finding| finding.name == "x").unwrap();
    let controller = "system:serviceaccount:kube-system:replicaset-controller";
    assert_eq!((read.by.as_str(), read.subject.as_str()), ("jane", controller));
}

#[test]
fn many_refusals_are_more_than_ten_different_ones_within_five_minutes() {
    let refusal = |number: usize, second: usize, verb: &str, decision: &str| {
        let time = format!("2026-11-23T06:{:02}:{:02}.000000Z", second / 60, second % 60);
        let annotations = format!(r#"{{"authorization.k8s.io/decision":"{decision}"}}"#);
        format!(
            r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"r-{number}-{second}","stage":"ResponseComplete","requestURI":"/api/v1/namespaces/shop/secrets/s-{number}","verb":"{verb}","user":{{"username":"eve"}},"objectRef":{{"resource":"secrets","namespace":"shop","name":"s-{number}","apiVersion":"v1"}},"responseStatus":{{"metadata":{{}},"code":403}},"requestReceivedTimestamp":"{time}","stageTimestamp":"{time}","annotations":{annotations}}}"#
        )
        .into_bytes()
    };
    let many = |of: &dyn Fn(usize) -> Vec<u8>, count: usize| {
        let lines: Vec<Vec<u8>> = (0..count).map(of).collect();
        let report = report(&lines);
        report.detected.into_iter().next().map(|detected| (detected.id, detected.tally.count))
    };
    assert_eq!(many(&|number| refusal(number, number, "get", "forbid"), 10), None);
    assert_eq!(many(&|number| refusal(number, number, "get", "forbid"), 11), Some(("many-refusals", 11)));
    assert_eq!(many(&|number| refusal(number % 10, number, "get", "forbid"), 100), None, "the same again");
    assert_eq!(many(&|number| refusal(number, number, "patch", "forbid"), 100), None, "one thing that fails");
    assert_eq!(many(&|number| refusal(number, number, "get", "allow"), 100), None, "a quota, or admission");
    assert_eq!(many(&|number| refusal(number, 60 * number, "get", "forbid"), 30), None, "slowly");
    let lines: Vec<Vec<u8>> = (0..200).map(|number| refusal(number, 10 * number, "get", "forbid")).collect();
    let found = report(&lines);
    assert_eq!(found.detected[0].findings[0].reasons, ["30 different requests within 5 minutes"]);
    laws::hold::<Detections>(&lines);
}

#[test]
fn a_question_asks_for_some_detections_and_some_subjects() {
    let all: Detections = laws::folded(&fixture());
    let wanted = Wanted { severity: Some(Severity::High), ..Wanted::default() };
    let high = all.report(&wanted);
    assert!(!high.detected.is_empty());
    assert!(high.detected.iter().all(|detected| detected.severity == Severity::High));
    let wanted = Wanted { ids: vec!["exec-into-pod".into()], ..Wanted::default() };
    assert_eq!(ids(&all.report(&wanted)), BTreeSet::from(["exec-into-pod"]));
    let filter = Filter {
        user: Some("jan*".into()),
        namespace: Some("kube-system".into()),
        resource: Some("pods/*".into()),
        ..Filter::default()
    };
    let some = all.report(&Wanted { filter, ..Wanted::default() });
    assert_eq!(ids(&some), BTreeSet::from(["exec-into-pod"]));
    assert_eq!(some.detected[0].samples, ["exec-into-pod-1"]);
}

/// A stage of a request of somebody's that was allowed: verb, resource, subresource and answer.
fn stage(id: &str, stage: &str, minute: usize, [verb, resource, below]: [&str; 3], code: u16) -> Vec<u8> {
    let time = format!("2026-11-23T{:02}:{:02}:00.000000Z", minute / 60, minute % 60);
    format!(
        r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Request","auditID":"{id}","stage":"{stage}","requestURI":"/x/proxy/run","verb":"{verb}","user":{{"username":"jane"}},"objectRef":{{"resource":"{resource}","subresource":"{below}","name":"x","apiVersion":"v1"}},"responseStatus":{{"metadata":{{}},"code":{code}}},"requestReceivedTimestamp":"2026-11-23T00:00:00.000000Z","stageTimestamp":"{time}","annotations":{{"authorization.k8s.io/decision":"allow"}}}}"#
    )
    .into_bytes()
}

const EXEC: [&str; 3] = ["create", "pods", "exec"];

#[test]
fn what_is_meant_to_last_is_detected_as_soon_as_it_begins() {
    for (what, code, id) in [
        (EXEC, 101, "exec-into-pod"),
        (["get", "pods", "exec"], 101, "exec-into-pod"),
        (["create", "pods", "attach"], 200, "exec-into-pod"),
        (["watch", "secrets", ""], 200, "secrets-listed"),
        (["create", "nodes", "proxy"], 200, "node-proxy"),
    ] {
        let begun = stage("a", "ResponseStarted", 1, what, code);
        let told = report(std::slice::from_ref(&begun));
        assert_eq!(ids(&told), BTreeSet::from([id]), "{what:?}");
        assert_eq!((told.detected[0].tally.count, told.requests.count), (1, 1), "{what:?}");
        assert_eq!(told.detected[0].samples, ["a"]);
        let refused = report(&[stage("a", "ResponseStarted", 1, what, 404)]);
        assert!(refused.detected.is_empty(), "{what:?}");
        laws::hold::<Detections>(&[begun]);
    }
}

#[test]
fn what_is_meant_to_last_counts_once_whichever_of_its_stages_are_logged() {
    let begun = |minute: usize| stage(&format!("s-{minute}"), "ResponseStarted", minute, EXEC, 101);
    let ended = |minute: usize| stage(&format!("s-{minute}"), "ResponseComplete", 600 + minute, EXEC, 101);
    for (begins, ends, count) in
        [(0..5, 0..5, 5), (0..5, 0..0, 5), (0..0, 0..5, 5), (0..5, 0..3, 5), (3..5, 0..5, 5)]
    {
        let lines: Vec<Vec<u8>> = begins.clone().map(begun).chain(ends.clone().map(ended)).collect();
        let told = report(&lines);
        assert_eq!(ids(&told), BTreeSet::from(["exec-into-pod"]));
        let tally = &told.detected[0].tally;
        assert_eq!((tally.count, told.requests.count), (count, count), "{begins:?} {ends:?}");
        let minute =
            |minute: usize| Some(1_795_392_000_000_000 + i64::try_from(minute).unwrap() * 60_000_000);
        let first = if begins.is_empty() { 600 + ends.start } else { begins.start };
        let last = if ends.is_empty() { begins.end - 1 } else { 600 + ends.end - 1 };
        assert_eq!((tally.first, tally.last), (minute(first), minute(last)), "{begins:?} {ends:?}");
        laws::hold::<Detections>(&lines);
    }
}

#[test]
fn the_beginning_of_a_request_tells_nothing_of_what_was_written_and_refuses_nothing() {
    let begun = |what| stage("a", "ResponseStarted", 1, what, 200);
    let lines = [["create", "pods", ""], ["patch", "deployments", ""]].map(begun);
    let told = report(&lines);
    assert!(told.detected.is_empty() && told.untold.is_empty(), "{told:?}");
    let refused: Vec<Vec<u8>> =
        (0..20).map(|_| stage("a", "ResponseStarted", 1, ["watch", "secrets", ""], 403)).collect();
    assert!(report(&refused).detected.is_empty());
}
