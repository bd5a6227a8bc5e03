//! `first-seen` as a script runs it.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

#[test]
fn files_and_the_lake_tell_the_same_new_habits() {
    let scratch = tempfile::tempdir().unwrap();
    let packed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../audit/tests/fixtures/rbac/audit.log.zst");
    let packed = std::fs::read(packed).unwrap();
    std::fs::write(scratch.path().join("audit.log"), zstd::decode_all(&packed[..]).unwrap()).unwrap();
    let run = |arguments: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_auditrail"));
        command.current_dir(scratch.path()).env("AUDITRAIL_STATES", "none").stdin(Stdio::null());
        let output = command.args(arguments.split(' ')).output().unwrap();
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let json = |arguments: &str| serde_json::from_slice::<Value>(&run(arguments)).unwrap();
    run("up --once --path audit.log --to lake --data data");
    let of_files = json("first-seen --learn 10s -o json audit.log");
    assert_eq!(of_files, json("first-seen --learn 10s -o json --lake data/lake"));
    assert!(of_files["learnt"].as_u64().unwrap() > 0 && !of_files["new"].as_array().unwrap().is_empty());
    let subject = of_files["new"][0]["subject"].as_str().unwrap();
    let asked = format!("first-seen --learn 10s -o json --user {subject} audit.log");
    let of_one = json(&asked);
    let rows = of_one["new"].as_array().unwrap();
    assert!(!rows.is_empty() && rows.iter().all(|row| row["subject"] == subject), "{of_one:#}");
    let none = json(&format!("{asked} -n no-such-namespace --verb * --resource *"));
    assert_eq!((none["new"].as_array().unwrap().len(), &none["learnt"]), (0, &0.into()));
    let table = String::from_utf8(run("first-seen audit.log")).unwrap();
    assert!(table.contains("shorter than the time of learning"), "{table}");
}
