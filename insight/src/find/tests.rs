//! Finding, held against a plain reading of the lines.

use super::*;
use crate::Filter;
use crate::laws;

fn of_lines(lines: &[Vec<u8>], query: &Query) -> Found {
    let mut found = Found::default();
    for lines in lines.chunks(50) {
        let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
        found.take_lines(query, "a.log", &lines, None).unwrap();
    }
    found
}

/// Events without the cluster, which files do not know.
fn events(found: Found) -> Vec<Event> {
    found.events.into_iter().map(|event| Event { cluster: String::new(), ..event }).collect()
}

fn attempts() -> Vec<Vec<u8>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../audit/tests/fixtures/rbac/audit.log.zst");
    laws::lines(&std::fs::read(path).unwrap())
}

#[test]
fn files_and_the_lake_give_the_same_newest_events_in_any_order() {
    let lines = attempts();
    let directory = tempfile::tempdir().unwrap();
    let lake = Lake::open(directory.path().join("lake").to_str().unwrap()).unwrap();
    laws::write(&lake, &lines);
    let mut turned = lines.clone();
    turned.reverse();
    for newest in [7, 100_000] {
        let query = Query {
            filter: Filter { namespace: Some("shop".into()), ..Filter::default() },
            newest,
            ..Query::default()
        };
        let (found, turned) = (of_lines(&lines, &query), of_lines(&turned, &query));
        assert_eq!(found.events, turned.events);
        for threads in [1, 3] {
            let of_lake = find(&lake, &query, None, threads).unwrap();
            assert!(of_lake.unreadable.is_empty());
            assert_eq!(of_lake.matched(), found.matched());
            assert_eq!(events(of_lake), found.events);
        }
        assert_eq!(found.events.len() as u64, found.matched().min(newest as u64));
        assert!(found.matched() > 7);
    }
}

#[test]
fn what_is_found_is_what_a_plain_reading_finds() {
    let lines = attempts();
    let user = "system:serviceaccount:shop:reader";
    let query = Query {
        filter: Filter { user: Some(user.into()), ..Filter::default() },
        reads: true,
        newest: 100_000,
    };
    let plain = lines.iter().filter_map(|line| serde_json::from_slice::<serde_json::Value>(line).ok());
    let ended = plain.filter(|event| matches!(event["stage"].as_str(), Some("ResponseComplete" | "Panic")));
    let of_user = ended
        .filter(|event| event["user"]["username"] == user || event["impersonatedUser"]["username"] == user);
    let found = of_lines(&lines, &query);
    assert_eq!(found.matched(), of_user.count() as u64);
    let writes = of_lines(&lines, &Query { reads: false, ..query });
    assert!(writes.matched() < found.matched(), "{} {}", writes.matched(), found.matched());
}

#[test]
fn a_way_into_a_container_is_found_with_its_length() {
    let query = Query {
        filter: Filter { resource: Some("pods/exec".into()), ..Filter::default() },
        newest: 10,
        ..Query::default()
    };
    let lines = laws::recording();
    let found = of_lines(&lines, &query);
    assert!(!found.events.is_empty());
    assert!(found.events.iter().all(|event| event.subresource == "exec"));
    for event in &found.events {
        let was_begun = event.code.is_some_and(|code| code < 300);
        assert_eq!(event.session_seconds.is_some() != event.open, was_begun, "{event:?}");
    }
}

/// An event of one exec, or of a request for the pod itself.
fn logged(id: usize, user: &str, stage: &str, received: usize, time: usize) -> Vec<u8> {
    let moment = |second: usize| format!("2026-11-23T10:{:02}:{:02}.000000Z", second / 60, second % 60);
    let (received, time) = (moment(received), moment(time));
    format!(
        r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"t{id}","stage":"{stage}","requestURI":"/api/v1/namespaces/p/pods/w/exec","verb":"create","user":{{"username":"{user}"}},"objectRef":{{"resource":"pods","namespace":"p","name":"w","apiVersion":"v1","subresource":"exec"}},"responseStatus":{{"metadata":{{}},"code":101}},"requestReceivedTimestamp":"{received}","stageTimestamp":"{time}","annotations":{{"authorization.k8s.io/decision":"allow"}}}}"#
    )
    .into_bytes()
}

