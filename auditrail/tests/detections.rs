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

/// The beginnings of a shell and of a watch of secrets; of another shell the beginning and the end.
fn sessions() -> [String; 4] {
    let event = |id: &str, user: &str, stage: &str, time: &str, (verb, object, code): (&str, &str, u16)| {
        format!(
            r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"{id}","stage":"{stage}","requestURI":"/api/v1/x","verb":"{verb}","user":{{"username":"{user}"}},"sourceIPs":["192.0.2.1"],"userAgent":"kubectl/v1.32","objectRef":{{{object},"namespace":"shop","apiVersion":"v1"}},"responseStatus":{{"metadata":{{}},"code":{code}}},"requestReceivedTimestamp":"2026-11-23T10:00:00.000000Z","stageTimestamp":"2026-11-23T{time}.010000Z","annotations":{{"authorization.k8s.io/decision":"allow"}}}}
"#
        )
    };
    let exec = ("create", r#""resource":"pods","subresource":"exec","name":"web-0""#, 101);
    let watch = ("watch", r#""resource":"secrets""#, 200);
    [
        event("open", "jane", "ResponseStarted", "10:00:00", exec),
        event("watch", "eve", "ResponseStarted", "10:00:00", watch),
        event("ended", "john", "ResponseStarted", "10:00:00", exec),
        event("ended", "john", "ResponseComplete", "13:00:00", exec),
    ]
}

#[test]
fn an_open_shell_is_found_while_it_is_open_and_counts_once_when_it_is_not() {
    let place = Place::new();
    let [open, watch, begun, ended] = sessions();
    std::fs::write(place.0.path().join("ten.log"), [open, watch, begun].concat()).unwrap();
    std::fs::write(place.0.path().join("thirteen.log"), ended).unwrap();
    let filled = place.run("up --once --path ten.log --path thirteen.log --to lake --data data");
    assert!(filled.status.success(), "{filled:?}");
    for of in ["ten.log", "ten.log thirteen.log", "--lake data/lake"] {
        let report = place.json(&format!("detections {of}"));
        assert_eq!(ids(&report), ["exec-into-pod", "secrets-listed"], "{of}");
        let findings = report["detected"][0]["findings"].as_array().unwrap();
        let told: Vec<_> =
            findings.iter().map(|one| (&one["subject"], &one["count"], &one["first"])).collect();
        let first = Value::from("2026-11-23T10:00:00.010000Z");
        let one = Value::from(1);
        assert_eq!(told, [(&"jane".into(), &one, &first), (&"john".into(), &one, &first)], "{of}");
        assert_eq!(
            (&report["detected"][1]["count"], &report["requests"]["count"]),
            (&one, &3.into()),
            "{of}"
        );
        assert_eq!(place.run(&format!("detections --fail-on medium {of}")).status.code(), Some(2), "{of}");
    }
    for of in ["ten.log thirteen.log", "--lake data/lake"] {
        let who = place.json(&format!("who pods/web-0 exec {of}"));
        let told = who["events"].as_array().unwrap().iter();
        let told: Vec<_> = told
            .map(|one| (one["user"].as_str(), one["open"].as_bool(), one["session_seconds"].as_i64()))
            .collect();
        assert_eq!(
            told,
            [(Some("jane"), Some(true), None), (Some("john"), Some(false), Some(10_800))],
            "{of}"
        );
        assert_eq!(who["matched"], 2, "{of}");
        let table = String::from_utf8(place.run(&format!("who --user eve --reads {of}")).stdout).unwrap();
        assert!(table.contains("open: started then, and not ended in this log"), "{table}");
    }
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
            ("namespace-created", "kubernetes-admin"),
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
