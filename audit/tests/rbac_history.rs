//! Roles and bindings as they were: at every moment of a real log, from a cluster's first minute on, the rebuilt ones
//! decide as the API server did. (Of requests that write no roles the fixture has no bodies.)

#![allow(clippy::unwrap_used, reason = "what cannot be read is a failed test")]

#[path = "rbac/fixture.rs"]
#[allow(dead_code)]
mod fixture;

use audit::Event;
use audit::rbac::{History, Objects, Rbac, Request, RoleKind, Who, observe};

/// How long the API server may take to see a role that was written, in microseconds.
const LAG: i64 = 1_500_000;

#[test]
fn at_every_moment_the_rebuilt_roles_decide_as_the_api_server_did() {
    let text = fixture::text("history.log");
    let mut events: Vec<Event<'_>> = text.lines().map(|line| Event::scan(line.as_bytes()).unwrap()).collect();
    events.sort_by_key(Event::request_received_micros);
    let mut history = History::default();
    let mut writes = Vec::new();
    for event in &events {
        let mut alone = History::default();
        alone.add(event);
        history.add(event);
        writes.extend((!alone.is_empty()).then(|| event.stage_micros().unwrap()));
    }
    writes.sort_unstable();
    let (mut agreed, mut lagged) = (0, 0);
    let mut state = (usize::MAX, Rbac::new(Objects::default()));
    for event in &events {
        let time = event.request_received_micros().unwrap();
        let Some(first) = observe(event).ok().and_then(|found| found.into_iter().next()) else { continue };
        // What other authorizers than RBAC allow has no reason of its.
        if first.allowed && first.via.is_none() {
            continue;
        }
        let at = writes.partition_point(|write| *write <= time);
        if state.0 != at {
            let then = history.at(&Objects::default(), time);
            assert_eq!(then.doubts, [""; 0]);
            state = (at, Rbac::new(then.objects));
        }
        let same = state.1.allowed(&first.who, &first.request).is_allowed() == first.allowed;
        let close = writes.iter().any(|write| (time - LAG..time + LAG).contains(write));
        assert!(same || close, "{} {} {:?}", first.who.user, first.request, first.via);
        if same { agreed += 1 } else { lagged += 1 }
    }
    assert!(writes.len() > 200 && agreed > 1_000 && lagged < 10, "{} {agreed} {lagged}", writes.len());
}

fn write(time: u32, verb: &str, code: u16, more: &str) -> String {
    format!(
        r#"{{"level":"Request","stage":"ResponseComplete","auditID":"{time}","requestURI":"/","verb":"{verb}","user":{{"username":"a"}},"objectRef":{{"resource":"roles","namespace":"n","name":"r","apiGroup":"rbac.authorization.k8s.io"}},"responseStatus":{{"code":{code}}},"stageTimestamp":"2026-01-01T00:00:{time:02}.000000Z"{more}}}"#
    )
}

fn folded(lines: &[String]) -> History {
    let mut history = History::default();
    lines.iter().for_each(|line| history.add(&Event::scan(line.as_bytes()).unwrap()));
    history
}

fn second(time: i64) -> i64 {
    audit::unix_micros("2026-01-01T00:00:00Z").unwrap() + time * 1_000_000
}

const BODY: &str = r#","requestObject":{"kind":"Role","apiVersion":"rbac.authorization.k8s.io/v1","metadata":{"name":"r"},"rules":[{"apiGroups":[""],"resources":["pods"],"verbs":["get"]}]}"#;

#[test]
fn what_a_request_wrote_counts_from_then_on_and_a_namespace_of_the_path_is_that_of_the_object() {
    let history = folded(&[write(10, "create", 201, BODY), write(20, "delete", 200, "")]);
    let rules = |time| {
        let then = history.at(&Objects::default(), second(time));
        then.objects.roles.first().map(|role| (role.kind, role.namespace.clone(), role.rules.len()))
    };
    assert_eq!(rules(9), None);
    assert_eq!(rules(10), Some((RoleKind::Role, "n".to_owned(), 1)));
    assert_eq!(rules(20), None);
}

#[test]
fn refused_writes_and_dry_runs_change_nothing() {
    let dry =
        write(11, "delete", 200, "").replace("\"requestURI\":\"/\"", "\"requestURI\":\"/x?dryRun=All\"");
    let history = folded(&[
        write(10, "create", 201, BODY),
        dry,
        write(12, "delete", 403, ""),
        write(13, "create", 409, BODY),
    ]);
    assert_eq!(history.at(&Objects::default(), second(30)).objects.roles.len(), 1);
}

#[test]
fn what_the_log_does_not_tell_is_said() {
    let doubts = |lines: &[String], known: &str, time| {
        let known = Objects::read(known).unwrap();
        folded(lines).at(&known, second(time)).doubts.join("; ")
    };
    let patched = [write(10, "patch", 200, r#","requestObject":{"rules":[]}"#)];
    assert!(
        doubts(&patched, "", 20)
            .contains("Role r/n was written before, and the log does not hold what came of it")
    );
    assert!(doubts(&patched, "", 5).contains("was there already when the log begins, and is not given"));
    let known =
        "kind: Role\napiVersion: rbac.authorization.k8s.io/v1\nmetadata: {name: r, namespace: \"n\"}\n";
    assert!(doubts(&patched, known, 5).contains("was changed later, and is taken as it is given"));
    let created = [write(10, "create", 201, BODY)];
    assert_eq!(doubts(&created, "", 5), "");
    // What is given from a later day does not count before it was created.
    let rbac = Rbac::new(folded(&created).at(&Objects::read(known).unwrap(), second(5)).objects);
    assert!(rbac.objects().roles.is_empty());
    assert!(!rbac.allowed(&Who::named("a"), &Request::resource("get", "", "pods", "n", "")).is_allowed());
}

#[test]
fn deletions_of_many_that_do_not_tell_which_are_told_by_when_they_were() {
    let history = folded(&[write(10, "create", 201, BODY), write(20, "deletecollection", 200, "")]);
    let doubts = |time| history.at(&Objects::default(), second(time)).doubts.join("; ");
    let told =
        |when| format!("many Roles in n were deleted at once {when} (once), and the log does not tell which");
    assert_eq!(doubts(25), told("before"));
    let older = "those that are older than the log are missing here, unless they are given";
    assert_eq!(doubts(15), format!("{}: {older}", told("later")));
    let only = folded(&[write(20, "deletecollection", 200, "")]);
    assert!(!only.is_empty());
    // What comes twice, as in two parts of a log, counts once.
    let mut twice = only.clone();
    twice.merge(only.clone());
    assert_eq!(twice, only);
}
