//! Redaction of a real API server's events: no secret is left, and nothing else is touched.
//!
//! `AUDITRAIL_TWINS=DIR` adds the logs `audit*.log` in that directory to the recorded ones.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::unwrap_used)] // tests may read files

use audit::{Event, Key, Redactions, redact};
use serde_json::Value;
use std::path::{Path, PathBuf};

#[test]
fn no_real_event_keeps_a_secret_and_nothing_else_changes() {
    let mut redacted = 0;
    for log in logs() {
        for line in log.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let (event, mut out) = (Event::scan(line).unwrap(), Vec::new());
            let changed = redact(&event, Redactions::ALL, &Key::new(b"a key for tests"), &mut out);
            let after = if changed { &out[..] } else { line };
            let (before, after): (Value, Value) = (parsed(line), parsed(after));
            assert_same(&before, &after, "");
            for object in ["requestObject", "responseObject"] {
                assert_hidden(&after[object]);
            }
            redacted += usize::from(changed);
        }
    }
    assert!(redacted > 100, "{redacted}");
}

fn logs() -> Vec<Vec<u8>> {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/twin-superset.log.zst");
    let mut logs = vec![zstd::decode_all(std::fs::File::open(fixture).unwrap()).unwrap()];
    if let Some(directory) = std::env::var_os("AUDITRAIL_TWINS").map(PathBuf::from) {
        let files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
        let is_log = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("audit");
        logs.extend(files.filter(is_log).map(|path| std::fs::read(path).unwrap()));
    }
    logs
}

/// Patches may hold invalid UTF-8.
fn parsed(line: &[u8]) -> Value {
    serde_json::from_str(&String::from_utf8_lossy(line)).unwrap()
}

fn is_hidden(value: &Value) -> bool {
    value.is_null()
        || value.as_str().is_some_and(|text| text.is_empty() || text.starts_with("<redacted:hmac:"))
}

/// As API objects have them, told in another way than the code does.
fn assert_hidden(value: &Value) {
    let members = |value: &Value| value.as_object().into_iter().flatten().map(|(_, v)| v.clone()).collect();
    let mut all: Vec<Value> = vec![value.clone()];
    while let Some(value) = all.pop() {
        if value["kind"] == "Secret" {
            let data: Vec<Value> = ["data", "stringData"]
                .iter()
                .flat_map(|key| -> Vec<Value> { members(&value[*key]) })
                .collect();
            assert!(data.iter().all(is_hidden), "{value}");
        }
        for variable in value["env"].as_array().into_iter().flatten() {
            assert!(is_hidden(&variable["value"]), "{value}");
        }
        let applied = &value["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"];
        assert!(is_hidden(applied), "{value}");
        all.extend(value.as_array().into_iter().flatten().cloned());
        all.extend::<Vec<Value>>(members(&value));
    }
}

/// The same, but for strings in which there is a fingerprint.
fn assert_same(before: &Value, after: &Value, path: &str) {
    match (before, after) {
        (_, Value::String(text)) if text.contains("<redacted:hmac:") => {}
        (Value::Object(before), Value::Object(after)) => {
            assert!(before.keys().eq(after.keys()), "{path}");
            before.iter().for_each(|(key, value)| assert_same(value, &after[key], &format!("{path}.{key}")));
        }
        (Value::Array(before), Value::Array(after)) => {
            assert_eq!(before.len(), after.len(), "{path}");
            before.iter().zip(after).for_each(|(before, after)| assert_same(before, after, path));
        }
        _ => assert_eq!(before, after, "{path}"),
    }
}
