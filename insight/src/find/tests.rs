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
            assert_eq!((&of_lake.events, of_lake.matched), (&found.events, found.matched));
        }
        assert_eq!(found.events.len() as u64, found.matched.min(newest as u64));
        assert!(found.matched > 7);
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
    assert_eq!(found.matched, of_user.count() as u64);
    let writes = of_lines(&lines, &Query { reads: false, ..query });
    assert!(writes.matched < found.matched, "{} {}", writes.matched, found.matched);
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
        assert_eq!(event.session_seconds.is_some(), was_begun, "{event:?}");
    }
}
