//! The Agent's `registry.json`, version 2.
//!
//! Promise: what is not understood is refused or named, never guessed at: a position that is read wrongly skips lines.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::moment::Moment;

/// The version that is read.
const VERSION: i64 = 2;
/// The largest registry that is read; the Agent keeps one entry a file.
const MOST_BYTES: u64 = 64 << 20;

/// How far the Agent came in a log.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Position {
    /// Path of the log.
    pub(super) path: PathBuf,
    /// Bytes of the file that was active under that path then.
    pub(super) offset: u64,
    /// When the last line before the offset was read.
    pub(super) time: Moment,
    /// What an operator should know of it.
    pub(super) notes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Registry {
    registry: BTreeMap<String, serde_json::Value>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Entry {
    last_updated: String,
    offset: String,
    tailing_mode: String,
    ingestion_timestamp: i64,
}

/// The positions in the registry at `path`, and what is none, in words.
///
/// # Errors
/// What is wrong with the file, and what to do.
pub(super) fn read(path: &Path) -> Result<(Vec<Position>, Vec<String>), String> {
    let size = std::fs::metadata(path).map(|metadata| metadata.len());
    let text = match size {
        Ok(size) if size > MOST_BYTES => {
            return Err(format!("has {size} bytes: it is no registry of the Agent"));
        }
        size => size.and_then(|_| std::fs::read(path)).map_err(|error| {
            format!("cannot be read: {error}; the Agent keeps it as registry.json in its run_path")
        })?,
    };
    let json: serde_json::Value = serde_json::from_slice(&text).map_err(|error| {
        format!("is no JSON: {error}; stop the Agent, so that it writes the file whole, and copy it again")
    })?;
    let version = json.get("Version").and_then(serde_json::Value::as_i64);
    if version != Some(VERSION) {
        let found = version.map_or("none".to_owned(), |version| version.to_string());
        return Err(format!(
            "has the version {found}, and version {VERSION} is read: start an Agent 7 once, so that it writes that one"
        ));
    }
    let registry: Registry =
        serde_json::from_value(json).map_err(|error| format!("is not as the Agent writes it: {error}"))?;
    let (mut positions, mut others) = (Vec::new(), Vec::new());
    for (key, entry) in registry.registry {
        match position(&key, entry) {
            Ok(position) => positions.push(position),
            Err(why) => others.push(format!("{key} {why}")),
        }
    }
    Ok((positions, others))
}

fn position(key: &str, entry: serde_json::Value) -> Result<Position, String> {
    let Some(path) = key.strip_prefix("file:").filter(|path| !path.is_empty()) else {
        return Err("is not taken: only files are read here".to_owned());
    };
    let Entry { last_updated, offset, tailing_mode, ingestion_timestamp } = serde_json::from_value(entry)
        .map_err(|error| format!("is not taken: its entry is not as the Agent writes it: {error}"))?;
    let offset =
        offset.parse().map_err(|_| format!("is not taken: its offset `{offset}` is no number of bytes"))?;
    let updated = Moment::of_rfc3339(&last_updated)
        .ok_or_else(|| format!("is not taken: its LastUpdated `{last_updated}` is no time"))?;
    // The line before the offset was read no later than its receipt came.
    let read = (ingestion_timestamp > 0).then(|| Moment::of_ns(ingestion_timestamp.into()));
    let time = read.map_or(updated, |read| read.min(updated));
    let force = tailing_mode.starts_with("force");
    let notes = force.then(|| {
        format!("its TailingMode `{tailing_mode}` is not taken over: reading goes on at the position")
    });
    Ok(Position { path: path.into(), offset, time, notes: notes.into_iter().collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<(Vec<Position>, Vec<String>), String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("registry.json");
        std::fs::write(&path, text).unwrap();
        read(&path)
    }

    #[test]
    fn files_are_positions_and_everything_else_is_named() {
        let (positions, others) = read_text(
            r#"{"Version":2,"Registry":{
                "file:/var/log/audit.log":{"LastUpdated":"2026-11-23T06:10:40.5Z","Offset":"123","TailingMode":"forceEnd","IngestionTimestamp":1795414238000000000,"Fingerprint":{"Value":1}},
                "file:/var/log/old.log":{"LastUpdated":"2026-11-23T08:10:40.5+02:00","Offset":"0","TailingMode":""},
                "file:/var/log/odd.log":{"LastUpdated":"2026-11-23T06:10:40Z","Offset":"-1"},
                "file:/var/log/when.log":{"LastUpdated":"yesterday","Offset":"1"},
                "docker:abc":{"LastUpdated":"2026-11-23T06:10:40Z","Offset":"2026-11-23T06:10:40Z"}}}"#,
        )
        .unwrap();
        assert_eq!(positions.len(), 2);
        assert_eq!((positions[0].path.to_str(), positions[0].offset), (Some("/var/log/audit.log"), 123));
        assert_eq!(positions[0].time, Moment::of_rfc3339("2026-11-23T06:10:38Z").unwrap());
        assert!(positions[0].notes[0].contains("forceEnd") && positions[1].notes.is_empty());
        assert_eq!(positions[1].time, Moment::of_rfc3339("2026-11-23T06:10:40.5Z").unwrap());
        assert_eq!(others.len(), 3, "{others:?}");
        assert!(others[0].starts_with("docker:abc is not taken: only files"), "{others:?}");
    }

    #[test]
    fn what_is_no_registry_of_this_version_is_refused() {
        for (text, why) in [
            ("{\"Version\":2,\"Regi", "is no JSON"),
            ("{}", "the version none"),
            ("{\"Version\":1,\"Registry\":{}}", "the version 1"),
            ("{\"Version\":2,\"Registry\":[]}", "not as the Agent writes it"),
        ] {
            let said = read_text(text).unwrap_err();
            assert!(said.contains(why), "{said}");
        }
    }
}
