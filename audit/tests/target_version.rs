//! What differs between the API servers of several Kubernetes versions.
#![allow(clippy::unwrap_used)] // a test that cannot read its truth has failed

use audit::{Attributes, Event, Level, Lowered, Policy, TargetVersion, lint, lower};

const EVERY_GROUP: &str = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n  resources:\n  - group: '*'\n    resources: [pods]\n";

fn target(text: &str) -> TargetVersion {
    text.parse().unwrap()
}

#[test]
fn the_group_wildcard_is_a_group_from_1_36_and_refused_before() {
    assert!(Policy::load(EVERY_GROUP).is_ok());
    assert!(Policy::load_for(EVERY_GROUP, target("v1.36.3")).is_ok());
    let refused = Policy::load_for(EVERY_GROUP, target("1.35")).unwrap_err();
    assert_eq!((refused.line, refused.column), (6, 12));
    assert!(
        refused.message.starts_with("rules[0].resources.group: Invalid value: \"*\": a lowercase RFC 1123"),
        "{refused}"
    );
    let findings = lint::lint_for(EVERY_GROUP, target("1.35"));
    assert!(findings.iter().any(|finding| finding.severity == lint::Severity::Error && finding.line == 6));
}

#[test]
fn a_version_that_cannot_be_targeted_is_refused_with_those_that_can() {
    for text in ["", "1", "1.23", "1.38", "2.36", "1.x", "1.36.1.1", "latest", "1.36-beta"] {
        let why = text.parse::<TargetVersion>().unwrap_err().to_string();
        assert!(why.contains("1.24") && why.contains("1.37") && why.contains(text), "{why}");
    }
    assert_eq!(TargetVersion::default().to_string(), "1.36");
}

#[test]
fn policies_of_versions_that_are_gone_are_refused_by_their_version() {
    for version in ["audit.k8s.io/v1beta1", "audit.k8s.io/v1alpha1"] {
        let refused = Policy::load(&EVERY_GROUP.replace("audit.k8s.io/v1", version)).unwrap_err();
        let expected = format!("no kind \"Policy\" is registered for version \"{version}\"");
        assert!(refused.message.contains(&expected), "{refused}");
        assert_eq!(refused.line, 1);
    }
}

/// Written by kube-apiserver v1.20.2 with `--audit-log-version=audit.k8s.io/v1beta1`.
const BETA: &str = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1beta1","metadata":{"creationTimestamp":"2026-11-23T06:30:03Z"},"level":"RequestResponse","timestamp":"2026-11-23T06:30:03Z","auditID":"fe5c3806-a9a5-4886-ae47-052b06fbbb55","stage":"ResponseComplete","requestURI":"/apis/apps/v1/namespaces/team-e/deployments/nodep/scale","verb":"patch","user":{"username":"kubernetes-admin","groups":["system:masters","system:authenticated"]},"sourceIPs":["127.0.0.1"],"userAgent":"okhttp/3.12.12","objectRef":{"resource":"deployments","namespace":"team-e","name":"nodep","apiGroup":"apps","apiVersion":"v1","subresource":"scale"},"responseStatus":{"metadata":{},"status":"Failure","reason":"NotFound","code":404},"requestObject":{"spec":{"replicas":2}},"responseObject":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"deployments.apps \"nodep\" not found","reason":"NotFound","details":{"name":"nodep","group":"apps","kind":"deployments"},"code":404},"requestReceivedTimestamp":"2026-11-23T06:30:03.860458Z","stageTimestamp":"2026-11-23T06:30:03.862527Z","annotations":{"authorization.k8s.io/decision":"allow","authorization.k8s.io/reason":""}}"#;

#[test]
fn an_event_of_v1beta1_is_read_as_one_of_v1_and_keeps_its_own_fields() {
    let policy = "apiVersion: audit.k8s.io/v1\nrules:\n- {level: Metadata, users: [kubernetes-admin], verbs: [patch], namespaces: [team-e], resources: [{group: apps, resources: [deployments/scale], resourceNames: [nodep]}]}";
    let policy = Policy::load(policy).unwrap().policy;
    let event = Event::scan(BETA.as_bytes()).unwrap();
    let decision = policy.decide(&Attributes::of(&event));
    assert_eq!((decision.rule, decision.level), (Some(0), Level::Metadata));
    let mut out = Vec::new();
    assert_eq!(lower(&event, &decision, &mut out), Lowered::Spliced);
    let (start, rest) = BETA.split_once(r#","requestObject""#).unwrap();
    let (_, end) = rest.split_once(r#","requestReceivedTimestamp""#).unwrap();
    let start = start.replace(r#""level":"RequestResponse""#, r#""level":"Metadata""#);
    let expected = format!(r#"{start},"requestReceivedTimestamp"{end}"#);
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn an_event_of_v1alpha1_is_refused_with_the_versions_that_are_read() {
    let why = Event::scan(BETA.replace("v1beta1", "v1alpha1").as_bytes()).unwrap_err().to_string();
    assert_eq!(why, "field `apiVersion` is not `audit.k8s.io/v1` or `audit.k8s.io/v1beta1`");
}
