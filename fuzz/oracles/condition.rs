//! What a route's `match` asks for.
//!
//! Promises: all its keys must hold, and of a list one entry; `not` is the opposite; what can be meant key by key can
//! be meant together, but for paths asked for beside resources.

use audit::{Attributes, Event, Match};
use serde::Deserialize;
use serde_json::{Value, json};

const LONGEST: usize = 1024;

const LINES: [&str; 3] = [
    r#"{"level":"Metadata","stage":"ResponseComplete","requestURI":"/api/v1/namespaces/web/pods/x","verb":"delete","user":{"username":"jane","groups":["dev"]},"sourceIPs":["8.8.8.8","10.1.2.3"],"userAgent":"kubectl/v1.33 (linux/amd64)","objectRef":{"resource":"pods","namespace":"web","name":"x"},"responseStatus":{"code":403},"requestReceivedTimestamp":"2025-01-02T03:04:05.000000Z","stageTimestamp":"2025-01-02T03:04:06.000001Z","annotations":{"authorization.k8s.io/decision":"forbid"}}"#,
    r#"{"level":"Request","stage":"RequestReceived","requestURI":"/healthz/ping?x","verb":"get","user":{},"sourceIPs":["::ffff:192.168.0.1"],"userAgent":"","requestReceivedTimestamp":"2025-01-02T03:04:05.000000Z","stageTimestamp":"2025-01-02T03:04:05.000000Z"}"#,
    r#"{"level":"RequestResponse","stage":"Panic","verb":"list","user":{"username":"*"},"sourceIPs":["fe80::1"],"userAgent":"é/bot?[a]","objectRef":{"apiGroup":"apps","resource":"deployments","subresource":"scale"},"responseStatus":{"code":200},"annotations":{"authorization.k8s.io/decision":"allow"}}"#,
];

/// Reads the bytes as a `match` and takes it apart.
pub fn holds(bytes: &[u8]) {
    if bytes.len() > LONGEST {
        return;
    }
    let Ok(written) = serde_json::from_slice::<Value>(bytes) else { return };
    let whole = Match::deserialize(&written);
    let Value::Object(members) = &written else { return assert!(whole.is_err()) };
    let parts: Vec<(&String, &Value, Result<Match, _>)> =
        members.iter().map(|(key, value)| (key, value, Match::deserialize(json!({key: value})))).collect();
    let is_asked =
        |key: &str| members.get(key).and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    let clash = is_asked("nonResourceURLs") && (is_asked("resources") || is_asked("namespaces"));
    let all_meant = parts.iter().all(|(_, _, part)| part.is_ok());
    assert_eq!(whole.is_ok(), all_meant && !clash, "{written}");
    let Ok(whole) = whole else { return };
    let parts: Vec<(&String, &Value, Match)> =
        parts.into_iter().filter_map(|(key, value, part)| Some((key, value, part.ok()?))).collect();
    let not = Match::deserialize(json!({"not": written})).ok();
    for line in LINES {
        let event = Event::scan(line.as_bytes()).expect("it is an event");
        let attributes = Attributes::of(&event);
        let taken = whole.matches(&event, &attributes);
        let by_parts = parts.iter().all(|(_, _, part)| part.matches(&event, &attributes));
        assert_eq!(taken, by_parts, "{written} of {line}");
        // Within `not` the text may be nested too deep to be read.
        assert!(not.as_ref().is_none_or(|not| not.matches(&event, &attributes) != taken), "{written}");
        for (key, value, part) in &parts {
            let Some(entries) = value.as_array().filter(|entries| !entries.is_empty()) else { continue };
            let one = entries.iter().any(|entry| {
                let part = Match::deserialize(json!({*key: [entry]})).expect("an entry can be meant alone");
                part.matches(&event, &attributes)
            });
            assert_eq!(part.matches(&event, &attributes), one, "{key}: {value} of {line}");
        }
    }
}
