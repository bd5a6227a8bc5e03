//! The lake's own commands.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn run(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_auditrail"));
    command.args(arguments).arg("--data").arg(directory.join("data")).output().unwrap()
}

fn verified(directory: &Path) -> Value {
    serde_json::from_slice(&run(directory, &["verify", "-o", "json"]).stdout).unwrap()
}

#[test]
fn a_lake_is_compacted_without_changing_a_row_and_verified_before_and_after() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("audit.log");
    let packed =
        std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/small.log.zst")).unwrap();
    let text = String::from_utf8(zstd::decode_all(&packed[..]).unwrap()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let mut written = String::new();
    for lines in lines.chunks(lines.len().div_ceil(3)) {
        written += &(lines.join("\n") + "\n");
        std::fs::write(&log, &written).unwrap();
        let up = run(directory.path(), &["up", "--once", "--path", log.to_str().unwrap()]);
        assert!(up.status.success(), "{}", String::from_utf8_lossy(&up.stderr));
    }
    let before = verified(directory.path());
    assert_eq!((&before["wrong"], &before["rows"]), (&Value::from(0), &Value::from(lines.len())));
    assert!(before["files"].as_u64().unwrap() >= 3, "{before}");
    let compacted = run(directory.path(), &["lake", "compact"]);
    assert!(compacted.status.success(), "{}", String::from_utf8_lossy(&compacted.stderr));
    let after = verified(directory.path());
    assert!(after["files"].as_u64() < before["files"].as_u64(), "{after}");
    assert_eq!(
        (&after["rows"], &after["origins"], &after["wrong"]),
        (&before["rows"], &before["origins"], &before["wrong"])
    );
}

#[test]
fn a_damaged_file_fails_the_verification_and_a_lake_that_is_not_there_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let hour = directory.path().join("data/lake/date=2026-11-23/hour=06");
    assert_eq!(run(directory.path(), &["verify"]).status.code(), Some(1));
    std::fs::create_dir_all(&hour).unwrap();
    std::fs::write(hour.join("a.parquet"), "no parquet").unwrap();
    let output = run(directory.path(), &["verify"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("a.parquet"));
}