fn sessions(newest: usize) -> Query {
    let filter = Filter { resource: Some("pods/exec".into()), ..Filter::default() };
    Query { filter, newest, ..Query::default() }
}

#[test]
fn an_open_session_is_found_as_open_and_an_ended_one_once_with_its_length() {
    let (start, end) = ("ResponseStarted", "ResponseComplete");
    let open = logged(1, "jane", start, 0, 1);
    let ended = [logged(2, "jane", start, 2, 3), logged(2, "jane", end, 2, 62)];
    let unlogged = logged(3, "jane", end, 4, 70);
    // Clients choose audit IDs: the end of another request does not hide what is open.
    let others = [logged(1, "jane", end, 5, 71), logged(1, "eve", end, 0, 72)];
    let lines: Vec<Vec<u8>> =
        [vec![open], ended.to_vec(), vec![unlogged], others.to_vec()].into_iter().flatten().collect();
    let found = of_lines(&lines, &sessions(100));
    let told: Vec<_> = found
        .events
        .iter()
        .map(|event| (event.audit_id.as_str(), event.open, event.session_seconds))
        .collect();
    let ended =
        [("t2", false, Some(60)), ("t3", false, Some(66)), ("t1", false, Some(66)), ("t1", false, Some(72))];
    assert_eq!(told[0], ("t1", true, None));
    assert_eq!(told[1..], ended);
    assert_eq!(found.matched(), 5);
}

#[test]
fn beginnings_and_ends_are_one_event_in_any_order_of_lines_and_wherever_they_were_written() {
    let lines = (0..300).flat_map(|id| {
        let begun = logged(id, "jane", "ResponseStarted", id, id + 1);
        let ended = (id % 3 > 0).then(|| logged(id, "jane", "ResponseComplete", id, id + 1 + id % 7 * 40));
        [Some(begun), ended].into_iter().flatten()
    });
    let lines: Vec<Vec<u8>> = lines.collect();
    let directory = tempfile::tempdir().unwrap();
    let lake = Lake::open(directory.path().join("lake").to_str().unwrap()).unwrap();
    laws::write(&lake, &lines);
    let all = of_lines(&lines, &sessions(1000));
    assert_eq!((all.events.len(), all.matched()), (300, 300));
    assert_eq!(all.events.iter().filter(|event| event.open).count(), 100);
    let turned: Vec<Vec<u8>> = lines.iter().rev().cloned().collect();
    for newest in [1, 5, 20, 299] {
        let query = sessions(newest);
        for found in
            [of_lines(&lines, &query), of_lines(&turned, &query), find(&lake, &query, None, 2).unwrap()]
        {
            assert_eq!(found.matched(), 300);
            assert_eq!(events(found), all.events[300 - newest..], "{newest}");
        }
    }
}

