//! Insight over HTTP and gRPC, with a lake of real events.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use chassis::secret::Secret;
use insight::{Insight, MOST_VERBS, Settings, console_with};
use lake::{Lake, Rows};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

/// The same real events that the lake's own tests use.
fn lines() -> Vec<Vec<u8>> {
    let packed = &include_bytes!("../../lake/fixtures/events.jsonl.zst")[..];
    let text = zstd::decode_all(packed).unwrap();
    text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
}

fn write<L: AsRef<[u8]>>(lake: &Lake, first: u64, lines: &[L]) {
    let lines: Vec<(u64, &[u8])> = (first..).zip(lines.iter().map(AsRef::as_ref)).collect();
    let last = first + lines.len() as u64 - 1;
    let received_us = 1_795_417_200_000_000;
    let (origin, cluster, node) = ("prod/cp-1", "prod", "cp-1");
    lake.write(&Rows { origin, cluster, node, queue: [7; 16], first, last, received_us, lines: &lines })
        .unwrap();
}

struct Open {
    directory: TempDir,
    lake: Lake,
    insight: Insight,
}

impl Open {
    fn empty() -> Open {
        let directory = tempfile::tempdir().unwrap();
        let url = directory.path().to_str().unwrap();
        let (lake, insight) = (Lake::open(url).unwrap(), Insight::open(url).unwrap());
        Open { directory, lake, insight }
    }

    fn filled() -> Open {
        let open = Open::empty();
        for (part, first) in lines().chunks(50).zip((0..).step_by(50)) {
            write(&open.lake, first, part);
        }
        open
    }

    async fn get(&self, path: &str) -> (StatusCode, String) {
        self.ask(path, "localhost:8080").await
    }

