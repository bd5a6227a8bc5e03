//! Every condition of a `match`, taken and left.

use super::Match;
use crate::{Attributes, Event};

const LINE: &str = r#"{"level":"Metadata","stage":"ResponseComplete","requestURI":"/api/v1/namespaces/web/pods/x","verb":"delete","user":{"username":"jane","groups":["dev"]},"sourceIPs":["8.8.8.8","10.1.2.3"],"userAgent":"kubectl/v1.33 (linux/amd64)","objectRef":{"resource":"pods","namespace":"web","name":"x"},"responseStatus":{"code":403},"requestReceivedTimestamp":"2025-01-02T03:04:05.000000Z","stageTimestamp":"2025-01-02T03:04:06.000001Z","annotations":{"authorization.k8s.io/decision":"forbid"}}"#;

fn taken(written: &str) -> bool {
    let event = Event::scan(LINE.as_bytes()).unwrap();
    let condition: Match = serde_json::from_str(written).unwrap();
    condition.matches(&event, &Attributes::of(&event))
}

fn refused(written: &str) -> String {
    serde_json::from_str::<Match>(written).unwrap_err().to_string()
}

#[test]
fn nothing_asked_takes_everything() {
    assert!(taken("{}"));
    assert!(taken(r#"{"users":[],"codes":[]}"#));
}

#[test]
fn every_condition_takes_and_leaves() {
    for (takes, leaves) in [
        (r#"{"users":["jane"]}"#, r#"{"users":["*"]}"#),
        (r#"{"userGroups":["dev"]}"#, r#"{"userGroups":["ops"]}"#),
        (r#"{"verbs":["delete"]}"#, r#"{"verbs":["DELETE"]}"#),
        (
            r#"{"resources":[{"resources":["pods"],"resourceNames":["x"]}]}"#,
            r#"{"resources":[{"group":"apps"}]}"#,
        ),
        (r#"{"namespaces":["web"]}"#, r#"{"namespaces":[""]}"#),
        (r#"{"not":{"nonResourceURLs":["*"]}}"#, r#"{"nonResourceURLs":["*"]}"#),
        (r#"{"stages":["ResponseComplete"]}"#, r#"{"stages":["Panic","ResponseStarted"]}"#),
        (r#"{"levels":["Metadata"]}"#, r#"{"levels":["Request"]}"#),
        (r#"{"codes":[401,"403"]}"#, r#"{"codes":[200,">=500"]}"#),
        (r#"{"codes":["4xx"]}"#, r#"{"codes":["5xx"]}"#),
        (r#"{"decision":"forbid"}"#, r#"{"decision":"allow"}"#),
        (r#"{"slowerThan":"1s"}"#, r#"{"slowerThan":"1.1s"}"#),
        (r#"{"userAgents":["kubectl/*"]}"#, r#"{"userAgents":["curl/*"]}"#),
        (r#"{"sourceIPs":["10.0.0.0/8"]}"#, r#"{"sourceIPs":["8.8.8.8"]}"#),
        (r#"{"not":{"users":["joe"]}}"#, r#"{"not":{"users":["jane"]}}"#),
    ] {
        assert!(taken(takes), "{takes}");
        assert!(!taken(leaves), "{leaves}");
    }
}

#[test]
fn all_conditions_must_hold_together() {
    assert!(taken(r#"{"users":["jane"],"codes":[403],"not":{"verbs":["get"]}}"#));
    assert!(!taken(r#"{"users":["jane"],"codes":[200]}"#));
}

#[test]
fn what_cannot_be_meant_is_refused_by_name() {
    for (written, part) in [
        (r#"{"user":["jane"]}"#, "unknown field `user`"),
        (r#"{"stages":["Done"]}"#, "match: stages"),
        (r#"{"levels":["metadata"]}"#, "match: levels"),
        (r#"{"codes":[700]}"#, "match: codes"),
        (r#"{"decision":"deny"}"#, "match: decision"),
        (r#"{"slowerThan":"1"}"#, "match: slowerThan"),
        (r#"{"userAgents":["["]}"#, "match: userAgents"),
        (r#"{"sourceIPs":["10.0.0.0/33"]}"#, "match: sourceIPs"),
        (r#"{"nonResourceURLs":["healthz"]}"#, "match: nonResourceURLs"),
        (r#"{"nonResourceURLs":["/x"],"namespaces":["a"]}"#, "match: nonResourceURLs"),
        (r#"{"resources":[{"group":"apps/v1"}]}"#, "match: resources"),
        (r#"{"resources":[{"resourceNames":["x"]}]}"#, "match: resources"),
        (r#"{"not":{"codes":["x"]}}"#, "match: codes"),
        (r#"[["jane"]]"#, "expected a mapping"),
        (r#"[]"#, "expected a mapping"),
        (r#"{"resources":[["apps",["deployments"]]]}"#, "expected a mapping"),
    ] {
        assert!(refused(written).contains(part), "{written}: {}", refused(written));
    }
}
