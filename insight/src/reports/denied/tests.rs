//! Refusals of real events, and of what the recording lacks in the API server's own form.

use super::*;
use crate::{Filter, laws};

mod changes;
mod fixes;

/// An event as the API server writes it at Metadata.
fn line(second: u32, user: &str, verb: &str, object: &str, code: i32, decision: &str) -> Vec<u8> {
    let time = format!("2026-11-23T06:{:02}:{:02}.000000Z", second / 60, second % 60);
    let annotations = match decision {
        "" => String::new(),
        decision => format!(
            r#","annotations":{{"authorization.k8s.io/decision":"{decision}","authorization.k8s.io/reason":""}}"#
        ),
    };
    format!(
        r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"id-{second}","stage":"ResponseComplete","requestURI":"/x?secret=1","verb":"{verb}","user":{{"username":"{user}","groups":["dev"]}},"sourceIPs":["10.0.0.1"],"userAgent":"kubectl/v1.33","objectRef":{object},"responseStatus":{{"metadata":{{}},"status":"Failure","message":"no, said \"it\"","reason":"Forbidden","code":{code}}},"requestReceivedTimestamp":"{time}","stageTimestamp":"{time}"{annotations}}}"#
    )
    .into_bytes()
}

const PODS: &str = r#"{"resource":"pods","namespace":"shop","apiVersion":"v1"}"#;
const BINDING: &str = r#"{"resource":"rolebindings","namespace":"shop","name":"dev","apiGroup":"rbac.authorization.k8s.io","apiVersion":"v1"}"#;
const ELSEWHERE: &str = r#"{"resource":"rolebindings","namespace":"other","name":"dev","apiGroup":"rbac.authorization.k8s.io","apiVersion":"v1"}"#;

fn report(lines: &[Vec<u8>]) -> Report {
    laws::folded::<Denied>(lines).report(&Filter::default())
}

fn story() -> Vec<Vec<u8>> {
    vec![
        line(0, "jane", "list", PODS, 200, "allow"),
        line(60, "admin", "delete", ELSEWHERE, 200, "allow"),
        line(70, "admin", "create", BINDING, 201, "allow"),
        line(80, "admin", "delete", BINDING, 200, "allow"),
        line(200, "jane", "list", PODS, 403, "forbid"),
        line(260, "jane", "list", PODS, 403, "forbid"),
    ]
}

#[test]
fn the_laws_of_folds_hold() {
    laws::hold::<Denied>(&laws::recording());
    laws::hold::<Denied>(&story());
}

#[test]
fn refusals_are_told_to_come_after_the_change_that_reaches_them() {
    let report = report(&story());
    let [row] = &report.refused[..] else { panic!("{report:#?}") };
    assert_eq!((row.tally.count, row.tally.sample.as_str(), row.now), (2, "id-200", Now::Ongoing));
    let [after] = &row.after[..] else { panic!("{row:#?}") };
    let told = (after.seconds, after.verb.as_str(), after.name.as_str(), after.audit_id.as_str());
    assert_eq!(told, (120, "delete", "dev", "id-80"));
    assert_eq!(row.groups, ["dev"]);
}

#[test]
fn the_servers_answer_is_told_where_something_behind_authorization_refused() {
    let told = |decision| {
        let report = report(&[line(0, "jane", "create", PODS, 403, decision)]);
        (report.refused[0].kind, report.refused[0].message.clone())
    };
    assert_eq!(told("allow"), (Kind::RefusedLater, "no, said \"it\"".to_owned()));
    assert_eq!(told("forbid"), (Kind::NotAllowed, String::new()));
}