    async fn ask(&self, path: &str, host: &str) -> (StatusCode, String) {
        let status =
            || json!({"services": [{"service": "router", "version": "0.1.0", "problems": ["<b>full</b>"]}]});
        let policy = Some(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/datadog.yaml").into());
        let settings = Settings { policy, ..Settings::default() };
        let console = console_with(self.insight.clone(), Arc::new(status), settings);
        let request = Request::get(path).header("host", host).body(Body::empty()).unwrap();
        let answer = console.oneshot(request).await.unwrap();
        assert_eq!(answer.headers()["cache-control"], "no-store");
        assert!(
            answer.headers()["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'")
        );
        let code = answer.status();
        (code, String::from_utf8(to_bytes(answer.into_body(), 16 << 20).await.unwrap().to_vec()).unwrap())
    }

    async fn json(&self, path: &str) -> Value {
        let (code, body) = self.get(path).await;
        assert_eq!(code, StatusCode::OK, "{body}");
        serde_json::from_str(&body).unwrap()
    }
}

/// Events by what `key` finds in them.
fn counted(lines: &[Vec<u8>], key: impl Fn(&Value) -> String) -> Value {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for line in lines {
        let event: Value = serde_json::from_str(&String::from_utf8_lossy(line)).unwrap();
        *counts.entry(key(&event)).or_default() += 1;
    }
    serde_json::to_value(counts).unwrap()
}

#[tokio::test]
async fn the_api_tells_extent_and_counts_of_the_lake() {
    let (open, lines) = (Open::filled(), lines());
    let answer = open.json("/api/lake").await;
    assert_eq!(answer["files"], json!(open.lake.files().unwrap().len()));
    assert_eq!(answer["rows"], json!(lines.len()));
    assert_eq!(answer["bytes"], json!(open.lake.summary().unwrap().bytes));
    assert_eq!(answer["oldest"], "2026-11-23T05:53:51.024655Z");
    assert_eq!(answer["newest"], "2026-11-23T06:29:54.633393Z");
    let total = &answer["total"];
    assert_eq!(total["events"], json!(lines.len()));
    assert_eq!(total["bytes"], json!(lines.iter().map(Vec::len).sum::<usize>()));
    assert_eq!(total["verbs"], counted(&lines, |event| event["verb"].as_str().unwrap().into()));
    let code = |event: &Value| {
        event["responseStatus"]["code"].as_u64().map_or("none".into(), |code| code.to_string())
    };
    assert_eq!(total["codes"], counted(&lines, code));
    let hour = |event: &Value| format!("{}:00:00Z", &event["stageTimestamp"].as_str().unwrap()[..13]);
    let hours = answer["hours"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hour| (hour["hour"].as_str().unwrap(), &hour["events"]));
    assert_eq!(json!(hours.collect::<BTreeMap<_, _>>()), counted(&lines, hour));
}

#[tokio::test]
async fn only_the_newest_hours_asked_for_are_counted() {
    let open = Open::filled();
    let one = open.json("/api/lake?hours=1").await;
    assert_eq!(one["hours"].as_array().unwrap().len(), 1);
    assert_eq!(one["hours"][0]["hour"], "2026-11-23T06:00:00Z");
    assert_eq!(one["total"]["events"], one["hours"][0]["events"]);
    assert_eq!(one["rows"], json!(lines().len()));
    let none = open.json("/api/lake?hours=0").await;
    assert_eq!((&none["hours"], &none["total"]["events"]), (&json!([]), &json!(0)));
}

#[tokio::test]
async fn a_question_that_makes_no_sense_is_refused_with_the_reason() {
    let open = Open::empty();
    let (code, body) = open.get("/api/lake?hours=745").await;
    assert_eq!((code, body.contains("at most 744")), (StatusCode::BAD_REQUEST, true), "{body}");
}

#[tokio::test]
async fn what_is_written_later_is_in_the_next_answer_and_what_left_is_not() {
    let open = Open::empty();
    assert_eq!(open.json("/api/lake").await["rows"], 0);
    let lines = lines();
    write(&open.lake, 0, &lines[..10]);
    assert_eq!(open.json("/api/lake").await["total"]["events"], 10);
    write(&open.lake, 10, &lines[10..15]);
    assert_eq!(open.json("/api/lake").await["total"]["events"], 15);
    std::fs::remove_dir_all(open.directory.path().join("date=2026-11-23")).unwrap();
    assert_eq!(open.json("/api/lake").await["total"]["events"], 0);
}

#[tokio::test]
async fn a_damaged_file_is_named_and_hides_no_other() {
    let open = Open::filled();
    let rows = open.json("/api/lake").await["rows"].as_u64().unwrap();
    let file = open.lake.files().unwrap().remove(0);
    let lost = open.lake.footer(&file).unwrap().rows;
    std::fs::write(open.directory.path().join(&file.path), "torn").unwrap();
    let answer = open.json("/api/lake").await;
    assert_eq!(
        (&answer["unreadable_files"], &answer["unreadable"][0]["path"]),
        (&json!(1), &json!(file.path))
    );
    assert_eq!((&answer["rows"], &answer["total"]["events"]), (&json!(rows - lost), &json!(rows - lost)));
    let status = open.insight.status();
    assert!(status.problems[0].contains(&file.path), "{:?}", status.problems);
}

#[tokio::test]
async fn a_lake_that_went_away_is_a_503_and_the_page_says_it_too() {
    let open = Open::filled();
    std::fs::remove_dir_all(open.directory.path()).unwrap();
    let (code, body) = open.get("/api/lake").await;
    assert_eq!(
        (code, body.contains("cannot list its files")),
        (StatusCode::SERVICE_UNAVAILABLE, true),
        "{body}"
    );
    assert!(open.insight.status().problems[0].contains("cannot list its files"));
    let (code, page) = open.get("/").await;
    assert_eq!((code, page.contains("cannot list its files")), (StatusCode::OK, true), "{page}");
}

#[tokio::test]
async fn verbs_that_clients_invent_do_not_grow_the_answer_without_bound() {
    let open = Open::empty();
    let event = |number| format!(r#"{{"level":"Metadata","stage":"ResponseComplete","verb":"v{number}"}}"#);
    let lines: Vec<String> = (0..500).map(event).collect();
    write(&open.lake, 0, &lines);
    let total = open.json("/api/lake").await["total"].clone();
    assert_eq!(total["events"], 500);
    assert_eq!(total["verbs"].as_object().unwrap().len(), MOST_VERBS + 1);
}

#[tokio::test]
async fn the_page_shows_the_lake_and_escapes_what_services_say() {
    let (code, page) = Open::filled().get("/").await;
    assert_eq!(code, StatusCode::OK);
    assert!(
        page.contains("2026-11-23T06:29:54.633393Z") && page.contains("&lt;b&gt;full&lt;/b&gt;"),
        "{page}"
    );
    assert!(!page.contains("<b>full"));
}

#[tokio::test]
async fn a_file_is_opened_once_however_often_is_asked() {
    let open = Open::filled();
    open.json("/api/lake").await;
    let files = open.lake.files().unwrap();
    // Whoever opened the files again would now find them damaged; their size is the same.
    for file in &files {
        let path = open.directory.path().join(&file.path);
        std::fs::write(&path, vec![0; usize::try_from(file.bytes).unwrap()]).unwrap();
    }
    let again = open.json("/api/lake").await;
    assert_eq!((&again["unreadable_files"], &again["total"]["events"]), (&json!(0), &json!(lines().len())));
}

#[test]
fn asking_changes_nothing_in_the_lake() {
    let open = Open::filled();
    let before = tree(open.directory.path());
    open.insight.overview(24).unwrap();
    assert!(open.insight.status().problems.is_empty());
    assert!(before == tree(open.directory.path()));
}

fn tree(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(tree(&path));
        } else {
            found.insert(path.to_string_lossy().into_owned(), std::fs::read(&path).unwrap());
        }
    }
    found
}

