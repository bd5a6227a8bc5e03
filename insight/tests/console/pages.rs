//! The pages on activity, search, one event and the policy, and that what is markup is shown as text.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use insight::{Settings, console_with};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::{Open, counted, encoded, lines, links, write};

#[tokio::test]
async fn the_overview_counts_every_event_of_its_span_as_the_api_beside_it_does() {
    let (open, lines) = (Open::filled(), lines());
    let answer = open.json("/api/overview").await;
    assert_eq!(answer["activity"]["events"], json!(lines.len()));
    assert_eq!(
        (&answer["from"], &answer["to"]),
        (&json!("2026-11-22T07:00:00.000000Z"), &json!("2026-11-23T07:00:00.000000Z"))
    );
    let refused = |event: &Value| matches!(event["responseStatus"]["code"].as_u64(), Some(401 | 403));
    let refused =
        lines.iter().filter(|line| refused(&serde_json::from_str(&String::from_utf8_lossy(line)).unwrap()));
    assert_eq!(answer["activity"]["answered"]["refused"], json!(refused.count()));
    let hour = open.json("/api/overview?from=2026-11-23T05:00&to=2026-11-23T06:00").await;
    let rest = open.json("/api/overview?range=1h").await;
    let sum = hour["activity"]["events"].as_u64().unwrap() + rest["activity"]["events"].as_u64().unwrap();
    assert_eq!(sum, lines.len() as u64);
}

#[tokio::test]
async fn a_search_finds_what_fits_newest_first_and_each_event_opens_as_it_stands_in_the_log() {
    let (open, lines) = (Open::filled(), lines());
    let verb = counted(&lines, |event| event["verb"].as_str().unwrap().into());
    let found = open.json("/api/search?verb=list").await;
    let events = found["events"].as_array().unwrap();
    assert_eq!(events.len() as u64, verb["list"].as_u64().unwrap().min(200));
    assert!(events.is_sorted_by_key(|event| std::cmp::Reverse(event["time"].as_str().unwrap().to_owned())));
    for event in events {
        let query = format!("file={}&row={}", event["file"].as_str().unwrap(), event["row"]);
        let (code, line) = open.get(&format!("/api/event?{query}")).await;
        assert!(code == StatusCode::OK && lines.contains(&line.clone().into_bytes()), "{line}");
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&line["auditID"], &line["verb"]), (&event["audit_id"], &json!("list")));
    }
    let (_, page) = open.get("/search?verb=list").await;
    let (code, event) = open.get(&links(&page, "/event?")[0]).await;
    assert!(
        code == StatusCode::OK && event.contains("its level is") && event.contains("The line"),
        "{event}"
    );
}

