//! A stand-in for Splunk's event collector: it answers with Splunk's codes, and acknowledges what is indexed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use shipper::Destination;

use crate::intake::{Protocol, Reply, Request};

/// The event collector, with the default limit of a request.
pub(crate) const COLLECTOR: Protocol = Protocol {
    target: "/services/collector/event",
    beside: Some("/services/collector/ack?channel="),
    most_bytes: 1_000_000,
    most_items: 1000,
    items,
};

/// Each envelope, and the event in it as it stands there.
fn items(raw: &[u8]) -> Vec<(Value, String)> {
    let envelopes = serde_json::Deserializer::from_slice(raw).into_iter::<&serde_json::value::RawValue>();
    let read = |envelope: &serde_json::value::RawValue| {
        let event: BTreeMap<&str, &serde_json::value::RawValue> =
            serde_json::from_str(envelope.get()).unwrap();
        (serde_json::from_str(envelope.get()).unwrap(), event["event"].get().to_owned())
    };
    envelopes.map(|envelope| read(envelope.unwrap())).collect()
}

/// An answer as Splunk gives it.
pub(crate) fn says(status: u16, code: u32, text: &str) -> Reply {
    Reply::Told(status, "x: y".into(), json!({"text": text, "code": code}).to_string())
}

/// Whether this is what an answer is wanted for, and not the question before the body.
pub(crate) fn is_read(request: &Request) -> bool {
    !request.sent.is_empty()
}

/// What is to be indexed, and how often it is asked before it is.
#[derive(Clone, Default)]
pub(crate) struct Indexers(Arc<Mutex<Vec<u32>>>);

impl Indexers {
    /// Takes a body that is indexed after it was asked for so often, or answers such a question.
    pub(crate) fn answer(&self, request: &Request, questions: u32) -> Reply {
        let mut waiting = self.0.lock().unwrap();
        if !is_read(request) {
            return Reply::Status(200);
        }
        let channel = request.header("x-splunk-request-channel").expect("a channel");
        if request.items.is_empty() {
            assert!(request.head.contains(&format!("/ack?channel={channel} ")), "{}", request.head);
            let asked: Value = serde_json::from_slice(&request.sent).unwrap();
            let ack = asked["acks"][0].as_u64().unwrap() as usize;
            waiting[ack] = waiting[ack].saturating_sub(1);
            let text = json!({"acks": {ack.to_string(): waiting[ack] == 0}}).to_string();
            return Reply::Told(200, "x: y".into(), text);
        }
        waiting.push(questions);
        let text = json!({"text": "Success", "code": 0, "ackId": waiting.len() - 1}).to_string();
        Reply::Told(200, "x: y".into(), text)
    }
}

/// A `splunk_hec` destination at `url` with the token in `token`, and these settings beside.
pub(crate) fn to(url: &str, token: &std::path::Path, settings: &str) -> Destination {
    let token = token.display();
    crate::given::destination(&format!("type: splunk_hec, url: '{url}', token_file: '{token}', {settings}"))
}