fn links(page: &str, to: &str) -> Vec<String> {
    let start = format!("href=\"{to}");
    let links = page.split(&start).skip(1);
    links.map(|rest| format!("{to}{}", rest.split('"').next().unwrap()).replace("&amp;", "&")).collect()
}

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
        assert_eq!(code, StatusCode::OK);
        assert!(!page.contains("<script>") && !page.contains("<img"), "{page}");
    }
}

/// As a part of a query.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// The events whose last stage tells how they were answered, with a code of this kind.
fn answered(lines: &[Vec<u8>], code: impl Fn(u64) -> bool) -> Vec<Value> {
    let events =
        lines.iter().filter_map(|line| serde_json::from_str::<Value>(&String::from_utf8_lossy(line)).ok());
    events
        .filter(|event| {
            event["stage"] != "ResponseStarted" && event["responseStatus"]["code"].as_u64().is_some_and(&code)
        })
        .collect()
}

#[tokio::test]
async fn refusals_are_told_with_who_what_and_why_and_each_row_leads_to_its_events() {
    let (open, lines) = (Open::filled(), lines());
    let refused = answered(&lines, |code| code == 403);
    let report = open.json("/api/denied").await["denied"].clone();
    let rows = report["refused"].as_array().unwrap();
    let count = |rows: &[Value]| rows.iter().map(|row| row["count"].as_u64().unwrap()).sum::<u64>();
    assert!(!rows.is_empty() && count(rows) == refused.len() as u64, "{report}");
    let (_, page) = open.get("/refused").await;
    assert!(page.contains("401 and 403 of everybody") && page.contains("no role allows it"), "{page}");
    assert!(page.contains("data-copy=\"fix-") && page.contains("kind: Role"), "{page}");
    let row = &rows[0];
    let (subject, verb) = (row["subject"].as_str().unwrap(), row["verb"].as_str().unwrap());
    let link = links(&page, "/search?user=").remove(0);
    let found = open.json(&format!("/api{link}")).await;
    let events = found["events"].as_array().unwrap();
    assert!(events.len() as u64 >= row["count"].as_u64().unwrap().min(200), "{link}: {found}");
    assert!(events.iter().all(|event| event["user"] == subject && event["verb"] == verb), "{found}");
    let one = open.json(&format!("/api/denied?user={}&verb={verb}", encoded(subject))).await;
    let rows = one["denied"]["refused"].as_array().unwrap();
    assert!(rows.contains(row) && rows.iter().all(|row| row["subject"] == subject), "{one}");
    let none = open.get("/refused?user=nobody-has-this-name").await.1;
    assert!(none.contains("Nothing was refused that fits"), "{none}");
}