/// A write to a deployment or a pod: `replicas` is what was asked for, `given` the name in the answer.
fn written([id, user, verb, name, query]: [&str; 5], replicas: u32, given: &str) -> Vec<u8> {
    let named = if name.is_empty() { String::new() } else { format!(r#","name":"{name}""#) };
    let body = format!(r#"{{"metadata":{{"name":"{given}"}},"spec":{{"replicas":{replicas}}}}}"#);
    let body = if verb == "delete" { r#"{"dryRun":["All"]}"#.to_owned() } else { body };
    format!(
        r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"RequestResponse","auditID":"{id}","stage":"ResponseComplete","requestURI":"/apis/apps/v1/namespaces/shop/deployments/{name}{query}","verb":"{verb}","user":{{"username":"{user}"}},"objectRef":{{"resource":"deployments","apiGroup":"apps","namespace":"shop"{named},"apiVersion":"v1"}},"responseStatus":{{"metadata":{{}},"code":200}},"requestObject":{body},"responseObject":{body},"requestReceivedTimestamp":"2026-11-23T10:00:0{id}.000000Z","stageTimestamp":"2026-11-23T10:00:0{id}.000000Z"}}"#
    )
    .into_bytes()
}

fn told(mut found: Found, query: &Query) -> Vec<(bool, String)> {
    found.tell_changes(query);
    found.events.iter().map(|event| (event.dry_run, event.changed.join("; "))).collect()
}

fn of_web() -> Query {
    Query { filter: Filter { name: Some("web".into()), ..Filter::default() }, newest: 9, ..Query::default() }
}

#[test]
fn what_was_only_tried_is_told_as_tried_and_is_no_value_before() {
    let lines = [
        written(["1", "jane", "create", "web", ""], 3, "web"),
        written(["2", "bob", "update", "web", "?dryRun=All"], 0, "web"),
        written(["3", "erin", "delete", "web", ""], 0, "web"),
        written(["4", "dave", "update", "web", "?fieldManager=x"], 5, "web"),
    ];
    let change = |text: &str| text.to_owned();
    assert_eq!(
        told(of_lines(&lines, &of_web()), &of_web()),
        [
            (false, change("replicas 3")),
            (true, change("replicas 3 -> 0")),
            (true, change("")),
            (false, change("replicas 3 -> 5")),
        ]
    );
}

#[test]
fn no_value_before_is_told_where_writes_of_others_are_left_out() {
    let lines = [
        written(["1", "dave", "create", "web", ""], 3, "web"),
        written(["2", "bob", "update", "web", ""], 9, "web"),
        written(["3", "dave", "update", "web", ""], 5, "web"),
    ];
    assert_eq!(told(of_lines(&lines, &of_web()), &of_web())[2].1, "replicas 9 -> 5");
    let mut of_dave = of_web();
    of_dave.filter.user = Some("dave".into());
    assert_eq!(told(of_lines(&lines, &of_dave), &of_dave)[1].1, "");
}

#[test]
fn clusters_are_told_where_there_are_several_and_what_changed_is_told_for_each() {
    let lines = |cluster: &str, replicas| {
        let line = |id: &str| written([id, "jane", "update", "web", ""], replicas, "web");
        let mut found = of_lines(&[line("1"), line("2")], &of_web());
        found.events.iter_mut().for_each(|event| event.cluster = cluster.to_owned());
        found
    };
    let mut both = lines("prod", 3);
    both.merge(lines("dev", 1), &of_web());
    both.tell_changes(&of_web());
    assert!(both.events.iter().all(|event| event.changed.is_empty() && !event.cluster.is_empty()));
    let mut one = lines("prod", 3);
    one.tell_changes(&of_web());
    assert!(one.events.iter().all(|event| event.cluster.is_empty()));
}

#[test]
fn what_got_its_name_from_the_api_server_is_found_by_it() {
    let mut lines = vec![written(["1", "jane", "create", "", ""], 1, "web-x7k2p")];
    lines.push(written(["2", "jane", "create", "", ""], 1, "api-b9d4z"));
    lines.push(written(["3", "jane", "update", "web-x7k2p", ""], 2, "web-x7k2p"));
    let directory = tempfile::tempdir().unwrap();
    let lake = Lake::open(directory.path().join("lake").to_str().unwrap()).unwrap();
    laws::write(&lake, &lines);
    for pattern in ["web-x7k2p", "web-*"] {
        let filter = Filter { name: Some(pattern.into()), ..Filter::default() };
        let query = Query { filter, newest: 9, ..Query::default() };
        for mut found in [of_lines(&lines, &query), find(&lake, &query, None, 1).unwrap()] {
            found.tell_changes(&query);
            let told: Vec<_> =
                found.events.iter().map(|event| (event.name.as_str(), event.changed.join(""))).collect();
            let change = |text: &str| text.to_owned();
            assert_eq!(told, [("web-x7k2p", change("replicas 1")), ("web-x7k2p", change("replicas 1 -> 2"))]);
            assert_eq!(found.matched(), 2);
        }
    }
}