#[tokio::test]
async fn an_event_whose_file_was_merged_is_found_by_its_audit_id() {
    let open = Open::filled();
    let found = open.json("/api/search").await;
    let id = found["events"][0]["audit_id"].as_str().unwrap();
    let (code, line) = open.get(&format!("/api/event?file=gone&row=7&audit_id={id}")).await;
    assert!(code == StatusCode::OK && line.contains(id), "{line}");
    let (code, _) = open.get("/api/event?file=../../etc/passwd&row=0").await;
    assert_eq!(code, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_user_agent_a_name_or_a_query_that_is_markup_is_shown_as_text() {
    let open = Open::empty();
    let evil = "</td><script>x()</script><img src=x onerror=x()>";
    let event = json!({"level": "Metadata", "stage": "ResponseComplete", "verb": evil, "auditID": evil,
        "requestURI": evil, "user": {"username": evil, "groups": [evil]}, "userAgent": evil, "sourceIPs": [evil],
        "objectRef": {"resource": evil, "namespace": evil, "name": evil}, "annotations": {evil: evil, "authorization.k8s.io/decision": "forbid"},
        "responseStatus": {"code": 403, "message": evil}, "requestReceivedTimestamp": "2026-11-23T06:00:00.000000Z",
        "stageTimestamp": "2026-11-23T06:00:01.000000Z"});
    write(&open.lake, 0, &[event.to_string()]);
    let (_, search) = open.get("/search").await;
    let event = links(&search, "/event?").remove(0);
    let query = "%22%3E%3Cscript%3Ex()%3C/script%3E";
    let paths = ["/refused", "/rbac", "/slow", "/rbac?mode=wanted"].map(|path| {
        let mark = if path.contains('?') { '&' } else { '?' };
        [path.to_owned(), format!("{path}{mark}user={}", encoded(evil))]
    });
    let paths: Vec<&str> = paths.iter().flatten().map(String::as_str).collect();
    for path in &paths {
        let (code, page) = open.get(path).await;
        assert!(code == StatusCode::OK && page.contains("&lt;script&gt;x()"), "{path}: {page}");
    }
    let all = "user={query}&client={query}&verb={query}&resource={query}&namespace={query}&by={query}&slo={query}&mode={query}&from={query}&range={query}";
    let all = all.replace("{query}", query);
    for path in [
        "/",
        &event,
        &format!("/refused?{all}"),
        &format!("/rbac?{all}"),
        &format!("/slow?{all}"),
        &format!("/search?user={query}&from={query}&verb={query}&range={query}"),
        &format!("/policy?event={query}"),
    ]
    .iter()
    .chain(&paths)
    {
        let (code, page) = open.get(path).await;
        let is_usable = code == StatusCode::OK;
        assert!(
            is_usable || code == StatusCode::BAD_REQUEST && page.contains("This cannot be answered"),
            "{page}"
        );
        assert!(!page.contains("<script>") && !page.contains("<img"), "{page}");
    }
}

#[tokio::test]
async fn the_policy_is_shown_with_its_rules_and_explains_an_event_that_is_pasted() {
    let (_, page) = Open::filled().get("/policy").await;
    assert!(
        page.contains("as kube-apiserver reads them") && page.contains("Rules over the newest"),
        "{page}"
    );
}

#[tokio::test]
async fn stylesheet_and_script_are_where_the_page_says() {
    let (_, page) = Open::empty().get("/").await;
    for path in links(&page, "/static/") {
        let (insight, settings) = (Open::empty().insight, Settings::default());
        let console = console_with(insight, Arc::new(|| json!({})), settings);
        let answer = console.oneshot(Request::get(&path).body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(
            (answer.status(), &answer.headers()["content-type"]),
            (StatusCode::OK, &"text/css; charset=utf-8".parse().unwrap())
        );
    }
}

#[tokio::test]
async fn an_event_to_explain_is_posted_by_our_own_page_however_large_it_is() {
    let open = Open::filled();
    let post = async |site: &str, event: &str| {
        let request = Request::post("/policy").header("host", "localhost").header("sec-fetch-site", site);
        let body = Body::from(format!("event={}", encoded(event)));
        let answer = open.console().oneshot(request.body(body).unwrap()).await.unwrap();
        let code = answer.status();
        let body = to_bytes(answer.into_body(), 64 << 20).await.unwrap().to_vec();
        (code, String::from_utf8(body).unwrap())
    };
    let event = |body: &str| {
        json!({"level": "Metadata", "stage": "ResponseComplete", "verb": "get", "requestURI": "/version", "auditID": "x",
            "user": {"username": "jane"}, "responseObject": {"data": body}})
        .to_string()
    };
    for length in [1, 60 << 10, 1 << 20] {
        let (code, page) = post("same-origin", &event(&"<".repeat(length))).await;
        assert_eq!((code, page.contains("its level is")), (StatusCode::OK, true), "{length}");
        assert!(page.contains("data-posted") && !page.contains("<<"), "{length}");
    }
    let (code, page) = post("same-origin", &event(&"x".repeat(5 << 20))).await;
    assert!(code == StatusCode::PAYLOAD_TOO_LARGE && page.contains("larger than 4 MiB"), "{page}");
    assert_eq!(post("cross-site", &event("x")).await.0, StatusCode::FORBIDDEN);
    let (code, page) = open.get("/policy?event=x").await;
    assert!(code == StatusCode::BAD_REQUEST && page.contains("no such parameter"), "{page}");
    assert!(open.get("/policy").await.1.contains("<form method=\"post\" action=\"/policy#explain\">"));
}

#[tokio::test]
async fn what_the_services_say_is_told_while_a_page_takes_its_time() {
    let open = Open::filled();
    let (release, held) = std::sync::mpsc::channel::<()>();
    let held = std::sync::Mutex::new(Some(held));
    let (begins, begun) = tokio::sync::oneshot::channel();
    let begins = std::sync::Mutex::new(Some(begins));
    // The first who asks, the overview, has to wait.
    let services = move || {
        let first = held.lock().unwrap().take();
        if let Some(held) = first {
            begins.lock().unwrap().take().unwrap().send(()).unwrap();
            held.recv().unwrap();
        }
        json!({"services": []})
    };
    let console = console_with(open.insight.clone(), Arc::new(services), Settings::default());
    let ask = |path: &str| {
        let request = Request::get(path).header("host", "localhost").body(Body::empty()).unwrap();
        console.clone().oneshot(request)
    };
    let page = tokio::spawn(ask("/"));
    begun.await.unwrap();
    assert_eq!(ask("/api/status").await.unwrap().status(), StatusCode::OK);
    release.send(()).unwrap();
    assert_eq!(page.await.unwrap().unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn the_page_of_an_event_tells_how_to_prove_it_with_its_lake_and_what_a_clock_did() {
    let open = Open::empty();
    let event = json!({"level": "Metadata", "stage": "ResponseComplete", "verb": "get", "auditID": "the-one",
        "requestURI": "/version", "requestReceivedTimestamp": "2026-11-23T06:23:01.000000Z",
        "stageTimestamp": "2026-11-23T06:10:00.000000Z"});
    write(&open.lake, 0, &[event.to_string()]);
    let (_, page) = open.get("/event?audit_id=the-one").await;
    assert!(page.contains("auditrail prove --audit-id the-one --lake ") && page.contains("--data"), "{page}");
    assert!(page.contains("-13.0 min (the server&#39;s clock was set back meanwhile)"), "{page}");
    assert!(page.contains("data-copy=\"line\" data-whole"), "{page}");
}