#[tokio::test]
async fn a_subject_is_chosen_for_the_least_roles_that_allow_all_it_was_allowed() {
    let open = Open::filled();
    let (_, page) = open.get("/rbac?range=7d").await;
    let link = links(&page, "/rbac?user=system%3Aserviceaccount").remove(0);
    assert!(link.ends_with("&range=7d"), "{link}");
    let (code, one) = open.get(&link).await;
    assert!(
        code == StatusCode::OK && one.contains("kind: ClusterRole") && one.contains("asked again"),
        "{one}"
    );
    let told = open.json(&format!("/api{link}")).await["rbac"].clone();
    let proposed = &told["proposed"];
    assert!(proposed["requests"].as_u64() > Some(0), "{told}");
    assert_eq!(proposed["requests"], proposed["allowed"]);
    let requests: u64 =
        told["uses"].as_array().unwrap().iter().map(|row| row["allowed"].as_u64().unwrap()).sum();
    assert_eq!(json!(requests), told["subjects"][0]["allowed"]);
    let events = open.json(&format!("/api{}", links(&one, "/search?user=").remove(0))).await;
    assert!(!events["events"].as_array().unwrap().is_empty(), "{events}");
    let (_, wanted) = open.get(&format!("{link}&mode=fix")).await;
    assert!(wanted.contains("<option value=\"fix\" selected>"), "{wanted}");
    let (_, none) = open.get("/rbac?user=nobody-has-this-name").await;
    assert!(none.contains("Nobody of this name asked"), "{none}");
}

#[tokio::test]
async fn slow_requests_are_told_over_time_by_what_they_are_and_with_their_objectives() {
    let open = Open::filled();
    let report = open.json("/api/slow").await["slow"].clone();
    let (_, page) = open.get("/slow").await;
    assert!(page.contains("<path class=\"p99\"") && page.contains("What takes the time"), "{page}");
    assert!(page.contains("Objectives") && page.contains("Meant to last"), "{page}");
    let groups = report["groups"].as_array().unwrap();
    assert!(!groups.is_empty() && groups[0]["client"] == "" && groups[0]["verb"] != "", "{report}");
    let by_client = open.json("/api/slow?by=client&slo=mixin").await["slow"].clone();
    assert!(by_client["groups"].as_array().unwrap().iter().all(|group| group["verb"] == ""), "{by_client}");
    assert_eq!(
        (&by_client["requests"], &by_client["objectives"]["preset"]),
        (&report["requests"], &json!("mixin"))
    );
    let (_, lists) = open.get("/slow?verb=list&range=30d").await;
    assert!(links(&lists, "/slow?range=7d").iter().all(|link| link.ends_with("&verb=list")), "{lists}");
    let link = links(&lists, "/search?verb=list").remove(0);
    let found = open.json(&format!("/api{link}")).await;
    assert!(!found["events"].as_array().unwrap().is_empty(), "{link}: {found}");
    let (_, none) = open.get("/slow?user=nobody-has-this-name").await;
    assert!(none.contains("No request of this time fits"), "{none}");
}

