//! A stand-in for Elasticsearch: it keeps documents by `_id`, and says of each document what became of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use shipper::Destination;

use crate::intake::{Intake, Protocol, Reply, Request};

/// The bulk protocol, with the default limit of a request.
pub(crate) const BULK: Protocol = Protocol {
    target: "/audit/_bulk?filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason",
    beside: None,
    most_bytes: 10 << 20,
    most_items: 1000,
    items,
};

/// Each document with its `_id` in it, and the line that it was made of.
fn items(raw: &[u8]) -> Vec<(Value, String)> {
    let text = std::str::from_utf8(raw).unwrap();
    assert!(text.ends_with('\n'), "a bulk body ends with a newline");
    let lines: Vec<&str> = text.lines().collect();
    let read = |pair: &[&str]| {
        let action: Value = serde_json::from_str(pair[0]).unwrap();
        let mut document: Value = serde_json::from_str(pair[1]).unwrap();
        let id = action["create"]["_id"].as_str().unwrap();
        document["_id"] = id.into();
        let number = format!("\"number\":{}}}", id.rsplit_once('-').unwrap().1);
        let behind = pair[1].split_once(&number).unwrap().1;
        (document, format!("{{{}", behind.strip_prefix(',').unwrap_or(behind)))
    };
    lines.chunks(2).map(read).collect()
}

/// What the stand-in holds.
#[derive(Clone, Default)]
pub(crate) struct Store(Arc<Mutex<BTreeMap<String, String>>>);

impl Store {
    /// Answers a bulk request, and keeps what `judge` says is fine.
    pub(crate) fn bulk(&self, request: &Request, mut judge: impl FnMut(&str) -> u16) -> Reply {
        if request.items.is_empty() {
            return Reply::Status(200);
        }
        let mut store = self.0.lock().unwrap();
        let mut errors = false;
        let mut one = |(document, line): (&Value, &String)| {
            let id = document["_id"].as_str().unwrap();
            let mut status = judge(line);
            if status == 201 && store.insert(id.to_owned(), line.clone()).is_some() {
                status = 409;
            }
            errors |= status >= 300;
            let kind = if status == 409 { "version_conflict_engine_exception" } else { "some_exception" };
            let error = json!({"type": kind, "reason": format!("it is {status}")});
            match status {
                201 => json!({"create": {"status": status}}),
                _ => json!({"create": {"status": status, "error": error}}),
            }
        };
        let items: Vec<Value> = request.items.iter().zip(&request.lines).map(&mut one).collect();
        Reply::Told(200, "x: y".into(), json!({"errors": errors, "items": items}).to_string())
    }

    /// The lines of all documents, sorted.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.0.lock().unwrap().values().cloned().collect();
        lines.sort();
        lines
    }
}

/// A stand-in that judges documents by `judge`, and what it holds.
pub(crate) async fn start(mut judge: impl FnMut(&str) -> u16 + Send + 'static) -> (Intake, Store) {
    let store = Store::default();
    let kept = store.clone();
    let intake = Intake::speaking(BULK, move |request| kept.bulk(request, &mut judge)).await;
    (intake, store)
}

/// An `elasticsearch` destination at `url`, with these settings beside.
pub(crate) fn to(url: &str, settings: &str) -> Destination {
    crate::given::destination(&format!("type: elasticsearch, url: '{url}', index: audit, {settings}"))
}
