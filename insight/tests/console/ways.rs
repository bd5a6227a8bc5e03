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

#[tokio::test]
async fn a_resource_is_named_in_a_search_as_on_every_other_page() {
    let open = Open::empty();
    let of = |id: &str, group: &str, resource: &str, below: &str| {
        let object =
            json!({"resource": resource, "apiGroup": group, "subresource": below, "namespace": "shop"});
        event("2026-11-23T06:10:00.000000Z", id, json!({"objectRef": object}))
    };
    let lines = [
        of("deployment", "apps", "deployments", ""),
        of("scale", "apps", "deployments", "scale"),
        of("pod", "", "pods", ""),
        of("binding", "", "pods", "binding"),
        of("metrics", "metrics.k8s.io", "pods", ""),
    ];
    write(&open.lake, 0, &lines);
    for (resource, ids) in [
        ("deployments.apps", vec!["deployment"]),
        ("deployments", vec!["deployment"]),
        ("deployments.apps/scale", vec!["scale"]),
        ("*/scale", vec!["scale"]),
        ("pods", vec!["metrics", "pod"]),
        ("pods.metrics.k8s.io", vec!["metrics"]),
        ("pods,pods/*", vec!["binding", "metrics", "pod"]),
        ("pods&exact=resource", vec!["pod"]),
        ("&exact=resource", vec![]),
    ] {
        assert_eq!(found(&open, &format!("/search?resource={resource}")).await, ids, "{resource}");
    }
}

/// The audit IDs of the events that a link leads to, in the order of the alphabet.
async fn found(open: &Open, link: &str) -> Vec<String> {
    let found = open.json(&format!("/api{link}")).await;
    let ids = found["events"].as_array().unwrap().iter().map(|event| event["audit_id"].as_str().unwrap());
    let mut ids: Vec<String> = ids.map(str::to_owned).collect();
    ids.sort();
    ids
}

/// The link of the row that has these cells, which are as they stand in the page.
fn link_of(page: &str, cells: &str) -> String {
    let before = page.split(cells).next().filter(|before| before.len() < page.len());
    let before = before.unwrap_or_else(|| panic!("no {cells} in {page}"));
    let link = before.rsplit("href=\"").next().unwrap();
    link.split('"').next().unwrap().replace("&amp;", "&")
}

#[tokio::test]
async fn rows_of_refusals_lead_to_their_events_and_to_no_others() {
    let open = Open::empty();
    let refused = |id: &str, user: &str, more: Value| {
        let mut fields = json!({"user": {"username": user}, "responseStatus": {"code": 403}, "verb": "list",
            "annotations": {"authorization.k8s.io/decision": "forbid"}});
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event("2026-11-23T06:10:00.000000Z", id, fields)
    };
    let pods = |namespace: &str| json!({"objectRef": {"resource": "pods", "namespace": namespace}});
    let path = |path: &str| json!({"requestURI": path, "verb": "get"});
    let lines = [
        refused("everywhere", "jane", pods("")),
        refused("in-shop", "jane", pods("shop")),
        refused("apis", "jane", path("/apis?timeout=1s")),
        refused("apis-apps", "jane", path("/apis/apps")),
        refused("star", "*", pods("")),
        refused("blanks", " jane ", pods("")),
        refused("acting", "admin", json!({"impersonatedUser": {"username": "joe"}, "requestURI": "/apis"})),
    ];
    write(&open.lake, 0, &lines);
    let (_, page) = open.get("/refused").await;
    for (cells, id) in [
        (">jane</a></td><td>list</td><td>pods</td><td></td>", "everywhere"),
        (">jane</a></td><td>list</td><td>pods</td><td><a", "in-shop"),
        (">jane</a></td><td>get</td><td>/apis</td>", "apis"),
        (">jane</a></td><td>get</td><td>/apis/apps</td>", "apis-apps"),
        (">*</a></td>", "star"),
        ("> jane </a></td>", "blanks"),
        (">joe</a></td>", "acting"),
    ] {
        let link = link_of(&page, cells);
        assert_eq!(found(&open, &link).await, [id], "{link}");
        let (_, search) = open.get(&link).await;
        assert!(search.contains("<h2>1 events</h2>"), "{link}: {search}");
    }
}

