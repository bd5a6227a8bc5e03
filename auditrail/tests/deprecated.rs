//! `deprecated` as a person runs it.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

use serde_json::Value;

fn told(arguments: &[&str]) -> (String, String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut command = Command::new(env!("CARGO_BIN_EXE_auditrail"));
    command.current_dir(root).arg("deprecated").args(arguments);
    let output = command.arg("router/fixtures/allmeta.log.zst").output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}", text(&output.stderr));
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_limit_bounds_the_rows_and_says_how_many_more_there_are() {
    let report: Value = serde_json::from_str(&told(&["-o", "json"]).0).unwrap();
    assert_eq!(report["calls"].as_array().unwrap().len(), 2);
    let table = told(&["--limit", "1"]).0;
    assert!(table.contains("1 more rows: see --limit"), "{table}");
    assert!(
        table.contains("namespace-controller") != table.contains("system:kube-controller-manager"),
        "{table}"
    );
    assert!(!told(&["--limit", "2"]).0.contains("more rows"));
    let (csv, stderr) = told(&["--limit", "1", "-o", "csv"]);
    assert_eq!(csv.lines().count(), 2, "a header and a row");
    assert!(stderr.contains("1 more rows: see --limit"), "{stderr}");
}
