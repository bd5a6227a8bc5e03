//! An intake that speaks Datadog's log API, keeps what it takes, and misbehaves on request.
//!
//! Promise: it is independent of the shipper's code: it decodes bodies with its own means and checks the
//! limits itself; what it reports as received is what crossed the wire.

use std::io::Read;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// How the intake answers from now on.
#[derive(Clone, Debug, PartialEq)]
pub enum Mood {
    /// 202, and the events are kept.
    Accept,
    /// This status; nothing is kept.
    Refuse(u16),
    /// No answer until the mood changes; then the connection is dropped, nothing is kept.
    Hang,
    /// The events are kept, but the answer is lost on its way.
    LoseAnswer,
    /// 400 for a body that holds this text, 202 for every other.
    Poisoned(String),
    /// 413 for bodies over this many items.
    AtMost(usize),
    /// 202 at once; bodies are counted and neither kept nor looked at.
    Count,
}

/// One log as it arrived.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// The line.
    pub message: String,
    /// `info`.
    pub status: String,
    /// Milliseconds since 1970.
    pub timestamp: i64,
    /// The node.
    pub hostname: String,
    /// The service of the `logs:` entry.
    pub service: String,
    /// The source of the `logs:` entry.
    pub ddsource: String,
    /// Comma-separated tags.
    pub ddtags: String,
}

#[derive(Default)]
struct Taken {
    items: Vec<Item>,
    bodies: usize,
    refused: usize,
    broken: Vec<String>,
}

/// A running intake.
pub struct Intake {
    address: SocketAddr,
    mood: watch::Sender<Mood>,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Clone)]
struct Shared {
    mood: watch::Receiver<Mood>,
    taken: Arc<Mutex<Taken>>,
}

impl Intake {
    /// Listens on a free port of loopback.
    pub async fn start(mood: Mood) -> Self {
        Self::start_on("127.0.0.1:0".parse().unwrap(), mood).await
    }

    /// Listens on this address.
    pub async fn start_on(address: SocketAddr, mood: Mood) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (mood, receiver) = watch::channel(mood);
        let taken = Arc::new(Mutex::new(Taken::default()));
        let shared = Shared { mood: receiver, taken: taken.clone() };
        let app = axum::Router::new()
            .route("/api/v2/logs", axum::routing::post(take))
            .layer(axum::extract::DefaultBodyLimit::max(64 << 20))
            .with_state(shared);
        tokio::spawn(async move { axum::serve(listener, app).await });
        Intake { address, mood, taken }
    }

    /// The base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Changes how it answers.
    pub fn becomes(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }

    /// The messages that it took, in the order of their arrival.
    pub fn messages(&self) -> Vec<String> {
        self.taken.lock().unwrap().items.iter().map(|item| item.message.clone()).collect()
    }

    /// All that it took.
    pub fn items(&self) -> Vec<Item> {
        self.taken.lock().unwrap().items.clone()
    }

    /// How many bodies it took.
    pub fn bodies(&self) -> usize {
        self.taken.lock().unwrap().bodies
    }

    /// How many requests it did not take.
    pub fn refused(&self) -> usize {
        self.taken.lock().unwrap().refused
    }

    /// Violations of the intake's contract that it saw; empty when all is well.
    pub fn broken(&self) -> Vec<String> {
        self.taken.lock().unwrap().broken.clone()
    }
}

async fn take(State(mut shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let mood = shared.mood.borrow_and_update().clone();
    if mood == Mood::Count {
        shared.taken.lock().unwrap().bodies += 1;
        return answer(202, "{}");
    }
    let text = decoded(&headers, &body);
    let items: Vec<Item> = match serde_json::from_slice(&text) {
        Ok(items) => items,
        Err(error) => return shared.refuse(400, Some(format!("a body is no array of items: {error}"))),
    };
    match mood {
        Mood::Refuse(status) => return shared.refuse(status, None),
        Mood::Hang => {
            let _ = shared.mood.changed().await;
            return lost_answer();
        }
        Mood::Poisoned(ref word) if items.iter().any(|item| item.message.contains(word)) => {
            return shared.refuse(400, None);
        }
        Mood::AtMost(limit) if items.len() > limit => return shared.refuse(413, None),
        _ => {}
    }
    shared.keep(&headers, &text, items);
    if mood == Mood::LoseAnswer { lost_answer() } else { answer(202, "{}") }
}

impl Shared {
    fn refuse(&self, status: u16, broken: Option<String>) -> Response {
        let mut taken = self.taken.lock().unwrap();
        taken.refused += 1;
        taken.broken.extend(broken);
        answer(status, "{\"errors\":[\"refused by the spec\"]}")
    }

    fn keep(&self, headers: &HeaderMap, text: &[u8], items: Vec<Item>) {
        let mut taken = self.taken.lock().unwrap();
        taken.broken.extend(violations(headers, text, &items));
        taken.bodies += 1;
        taken.items.extend(items);
    }
}

/// The limits of Datadog's API: 1000 items, 5 MB a body, 1 MB an item.
fn violations(headers: &HeaderMap, text: &[u8], items: &[Item]) -> Vec<String> {
    let mut found = Vec::new();
    if items.len() > 1000 {
        found.push(format!("{} items in a body", items.len()));
    }
    if text.len() > 5_000_000 {
        found.push(format!("a body of {} bytes", text.len()));
    }
    let raw: Vec<&serde_json::value::RawValue> = serde_json::from_slice(text).unwrap_or_default();
    found.extend(
        raw.iter()
            .filter(|item| item.get().len() > 1_000_000)
            .map(|item| format!("an item of {} bytes", item.get().len())),
    );
    if headers.get(header::CONTENT_TYPE).is_none_or(|value| value != "application/json") {
        found.push("a content type that is not application/json".into());
    }
    found
}

fn decoded(headers: &HeaderMap, body: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    match headers.get(header::CONTENT_ENCODING).and_then(|value| value.to_str().ok()) {
        Some("zstd") => text = zstd::decode_all(body).unwrap_or_default(),
        Some("gzip") => {
            let _ = flate2::read::MultiGzDecoder::new(body).read_to_end(&mut text);
        }
        _ => text.extend_from_slice(body),
    }
    text
}

fn answer(status: u16, body: &'static str) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

/// Ends the connection's task without a word on the wire and without one on the terminal.
fn lost_answer() -> Response {
    std::panic::resume_unwind(Box::new("the answer is lost"))
}
