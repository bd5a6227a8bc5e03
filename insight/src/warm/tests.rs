//! States that are made before anybody asks, and pages that show what is ready.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::body::{Body, to_bytes};
use axum::http::Request;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::{Settings, console_with, laws};

const PAGES: [&str; 4] = ["/", "/refused", "/rbac", "/slow"];
const API: [&str; 4] = ["/api/overview", "/api/denied", "/api/rbac", "/api/slow"];

struct Desk {
    directory: tempfile::TempDir,
    insight: Insight,
    states: Kept,
}

impl Desk {
    fn new() -> Desk {
        let directory = tempfile::tempdir().unwrap();
        let insight = Insight::open(directory.path().join("lake").to_str().unwrap()).unwrap();
        laws::write(&insight.0.lake, &laws::recording());
        let states = Kept::in_directory(&directory.path().join("states"));
        Desk { directory, insight, states }
    }

    fn files(&self) -> Vec<File> {
        self.insight.0.lake.files().unwrap()
    }

    /// Whoever opens a file now finds it damaged; its size is the same.
    fn damage(&self) {
        for file in self.files() {
            let path = self.directory.path().join("lake").join(&file.path);
            std::fs::write(path, vec![0; usize::try_from(file.bytes).unwrap()]).unwrap();
        }
    }

    async fn get(&self, path: &str, patience: Duration) -> String {
        let settings = Settings { states: self.states.clone(), patience, ..Settings::default() };
        let console = console_with(self.insight.clone(), Arc::new(|| json!({})), settings);
        let request = Request::get(path).header("host", "localhost").body(Body::empty()).unwrap();
        let answer = console.oneshot(request).await.unwrap();
        String::from_utf8(to_bytes(answer.into_body(), 16 << 20).await.unwrap().to_vec()).unwrap()
    }
}

#[tokio::test]
async fn what_was_made_ready_answers_every_page_without_reading_a_file() {
    let desk = Desk::new();
    let mut before = Vec::new();
    for path in API {
        before.push(desk.get(path, Duration::from_secs(600)).await);
    }
    std::fs::remove_dir_all(desk.directory.path().join("states")).unwrap();
    assert!(Ready::default().round(&desk.insight, &desk.states, &|| true).unwrap());
    desk.damage();
    for (path, before) in API.iter().zip(before) {
        assert_eq!(desk.get(path, Duration::ZERO).await, before, "{path}");
    }
    for path in PAGES {
        let page = desk.get(path, Duration::ZERO).await;
        assert!(!page.contains("http-equiv") && !page.contains("cannot be read"), "{page}");
    }
}

#[tokio::test]
async fn a_page_whose_hours_are_not_ready_answers_at_once_says_what_is_missing_and_renews_itself() {
    let desk = Desk::new();
    let files = desk.files().len();
    for (page, api) in PAGES.into_iter().zip(API) {
        let text = desk.get(page, Duration::ZERO).await;
        assert!(text.contains("<meta http-equiv=\"refresh\" content=\"2\">"), "{text}");
        assert!(text.contains("Not all of this time is read yet") && text.contains("value=\"0\""), "{text}");
        let told: Value = serde_json::from_str(&desk.get(api, Duration::ZERO).await).unwrap();
        assert_eq!((&told["complete"], &told["files_missing"]), (&json!(false), &json!(files)), "{told}");
    }
    let damaged = desk.get("/", Duration::from_secs(600)).await;
    assert!(!damaged.contains("http-equiv") && !damaged.contains("Not all of this time"), "{damaged}");
}

#[test]
fn only_what_came_is_read_and_nothing_while_somebody_asks() {
    let desk = Desk::new();
    let (files, reads) = (desk.files().len() as i64, AtomicI64::new(0));
    let count = || reads.fetch_add(1, Ordering::Relaxed) < i64::MAX;
    let mut ready = Ready::default();
    let asks = desk.insight.0.turn.clone().try_acquire_owned().unwrap();
    assert!(!ready.round(&desk.insight, &desk.states, &|| !desk.insight.is_asked()).unwrap());
    assert!(!desk.directory.path().join("states").exists());
    drop(asks);
    assert!(ready.round(&desk.insight, &desk.states, &|| !desk.insight.is_asked() && count()).unwrap());
    assert!(reads.swap(0, Ordering::Relaxed) >= files * WARM.len() as i64);
    assert!(ready.round(&desk.insight, &desk.states, &count).unwrap());
    assert_eq!(reads.load(Ordering::Relaxed), 0, "what is ready is not looked at again");
}

#[tokio::test]
async fn states_are_made_until_the_stop() {
    let (desk, stop) = (Desk::new(), Stop::new());
    let (insight, states, stopped) = (desk.insight.clone(), desk.states.clone(), stop.clone());
    let keeping = tokio::spawn(async move { insight.keep_ready(states, stopped).await });
    let is_ready = || {
        let mut hours = by_hour(desk.files()).into_iter();
        hours.all(|(hour, files)| desk.states.of::<Slow>(hour, &files).1.is_empty())
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_ready() {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop.request();
    keeping.await.unwrap();
    tokio::time::timeout(Duration::from_secs(60), desk.insight.keep_ready(Kept::nowhere(), Stop::new()))
        .await
        .expect("nothing is made ready where it would be kept nowhere");
}