#[tokio::test]
async fn rows_of_roles_lead_to_their_events_those_on_acting_as_somebody_else_too() {
    let open = Open::empty();
    let allowed = |id: &str, user: &str, more: Value| {
        let mut fields = json!({"user": {"username": user},
            "annotations": {"authorization.k8s.io/decision": "allow"}});
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event("2026-11-23T06:10:00.000000Z", id, fields)
    };
    let account = "system:serviceaccount:shop:app";
    let lines = [
        allowed("own", "jane", json!({})),
        allowed("as-joe", "jane", json!({"impersonatedUser": {"username": "joe"}})),
        allowed("as-app", "jane", json!({"impersonatedUser": {"username": account}})),
        allowed("blanks", " jane ", json!({})),
    ];
    write(&open.lake, 0, &lines);
    let (_, page) = open.get("/rbac?user=jane").await;
    assert_eq!(found(&open, &link_of(&page, ">users</a></td><td>impersonate</td>")).await, ["as-joe"]);
    assert_eq!(
        found(&open, &link_of(&page, ">serviceaccounts</a></td><td>impersonate</td>")).await,
        ["as-app"]
    );
    assert_eq!(found(&open, &link_of(&page, ">/version</a></td><td>get</td>")).await, ["own"]);
    let (_, page) = open.get("/rbac?user=joe").await;
    assert_eq!(found(&open, &link_of(&page, ">/version</a></td><td>get</td>")).await, ["as-joe"]);
    let (_, all) = open.get("/rbac").await;
    let (_, page) = open.get(&link_of(&all, "> jane </a>")).await;
    assert_eq!(found(&open, &link_of(&page, ">/version</a></td><td>get</td>")).await, ["blanks"]);
}

#[tokio::test]
async fn rows_of_slow_requests_lead_to_theirs_by_their_scope_and_where_there_is_no_resource() {
    let open = Open::empty();
    let list = |id: &str, namespace: &str| {
        let object = json!({"resource": "pods", "namespace": namespace});
        event("2026-11-23T06:10:00.000000Z", id, json!({"verb": "list", "objectRef": object}))
    };
    let pod = json!({"objectRef": {"resource": "pods", "namespace": "shop", "name": "web"}});
    let at = "2026-11-23T06:10:00.000000Z";
    let lines =
        [list("all", ""), list("in-shop", "shop"), event(at, "pod", pod), event(at, "version", json!({}))];
    write(&open.lake, 0, &lines);
    let (_, page) = open.get("/slow").await;
    for (cells, id) in [
        (">none</a></td><td>get</td><td>nonresource</td>", "version"),
        (">pods</a></td><td>get</td><td>resource</td>", "pod"),
        (">pods</a></td><td>list</td><td>cluster</td>", "all"),
        (">pods</a></td><td>list</td><td>namespace</td>", "in-shop"),
    ] {
        assert_eq!(found(&open, &link_of(&page, cells)).await, [id], "{cells}");
    }
    let (_, overview) = open.get("/").await;
    assert_eq!(found(&open, &link_of(&overview, ">pods</a>")).await, ["all", "in-shop", "pod"]);
    assert_eq!(
        found(&open, &link_of(&overview, ">none</a></td><td><meter min=\"0\" max=\"3\" ")).await,
        ["version"]
    );
}

#[tokio::test]
async fn a_link_to_an_event_shows_that_one_though_its_file_was_merged_and_others_have_its_audit_id() {
    let open = Open::empty();
    let of = |stage: &str, time: &str, uri: &str| {
        event(time, "chosen-by-the-client", json!({"stage": stage, "requestURI": uri}))
    };
    let lines = [
        of("RequestReceived", "2026-11-23T06:10:00.000001Z", "/one"),
        of("ResponseComplete", "2026-11-23T06:10:00.000002Z", "/one"),
        of("ResponseComplete", "2026-11-23T06:10:00.000002Z", "/two"),
    ];
    (0..).zip(&lines).for_each(|(seq, line)| write(&open.lake, seq, std::slice::from_ref(line)));
    let (_, page) = open.get("/search").await;
    let before = links(&page, "/event?");
    let mut shown = Vec::new();
    for link in &before {
        shown.push(open.get(&format!("/api{link}")).await.1);
    }
    assert_eq!(shown.iter().collect::<BTreeSet<_>>(), lines.iter().collect());
    let hour = open.lake.files().unwrap()[0].partition;
    let merging = lake::Merging { after_us: 0, quiet_us: 0, target: u64::MAX };
    let done = open.lake.merge(hour, &merging, i64::MAX / 2, &|| true).unwrap();
    assert_eq!((done.files, open.lake.files().unwrap().len()), (3, 1));
    for (link, line) in before.iter().zip(&shown) {
        assert_eq!(&open.get(&format!("/api{link}")).await.1, line, "{link}");
        let (code, page) = open.get(link).await;
        assert!(code == StatusCode::OK && !page.contains("not the only one"), "{page}");
        let other = link.replace("seq=", "seq=9");
        assert_eq!(open.get(&other).await.0, StatusCode::NOT_FOUND, "{other}");
    }
    let (_, page) = open.get("/event?audit_id=chosen-by-the-client").await;
    assert!(page.contains("not the only one"), "{page}");
    assert_eq!(found(&open, &links(&page, "/search?audit_id=").remove(0)).await.len(), 3);
}

#[tokio::test]
async fn an_event_that_there_is_not_is_a_404() {
    let open = Open::filled();
    for query in ["audit_id=nobody-has-this", "file=gone&row=0", "file=gone&row=0&audit_id=x&origin=a&seq=1"]
    {
        let (code, page) = open.get(&format!("/event?{query}")).await;
        assert!(code == StatusCode::NOT_FOUND && page.contains("not in the lake"), "{query}: {page}");
        assert_eq!(open.get(&format!("/api/event?{query}")).await.0, StatusCode::NOT_FOUND);
    }
}