#[test]
fn the_groups_are_those_of_whose_permissions_decided() {
    let own = String::from_utf8(line(0, "admin", "list", PODS, 403, "forbid")).unwrap();
    let acting =
        r#","impersonatedUser":{"username":"bob","groups":["shop","system:authenticated"]},"sourceIPs""#;
    let acted = own.replace(r#","sourceIPs""#, acting);
    let told = |line: String| report(&[line.into_bytes()]).refused.remove(0);
    let (own, acted) = (told(own), told(acted));
    assert_eq!((&own.groups[..], own.impersonated_by.as_str()), (&["dev".to_owned()][..], ""));
    assert_eq!((acted.subject.as_str(), acted.impersonated_by.as_str()), ("bob", "admin"));
    assert_eq!(acted.groups, ["shop", "system:authenticated"]);
}

#[test]
fn what_was_never_allowed_is_blamed_on_no_change() {
    assert!(report(&story()[1..]).refused[0].after.is_empty());
}

#[test]
fn an_eviction_that_a_budget_holds_back_is_no_throttling() {
    let evict =
        r#"{"resource":"pods","subresource":"eviction","namespace":"shop","name":"web","apiVersion":"v1"}"#;
    let lines = [
        line(1, "drain", "create", evict, 429, "allow"),
        line(2, "drain", "create", evict, 201, "allow"),
        line(3, "drain", "create", evict, 429, ""),
        line(4, "drain", "create", PODS, 429, "allow"),
    ];
    laws::hold::<Denied>(&lines);
    let report = report(&lines);
    let [row] = &report.refused[..] else { panic!("{report:#?}") };
    assert_eq!((row.kind, row.tally.count, row.tally.sample.as_str()), (Kind::RefusedLater, 1, "id-1"));
    assert_eq!(
        (row.message.as_str(), &row.names[..], row.now),
        ("no, said \"it\"", &["web".to_owned()][..], Now::AllowedAgain)
    );
    assert_eq!(report.throttled.iter().map(|row| row.tally.count).sum::<u64>(), 2);
}

#[test]
fn what_is_allowed_again_is_told_so() {
    let mut lines = story();
    lines.push(line(300, "jane", "list", PODS, 200, "allow"));
    assert_eq!(report(&lines).refused[0].now, Now::AllowedAgain);
}

fn named(name: &str) -> String {
    format!(r#"{{"resource":"pods","namespace":"shop","name":"{name}","apiVersion":"v1"}}"#)
}

#[test]
fn who_refused_is_told_apart_and_a_path_has_no_query() {
    let report = report(&[
        line(1, "jane", "create", PODS, 403, "allow"),
        line(2, "jane", "create", PODS, 403, ""),
        line(3, "jane", "get", "null", 403, "forbid"),
        line(4, "jane", "create", PODS, 429, ""),
    ]);
    let kinds: Vec<_> = report.refused.iter().map(|row| (row.kind, row.path.as_str())).collect();
    assert_eq!(kinds, [(Kind::NotAllowed, "/x"), (Kind::RefusedLater, ""), (Kind::Undecided, "")]);
    assert_eq!((report.throttled.len(), report.throttled[0].tally.count), (1, 1));
}

#[test]
fn of_many_that_are_alike_the_first_moment_gives_the_sample_wherever_batches_end() {
    let mut lines = Vec::new();
    for second in 1..1200 {
        let same_time =
            line(second / 2 * 2, "jane", "get", "null", [403, 429, 401][second as usize % 3], "forbid");
        let id = format!("id-{}", second / 2 * 2);
        lines.push(
            String::from_utf8(same_time).unwrap().replace(&id, &format!("id-{second:04}")).into_bytes(),
        );
    }
    laws::hold::<Denied>(&lines);
    let report = report(&lines);
    let samples = [
        (&report.throttled[0].tally, "id-0001"),
        (&report.unauthenticated[0].tally, "id-0002"),
        (&report.refused[0].tally, "id-0003"),
    ];
    for (tally, sample) in samples {
        assert!((399..=400).contains(&tally.count) && tally.sample == sample, "{tally:?}");
    }
}

/// A log of attempts of which some are refused.
fn attempts() -> Vec<Vec<u8>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../audit/tests/fixtures/rbac/audit.log.zst");
    laws::lines(&std::fs::read(path).unwrap())
}

#[test]
fn every_refusal_of_real_logs_is_counted_once() {
    laws::hold::<Denied>(&attempts());
    let lines = [laws::recording(), attempts()].concat();
    let report = report(&lines);
    let (mut refused, mut unknown) = (0, 0);
    for line in &lines {
        let Ok(event) = serde_json::from_slice::<serde_json::Value>(line) else { continue };
        let ended = matches!(event["stage"].as_str(), Some("ResponseComplete" | "Panic"));
        match event["responseStatus"]["code"].as_i64() {
            Some(403) if ended => refused += 1,
            Some(401) => unknown += 1,
            _ => {}
        }
    }
    assert_eq!(report.refused.iter().map(|row| row.tally.count).sum::<u64>(), refused);
    assert_eq!(report.unauthenticated.iter().map(|row| row.tally.count).sum::<u64>(), unknown);
    assert_eq!((refused, unknown), (42, 3));
    for row in &report.refused {
        assert!(!row.tally.sample.is_empty() && !row.subject.is_empty(), "{row:#?}");
    }
}

#[test]
fn of_a_row_only_the_names_that_are_asked_for_are_counted() {
    let get = |second, name: &str| line(second, "jane", "get", &named(name), 403, "forbid");
    let mut lines = vec![get(1, "web-1"), get(2, "db-1"), get(3, "web-2"), get(4, "web-1")];
    let report = |lines: &[Vec<u8>], name: &str, user: &str| {
        let filter = Filter { name: Some(name.into()), user: Some(user.into()), ..Filter::default() };
        laws::folded::<Denied>(lines).report(&filter)
    };
    let web = report(&lines, "web-*", "j*");
    let [row] = &web.refused[..] else { panic!("{web:#?}") };
    assert_eq!((row.tally.count, row.tally.sample.as_str()), (3, "id-1"));
    assert_eq!(row.names, ["web-1", "web-2"]);
    let database = report(&lines, "db-1", "jane");
    let row = &database.refused[0];
    assert_eq!((row.tally.count, row.tally.first, row.tally.sample.as_str()), (1, row.tally.last, ""));
    assert!(report(&lines, "db", "*").refused.is_empty() && report(&lines, "*", "joe").refused.is_empty());
    lines.extend((10..50).map(|second| get(second, &format!("a-{second}"))));
    let cut = report(&lines, "web-2", "jane");
    assert_eq!((cut.refused.len(), cut.with_more_names), (0, 1), "what is not kept is said to be missing");
    laws::hold::<Denied>(&lines);
}
