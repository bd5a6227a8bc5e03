//! Insight over HTTP and gRPC, with a lake of real events.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use insight::{Insight, MOST_VERBS, Settings, console_with};
use lake::{Lake, Rows};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

mod asked;
mod guarded;
mod pages;
mod reports;
mod ways;

/// The same real events that the lake's own tests use.
fn lines() -> Vec<Vec<u8>> {
    let packed = &include_bytes!("../../../lake/fixtures/events.jsonl.zst")[..];
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

    fn console(&self) -> axum::Router {
        let status =
            || json!({"services": [{"service": "router", "version": "0.1.0", "problems": ["<b>full</b>"]}]});
        let policy = Some(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/datadog.yaml").into());
        let settings = Settings { policy, ..Settings::default() };
        console_with(self.insight.clone(), Arc::new(status), settings)
    }

    async fn ask(&self, path: &str, host: &str) -> (StatusCode, String) {
        let request = Request::get(path).header("host", host).body(Body::empty()).unwrap();
        let answer = self.console().oneshot(request).await.unwrap();
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
    assert_eq!(
        (code, page.contains("cannot list its files")),
        (StatusCode::SERVICE_UNAVAILABLE, true),
        "{page}"
    );
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
