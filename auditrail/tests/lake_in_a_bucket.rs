//! The real thing with its lake in a bucket tells the same as with its lake in a directory.
//!
//! Runs where `AUDITRAIL_BUCKET`, `AUDITRAIL_ENDPOINT` and `AUDITRAIL_CREDENTIALS` say where one is (the suite
//! `object_storage.sh` starts one); elsewhere it is ignored. Without credentials (it is empty) the machine's own hold.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

/// Where the lake is, as a configuration and as flags name it.
struct Place {
    destination: String,
    flags: Vec<String>,
}

fn run(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_auditrail"));
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AZURE_STORAGE_ACCOUNT_KEY"] {
        command.env_remove(name);
    }
    let output =
        command.current_dir(directory).env("AUDITRAIL_STATES", "none").args(arguments).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {words}");
    assert!(!words.contains("not-secret"), "{words}");
    output
}

fn ask(directory: &Path, place: &Place, command: &[&str]) -> Value {
    let mut arguments = command.to_vec();
    arguments.extend(place.flags.iter().map(String::as_str));
    serde_json::from_slice(&run(directory, &arguments).stdout).unwrap()
}

/// Delivers a real log to the lake in three turns, each behind a start of its own.
fn fill(directory: &Path, name: &str, place: &Place) -> usize {
    let packed =
        std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/small.log.zst")).unwrap();
    let text = String::from_utf8(zstd::decode_all(packed.as_slice()).unwrap()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let configuration = format!("{name}.yaml");
    let destination = &place.destination;
    std::fs::write(
        directory.join(&configuration),
        format!("shipper:\n  destinations:\n    lake: {{type: lake, {destination}, merge: false}}\n"),
    )
    .unwrap();
    for turn in 1..=3 {
        let part: String = lines[..lines.len() * turn / 3].iter().map(|line| format!("{line}\n")).collect();
        std::fs::write(directory.join("audit.log"), part).unwrap();
        let up = ["up", "--once", "--path", "audit.log", "--config", &configuration, "--data", name];
        run(directory, &up);
    }
    std::fs::remove_file(directory.join("audit.log")).unwrap();
    lines.len()
}

/// What reports say, which is to be the same wherever the lake is.
fn reports(directory: &Path, place: &Place) -> Value {
    let query = "SELECT verb, code, count(*) n, sum(bytes) b FROM events GROUP BY 1, 2 ORDER BY 1, 2";
    let verified = ask(directory, place, &["verify", "-o", "json"]);
    json!({
        "sql": ask(directory, place, &["sql", query, "-o", "json"]),
        "slow": ask(directory, place, &["slow", "-o", "json"]),
        "denied": ask(directory, place, &["denied", "-o", "json"]),
        "deprecated": ask(directory, place, &["deprecated", "-o", "json"]),
        "rows": verified["rows"],
        "wrong": verified["wrong"],
    })
}

#[test]
#[ignore = "needs a bucket: see tests/suites/object_storage.sh"]
fn a_lake_in_a_bucket_is_filled_merged_verified_and_asked_like_one_in_a_directory() {
    let [bucket, endpoint, credentials] = ["AUDITRAIL_BUCKET", "AUDITRAIL_ENDPOINT", "AUDITRAIL_CREDENTIALS"]
        .map(|name| std::env::var(name).unwrap());
    let url = format!("{bucket}/whole-{}", std::process::id());
    let mut destination = format!("url: '{url}', endpoint: '{endpoint}'");
    let mut flags = vec!["--lake".to_owned(), url, "--lake-endpoint".into(), endpoint];
    if !credentials.is_empty() {
        let file = std::path::absolute(credentials).unwrap().to_str().unwrap().to_owned();
        destination += &format!(", credentials_file: '{file}'");
        flags.extend(["--lake-credentials-file".into(), file]);
    }
    let there = Place { destination, flags };
    let here = Place { destination: "url: lake".into(), flags: vec!["--lake".into(), "lake".into()] };
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let lines = fill(directory, "there", &there);
    fill(directory, "here", &here);
    let expected = reports(directory, &here);
    assert_eq!((&expected["rows"], &expected["wrong"]), (&json!(lines), &json!(0)));
    assert_eq!(reports(directory, &there), expected);
    let files = |place| ask(directory, place, &["verify", "-o", "json"])["files"].as_u64().unwrap();
    let before = files(&there);
    let mut compact = vec!["lake", "compact"];
    compact.extend(there.flags.iter().map(String::as_str));
    run(directory, &compact);
    assert!(files(&there) < before, "{before} files became {}", files(&there));
    assert_eq!(reports(directory, &there), expected);
}
