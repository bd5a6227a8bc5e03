//! The ways from page to page: on from a search, from rows to their events, and from an event to others.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::{Open, encoded, lines, links, write};

/// An event at a moment, with more of its fields.
fn event(time: &str, id: &str, more: Value) -> String {
    let mut event = json!({
        "level": "Metadata", "stage": "ResponseComplete", "verb": "get", "auditID": id,
        "user": {"username": "jane"}, "requestURI": "/version", "responseStatus": {"code": 200},
        "requestReceivedTimestamp": time, "stageTimestamp": time,
    });
    let fields = event.as_object_mut().unwrap();
    fields.extend(more.as_object().unwrap().clone());
    event.to_string()
}

/// Every event that a search and those that go on from it find, by file and row.
async fn all(open: &Open, query: &str) -> Vec<(String, u64)> {
    let (mut events, mut path) = (Vec::new(), format!("/api/search?{query}"));
    loop {
        let found = open.json(&path).await;
        let of = |event: &Value| (event["file"].as_str().unwrap().to_owned(), event["row"].as_u64().unwrap());
        events.extend(found["events"].as_array().unwrap().iter().map(of));
        assert_eq!(found["complete"].as_bool(), Some(found["next"].is_null()), "{found}");
        let Some(to) = found["next"]["to"].as_str() else { return events };
        let past = found["next"]["past"].as_str().map(|past| format!("&past={}", encoded(past)));
        path = format!("/api/search?from=2026-11-01&to={to}{}", past.unwrap_or_default());
        assert!(events.len() <= 5000, "a search goes on for ever");
    }
}

#[tokio::test]
async fn searches_that_go_on_find_every_event_once_and_none_says_that_it_is_complete_before() {
    let (open, lines) = (Open::filled(), lines());
    assert!(lines.len() > 200);
    let first = open.json("/api/search?range=30d").await;
    assert_eq!((&first["complete"], first["events"].as_array().unwrap().len()), (&json!(false), 200));
    assert_eq!(first["looked_back_to"], first["events"][199]["time"]);
    let found = all(&open, "range=30d").await;
    assert_eq!((found.len(), found.iter().collect::<BTreeSet<_>>().len()), (lines.len(), lines.len()));
}

#[tokio::test]
async fn more_events_of_one_moment_than_a_page_holds_are_found_too() {
    let open = Open::empty();
    let moment = "2026-11-23T06:10:00.000001Z";
    let lines: Vec<String> = (0..450).map(|n| event(moment, &format!("id-{n}"), json!({}))).collect();
    lines.chunks(90).enumerate().for_each(|(n, part)| write(&open.lake, n as u64 * 90, part));
    let found = all(&open, "range=30d").await;
    assert_eq!((found.len(), found.iter().collect::<BTreeSet<_>>().len()), (450, 450));
}

#[tokio::test]
async fn the_page_leads_on_from_the_oldest_event_that_it_shows() {
    let open = Open::filled();
    let (mut path, mut ids) = ("/search?range=30d".to_owned(), BTreeSet::new());
    for _ in 0..lines().len().div_ceil(200) {
        let (code, page) = open.get(&path).await;
        assert_eq!(code, StatusCode::OK, "{page}");
        ids.extend(links(&page, "/event?"));
        let on = page.contains("Look further back").then(|| links(&page, "/search?from=").remove(0));
        path = on.unwrap_or_default();
    }
    assert_eq!((ids.len(), path.as_str()), (lines().len(), ""));
}