#[tokio::test]
async fn pages_of_an_empty_lake_and_of_one_that_went_away_say_so() {
    let open = Open::empty();
    for (path, words) in [
        ("/refused", "Nothing was refused that fits"),
        ("/rbac", "Nobody of this name asked"),
        ("/slow", "No request of this time fits"),
    ] {
        let (code, page) = open.get(path).await;
        assert!(code == StatusCode::OK && page.contains(words), "{path}: {page}");
    }
    std::fs::remove_dir_all(open.directory.path()).unwrap();
    for path in ["/refused", "/rbac", "/slow"] {
        let (code, page) = open.get(path).await;
        assert!(code == StatusCode::OK && page.contains("cannot list its files"), "{path}: {page}");
    }
    for path in ["/api/denied", "/api/rbac", "/api/slow"] {
        assert_eq!(open.get(path).await.0, StatusCode::SERVICE_UNAVAILABLE, "{path}");
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
async fn who_asks_under_a_name_that_is_not_ours_is_refused() {
    let open = Open::filled();
    for path in ["/", "/search", "/rbac", "/api/overview", "/api/denied", "/api/status"] {
        let (code, body) = open.ask(path, "evil.example:8080").await;
        assert_eq!((code, body.contains("insight.hosts")), (StatusCode::MISDIRECTED_REQUEST, true), "{body}");
    }
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
async fn where_there_is_a_token_nothing_is_told_without_it() {
    let open = Open::filled();
    let token = open.directory.path().join("token");
    let ask = async |path: &str, brought: Option<&str>| {
        let token = Some(Secret::from_file(&token));
        let settings = Settings { token, ..Settings::default() };
        let console = console_with(open.insight.clone(), Arc::new(|| json!({})), settings);
        let mut request = Request::get(path).header("host", "localhost");
        if let Some(brought) = brought {
            request = request.header("authorization", brought);
        }
        console.oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status()
    };
    assert_eq!(ask("/", Some("Bearer ")).await, StatusCode::SERVICE_UNAVAILABLE, "there is no such file");
    std::fs::write(&token, "short\n").unwrap();
    assert_eq!(ask("/", Some("Bearer short")).await, StatusCode::SERVICE_UNAVAILABLE);
    std::fs::write(&token, "a-token-of-some-length\n").unwrap();
    for path in [
        "/",
        "/refused",
        "/rbac",
        "/slow",
        "/search",
        "/event",
        "/policy",
        "/api/search",
        "/api/denied",
        "/api/status",
    ] {
        assert_eq!(ask(path, None).await, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(ask(path, Some("Bearer a-token-of-some-lengtH")).await, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(ask("/search", Some("Bearer a-token-of-some-length")).await, StatusCode::OK);
}

#[tokio::test]
async fn people_sign_in_with_the_token_get_a_cookie_and_are_where_they_wanted_to_go() {
    let open = Open::filled();
    let token = open.directory.path().join("token");
    std::fs::write(&token, "a-token-of-some-length\n").unwrap();
    let ask = async |request: axum::http::request::Builder, body: &str| {
        let settings = Settings { token: Some(Secret::from_file(&token)), ..Settings::default() };
        let console = console_with(open.insight.clone(), Arc::new(|| json!({})), settings);
        let request = request.header("host", "localhost").body(Body::from(body.to_owned())).unwrap();
        let answer = console.oneshot(request).await.unwrap();
        let headers = answer.headers().clone();
        let body = to_bytes(answer.into_body(), 16 << 20).await.unwrap().to_vec();
        (headers, String::from_utf8(body).unwrap())
    };
    let status = async |request: axum::http::request::Builder, body: &str| {
        let settings = Settings { token: Some(Secret::from_file(&token)), ..Settings::default() };
        let console = console_with(open.insight.clone(), Arc::new(|| json!({})), settings);
        let request = request.header("host", "localhost").body(Body::from(body.to_owned())).unwrap();
        console.oneshot(request).await.unwrap().status()
    };
    let people = || Request::get("/slow?verb=%22list").header("accept", "text/html,*/*");
    assert_eq!(status(people(), "").await, StatusCode::UNAUTHORIZED);
    let (headers, form) = ask(people(), "").await;
    assert!(form.contains("type=\"password\"") && form.contains("value=\"/slow?verb=%22list\""), "{form}");
    assert!(!headers.contains_key("www-authenticate"), "a browser would ask in a window of its own");
    let post = || Request::post("/login").header("content-type", "application/x-www-form-urlencoded");
    let (headers, again) = ask(post(), "token=a-token-of-some-lengtH&to=%2Fslow").await;
    assert!(again.contains("not the token") && !headers.contains_key("set-cookie"), "{again}");
    let sent = "token=a-token-of-some-length&to=%2Fslow%3Fverb%3Dlist";
    let (headers, _) = ask(post(), sent).await;
    let cookie = headers["set-cookie"].to_str().unwrap();
    assert!(
        cookie.contains("; HttpOnly; SameSite=Strict; Path=/") && !cookie.contains("of-some-length"),
        "{cookie}"
    );
    assert_eq!(headers["location"], "/slow?verb=list");
    let cookie = cookie.split(';').next().unwrap().to_owned();
    assert_eq!(status(Request::get("/slow").header("cookie", &cookie), "").await, StatusCode::OK);
    assert_eq!(status(Request::get("/api/slow").header("cookie", &cookie), "").await, StatusCode::OK);
    for away in ["https%3A%2F%2Fevil.example", "%2F%2Fevil.example", "%2F%5Cevil.example", "%2F%0D%0Ax"] {
        let (headers, _) = ask(post(), &format!("token=a-token-of-some-length&to={away}")).await;
        assert_eq!(headers["location"], "/", "{away}");
    }
    assert_eq!(status(post().header("sec-fetch-site", "cross-site"), sent).await, StatusCode::FORBIDDEN);
    let (headers, _) = ask(Request::post("/logout").header("cookie", &cookie), "").await;
    assert!(
        headers["set-cookie"].to_str().unwrap().contains("auditrail=; ") && headers["location"] == "/login"
    );
    std::fs::write(&token, "another-token-of-some-length\n").unwrap();
    assert_eq!(status(Request::get("/slow").header("cookie", &cookie), "").await, StatusCode::UNAUTHORIZED);
}
