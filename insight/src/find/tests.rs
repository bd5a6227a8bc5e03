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
            assert_eq!((&of_lake.events, of_lake.matched()), (&found.events, found.matched()));
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
            assert_eq!(found.events, all.events[300 - newest..], "{newest}");
            assert_eq!(found.matched(), 300);
        }
    }
}