#[tokio::test]
async fn links_from_an_event_lead_to_its_stages_and_its_object_however_old_it_is() {
    let open = Open::empty();
    let pod = json!({"resource": "pods", "namespace": "shop", "name": "web"});
    let asked = |stage, time| {
        let received = "2026-11-01T06:00:00.000000Z";
        let more = json!({"stage": stage, "objectRef": pod, "requestReceivedTimestamp": received});
        event(time, "the-old-one", more)
    };
    let lines = [
        asked("ResponseStarted", "2026-11-01T06:00:00.000001Z"),
        asked("ResponseComplete", "2026-11-01T08:30:00.000000Z"),
        event("2026-11-23T06:00:00.000000Z", "the-new-one", json!({})),
    ];
    write(&open.lake, 0, &lines);
    let old = open.json("/api/search?from=2026-11-01&to=2026-11-02").await;
    assert_eq!(old["events"].as_array().unwrap().len(), 2, "{old}");
    for one in old["events"].as_array().unwrap() {
        let link = format!("/event?file={}&row={}", one["file"].as_str().unwrap(), one["row"]);
        let (_, page) = open.get(&link).await;
        for to in ["/search?audit_id=", "/search?resource=pods"] {
            let found = open.json(&format!("/api{}", links(&page, to).remove(0))).await;
            assert_eq!(found["events"], old["events"], "{page}");
        }
    }
}

#[tokio::test]
async fn the_change_of_roles_before_refusals_is_found_though_it_is_older_than_the_page() {
    let open = Open::empty();
    let pods = json!({"resource": "pods", "namespace": "shop", "apiVersion": "v1"});
    let role = json!({
        "resource": "rolebindings", "namespace": "shop", "name": "readers", "apiGroup": "rbac.authorization.k8s.io",
        "apiVersion": "v1",
    });
    let list = |time, id, code| {
        let decision = if code == 403 { "forbid" } else { "allow" };
        let more = json!({"verb": "list", "objectRef": pods, "requestURI": "/api/v1/namespaces/shop/pods",
            "responseStatus": {"code": code}, "annotations": {"authorization.k8s.io/decision": decision}});
        event(time, id, more)
    };
    let admin = json!({"verb": "delete", "objectRef": role, "user": {"username": "admin"},
        "annotations": {"authorization.k8s.io/decision": "allow"}});
    let lines = [
        list("2026-11-22T04:00:00.000000Z", "allowed", 200),
        event("2026-11-22T05:00:00.000000Z", "the-change", admin),
        list("2026-11-22T06:00:00.000000Z", "refused", 403),
        list("2026-11-24T06:00:00.000000Z", "refused-again", 403),
    ];
    write(&open.lake, 0, &lines);
    let (_, page) = open.get("/refused?range=7d").await;
    let link = links(&page, "/search?audit_id=the-change").remove(0);
    let found = open.json(&format!("/api{link}")).await;
    assert_eq!(found["events"][0]["audit_id"], "the-change", "{link}");
}

#[tokio::test]
async fn a_span_with_seconds_stays_exact_in_forms_and_in_the_links_of_rows() {
    let open = Open::filled();
    let (from, to) = ("2026-11-23T06:10:05", "2026-11-23T06:10:50.25");
    let span = format!("from={from}Z&to={to}Z");
    for path in ["/", "/refused", "/slow", "/search"] {
        let (code, page) = open.get(&format!("{path}?{span}")).await;
        assert_eq!(code, StatusCode::OK, "{page}");
        for (name, value) in [("from", from), ("to", to)] {
            let field = format!("step=\"any\" name=\"{name}\" value=\"{value}\"");
            assert!(page.contains(&field), "{path}: {page}");
        }
        for link in links(&page, "/search?").iter().filter(|link| link.contains("from=")) {
            let link = link.replace("%3A", ":");
            assert!(link.contains(&format!("from={from}&to={to}")), "{path}: {link}");
        }
    }
    let (_, page) = open.get("/?from=2026-11-23T06:10:05.000001&to=2026-11-23T06:10:05.000002").await;
    for (name, micros) in [("from", 1), ("to", 2)] {
        let field = format!("type=\"text\" name=\"{name}\" value=\"2026-11-23T06:10:05.00000{micros}\"");
        assert!(page.contains(&field), "{page}");
    }
}
