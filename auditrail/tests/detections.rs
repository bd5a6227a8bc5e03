//! `detections` as a person or a script runs it.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        let scratch = tempfile::tempdir().unwrap();
        let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
        let packed = std::fs::read(tests.join("../audit/tests/fixtures/rbac/audit.log.zst")).unwrap();
        std::fs::write(scratch.path().join("attempts.log"), zstd::decode_all(&packed[..]).unwrap()).unwrap();
        std::fs::copy(tests.join("../tests/fixtures/detections.log"), scratch.path().join("audit.log"))
            .unwrap();
        Place(scratch)
    }

    fn run(&self, arguments: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_auditrail"));
        command.current_dir(self.0.path()).env("AUDITRAIL_STATES", "none").stdin(Stdio::null());
        command.args(arguments.split(' ')).output().unwrap()
    }

    fn json(&self, arguments: &str) -> Value {
        let output = self.run(&format!("{arguments} -o json"));
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn ids(report: &Value) -> Vec<&str> {
    report["detected"].as_array().unwrap().iter().map(|detected| detected["id"].as_str().unwrap()).collect()
}

#[test]
fn files_and_the_lake_tell_the_same_findings() {
    let place = Place::new();
    let filled = place.run("up --once --path audit.log --path attempts.log --to lake --data data");
    assert!(filled.status.success(), "{filled:?}");
    let of_files = place.json("detections audit.log attempts.log");
    assert_eq!(of_files, place.json("detections --lake data/lake"));
    let listed = place.json("detections --list");
    let listed = listed["detections"].as_array().unwrap();
    assert_eq!(ids(&of_files).len(), listed.len(), "each is made by an event of the fixture");
    assert!(!of_files["untold"].as_array().unwrap().is_empty());
    let question = "--severity medium --id secrets-listed,secrets-read --user *:overpriv";
    let some = place.json(&format!("detections {question} attempts.log"));
    assert_eq!(ids(&some), ["secrets-listed"]);
    assert_eq!(some["detected"][0]["findings"][0]["subject"], "system:serviceaccount:ops:overpriv");
}

#[test]
fn a_log_of_attempts_gives_few_findings_and_the_right_ones() {
    let report = Place::new().json("detections attempts.log");
    let mut found: Vec<(&str, &str)> = Vec::new();
    for detected in report["detected"].as_array().unwrap() {
        for finding in detected["findings"].as_array().unwrap() {
            found.push((detected["id"].as_str().unwrap(), finding["subject"].as_str().unwrap()));
        }
    }
    found.dedup();
    assert_eq!(
        found,
        [
            ("impersonation", "system:serviceaccount:ops:impersonator"),
            ("escalation-refused", "system:serviceaccount:ops:escalator"),
            ("secrets-listed", "system:serviceaccount:ops:overpriv"),
            ("token-created", "kubernetes-admin"),
            ("system-masters", "kubernetes-admin"),
            ("secrets-read", "alice"),
        ]
    );
}

#[test]
fn exit_codes_are_for_scripts_that_ask_for_them() {
    let place = Place::new();
    for (arguments, code) in [
        ("detections audit.log", 0),
        ("detections --fail-on high audit.log", 2),
        ("detections --fail-on high attempts.log", 0),
        ("detections --fail-on medium attempts.log", 2),
        ("detections --severity low --id secrets-read --fail-on medium audit.log", 0),
        ("detections --id no-such audit.log", 64),
    ] {
        assert_eq!(place.run(arguments).status.code(), Some(code), "{arguments}");
    }
    let mut broken = std::fs::read(place.0.path().join("audit.log")).unwrap();
    broken.extend(b"{\"no\":\"event\"}\n");
    std::fs::write(place.0.path().join("broken.log"), broken).unwrap();
    assert_eq!(place.run("detections broken.log").status.code(), Some(1));
}

#[test]
fn the_table_tells_the_worst_first_and_what_it_means() {
    let place = Place::new();
    let table = |arguments: &str| String::from_utf8(place.run(arguments).stdout).unwrap();
    let whole = table("detections audit.log");
    let at = |text: &str| whole.find(text).unwrap_or_else(|| panic!("{text}: {whole}"));
    assert!(at("anonymous-allowed") < at("exec-into-pod") && at("exec-into-pod") < at("secrets-read"));
    assert!(at("What that means") < at("Not told by this log"));
    assert!(table("detections audit.log --limit 1").contains("more rows: see --limit"));
    let csv = table("detections audit.log --objects -o csv");
    assert!(csv.starts_with("severity,detection,who,verb,what,count,first,last,audit ID\nhigh,"), "{csv}");
    assert!(csv.lines().count() > 20);
    assert!(table("detections no-such.log").is_empty());
}

#[test]
fn the_documentation_names_every_detection_and_every_component() {
    let listed = Place::new().json("detections --list");
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/detections.md");
    let docs = std::fs::read_to_string(docs).unwrap();
    for detection in listed["detections"].as_array().unwrap() {
        let [id, severity] = ["id", "severity"].map(|field| detection[field].as_str().unwrap());
        assert!(docs.contains(&format!("| `{id}` | {severity} |")), "{id} {severity}");
    }
    for component in listed["components"].as_array().unwrap() {
        assert!(docs.contains(&format!("`{}`", component.as_str().unwrap())), "{component}");
    }
}
