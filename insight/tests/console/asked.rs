//! Questions that cannot be used, on pages and in the API; and that docs/console.md tells the parameters that there are.

use std::collections::BTreeMap;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::{Open, links};

const DOCUMENT: &str = include_str!("../../../docs/console.md");

/// A value that a parameter takes.
fn usable(name: &str) -> &'static str {
    match name {
        "range" => "7d",
        "from" | "to" => "2026-11-23",
        "code" => "4xx",
        "decision" => "forbid",
        "by" => "user,client",
        "slo" => "mixin",
        "mode" => "fix",
        "hours" => "1",
        "past" => "1,x",
        "scope" => "cluster",
        "exact" => "user,namespace",
        "row" | "seq" => "0",
        "time" => "2026-11-23T06:12:09.5Z",
        _ => "x",
    }
}

/// The table of the document: the parameters of each path.
fn documented() -> BTreeMap<&'static str, Vec<&'static str>> {
    let table = DOCUMENT.split("| Path | Parameter |").nth(1).unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let (mut paths, mut path) = (BTreeMap::<_, Vec<_>>::new(), "");
    for row in rows {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        if !cells[1].is_empty() {
            path = cells[1].trim_matches('`');
        }
        let names = cells[2].split(", ").map(|name| name.trim_matches('`')).filter(|name| !name.is_empty());
        paths.entry(path).or_default().extend(names);
    }
    paths
}

#[tokio::test]
async fn every_documented_parameter_is_taken_and_every_other_is_refused_with_the_documented_ones() {
    let open = Open::filled();
    assert_eq!(documented().len(), 8);
    for (path, names) in documented() {
        for name in &names {
            let value = usable(name);
            let with = match *name {
                "file" => "&row=0",
                "past" => "&to=2026-11-24",
                "row" => "&file=x",
                "origin" => "&seq=0&audit_id=x",
                "seq" => "&origin=x&audit_id=x",
                "time" => "&audit_id=x",
                _ => "",
            };
            let (code, body) = open.get(&format!("{path}?{name}={value}{with}")).await;
            assert_ne!(code, StatusCode::BAD_REQUEST, "{path} {name}: {body}");
        }
        let (code, body) = open.get(&format!("{path}?colour=red")).await;
        let told: Value = serde_json::from_str(&body).unwrap();
        let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        let error = format!("`colour`: {path} has no such parameter; it has {known}");
        assert_eq!((code, told), (StatusCode::BAD_REQUEST, json!({"error": error, "parameter": "colour"})));
    }
}

#[tokio::test]
async fn what_cannot_be_used_is_a_400_on_pages_and_in_the_api_and_never_another_answer() {
    let open = Open::filled();
    for (query, parameter) in [
        ("denied?from=foo", "from"),
        ("denied?from=2026-11-23T07:00&to=2026-11-23T06:00", "from"),
        ("denied?since=2026-11-23", "since"),
        ("denied?range=2h", "range"),
        ("denied?user=a&user=b", "user"),
        ("slow?by=foo", "by"),
        ("slow?by=user,foo", "by"),
        ("slow?slo=zz", "slo"),
        ("rbac?mode=zz", "mode"),
        ("search?code=abc", "code"),
        ("search?decision=zz", "decision"),
        ("event?file=x&row=-1", "row"),
        ("event?file=x", "row"),
        ("event?row=1", "file"),
        ("event", "audit_id"),
        ("event?audit_id=x&seq=1", "origin"),
        ("event?audit_id=x&origin=a", "seq"),
        ("event?audit_id=x&time=foo", "time"),
        ("overview?to=2026-13-01", "to"),
    ] {
        let (code, body) = open.get(&format!("/api/{query}")).await;
        let told: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            (code, &told["parameter"]),
            (StatusCode::BAD_REQUEST, &json!(parameter)),
            "{query}: {body}"
        );
        assert_eq!(told.as_object().unwrap().len(), 2, "{body}");
        let page = query.replace("overview", "").replace("denied", "refused");
        let (code, page) = open.get(&format!("/{page}")).await;
        assert_eq!(code, StatusCode::BAD_REQUEST, "{query}: {page}");
        let words = page.split("role=\"alert\" id=\"wrong\">").nth(1).unwrap();
        assert!(words.starts_with(&format!("`{parameter}`: ")), "{query}: {words}");
        assert!(!page.contains("No event fits") && !page.contains("What takes the time"), "{page}");
    }
}

#[tokio::test]
async fn a_page_that_cannot_be_answered_keeps_the_form_as_it_was_filled_in() {
    let (_, page) = Open::filled().get("/search?user=alice&from=07:00&to=06:00&verb=list&code=403").await;
    for (name, value) in [("user", "alice"), ("to", "06:00"), ("verb", "list"), ("code", "403")] {
        assert!(page.contains(&format!("name=\"{name}\" value=\"{value}\"")), "{name}: {page}");
    }
    let wrong = page.split("aria-invalid=\"true\" aria-describedby=\"wrong\"").next().unwrap();
    assert!(
        wrong.ends_with("name=\"from\" value=\"07:00\" autocomplete=\"off\" spellcheck=\"false\" "),
        "{page}"
    );
}

#[tokio::test]
async fn from_and_to_take_what_the_command_line_takes() {
    let open = Open::filled();
    let day = open.json("/api/overview?from=2026-11-23&to=2026-11-24").await;
    let same = open.json("/api/overview?from=2026-11-23T01:00:00%2B01:00&to=2026-11-24T00:00").await;
    assert_eq!(day, same);
    assert_eq!(day["from"], "2026-11-23T00:00:00.000000Z");
    assert!(day["activity"]["events"].as_u64() > Some(0), "{day}");
    let (code, page) = open.get("/slow?from=2h").await;
    assert_eq!(code, StatusCode::OK, "{page}");
    for path in ["/", "/refused", "/rbac", "/slow", "/search"] {
        let (code, page) = open.get(&format!("{path}?from=0000-01-01&to=9999-12-31")).await;
        assert_eq!(code, StatusCode::OK, "{path}: {page}");
    }
}

#[tokio::test]
async fn a_path_that_there_is_not_is_a_page_with_links_or_a_sentence() {
    let open = Open::empty();
    for path in ["/nothing", "/refused/more", "/apis"] {
        let (code, page) = open.get(path).await;
        assert!(code == StatusCode::NOT_FOUND && page.contains("There is no page here"), "{path}: {page}");
        assert!(links(&page, "/search").len() > 1, "{page}");
    }
    for path in ["/api", "/api/", "/api/nothing", "/api/denied/"] {
        let (code, body) = open.get(path).await;
        let told: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(code, StatusCode::NOT_FOUND);
        assert!(told["error"].as_str().unwrap().contains("there is no such path"), "{path}: {body}");
    }
}

#[tokio::test]
async fn another_method_is_refused_with_those_that_the_path_takes() {
    let open = Open::empty();
    for (method, path, takes) in [
        ("POST", "/api/denied", "GET"),
        ("DELETE", "/", "GET"),
        ("PUT", "/login", "GET"),
        ("GET", "/logout", "POST"),
    ] {
        let request = Request::builder().method(method).uri(path).header("host", "localhost:8080");
        let answer = open.console().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        assert!(answer.headers()["allow"].to_str().unwrap().contains(takes), "{:?}", answer.headers());
        let body = to_bytes(answer.into_body(), 1 << 16).await.unwrap();
        let told: Value = serde_json::from_slice(&body).unwrap();
        assert!(told["error"].as_str().unwrap().contains(&format!("does not take {method}")), "{told}");
    }
}
