//! `who` as a person or a script runs it.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        let scratch = tempfile::tempdir().unwrap();
        let packed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../audit/tests/fixtures/rbac/audit.log.zst");
        let packed = std::fs::read(packed).unwrap();
        std::fs::write(scratch.path().join("audit.log"), zstd::decode_all(&packed[..]).unwrap()).unwrap();
        Place(scratch)
    }

    fn run(&self, arguments: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_auditrail"));
        command.current_dir(self.0.path()).stdin(Stdio::null());
        command.args(arguments.split(' ')).output().unwrap()
    }

    fn json(&self, arguments: &str) -> Value {
        let output = self.run(&format!("{arguments} -o json"));
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

#[test]
fn files_and_the_lake_tell_the_same_events() {
    let place = Place::new();
    assert!(place.run("up --once --path audit.log --to lake --data data").status.success());
    for question in
        ["--namespace shop", "--resource pods --name pod-1 --reads", "--user alice --limit 2 --reads"]
    {
        let of_files = place.json(&format!("who {question} audit.log"));
        assert_eq!(of_files, place.json(&format!("who {question} --lake data/lake")), "{question}");
        assert!(!of_files["events"].as_array().unwrap().is_empty(), "{question}");
    }
}

#[test]
fn older_events_are_counted_and_who_acts_as_somebody_else_is_told_with_both_names() {
    let place = Place::new();
    let all = place.json("who --namespace shop --reads audit.log");
    let text =
        String::from_utf8(place.run("who --namespace shop --reads --limit 3 audit.log").stdout).unwrap();
    let older = all["matched"].as_u64().unwrap() - 3;
    assert!(text.replace(',', "").contains(&format!("{older} older events")), "{text}");
    let acted = all["events"].as_array().unwrap().iter().find(|event| event["impersonated_user"] != "");
    let acted = acted.expect("the log has impersonated requests");
    let subject = acted["impersonated_user"].as_str().unwrap();
    let of_subject = place.json(&format!("who --user {subject} --reads audit.log"));
    let events = of_subject["events"].as_array().unwrap();
    assert!(events.iter().any(|event| event["audit_id"] == acted["audit_id"]));
}

#[test]
fn a_question_about_nothing_is_refused_with_what_to_name() {
    let output = Place::new().run("who audit.log");
    assert_eq!(output.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--user"));
}

#[test]
fn an_object_may_be_named_as_kubectl_does() {
    let place = Place::new();
    assert!(place.run("up --once --path audit.log --to lake --data data").status.success());
    let long = place.json("who --resource serviceaccounts/token --name operator --namespace ops audit.log");
    assert!(long["matched"].as_u64().unwrap() > 0);
    for short in ["sa/operator token", "serviceaccount/operator token", "serviceaccounts/oper*tor token"] {
        assert_eq!(place.json(&format!("who {short} -n ops audit.log")), long, "{short}");
        assert_eq!(place.json(&format!("who {short} -n op* --lake data/lake")), long, "{short}");
    }
    for (wrong, say) in [
        ("who sa/operator --name operator audit.log", "named twice"),
        ("who sa/operator audit.log --lake data/lake", "not both"),
    ] {
        let output = place.run(wrong);
        assert_eq!(output.status.code(), Some(64));
        assert!(String::from_utf8_lossy(&output.stderr).contains(say), "{output:?}");
    }
}

#[test]
fn what_was_changed_is_told_where_the_level_has_it() {
    let place = Place::new();
    let history = Path::new(env!("CARGO_MANIFEST_DIR")).join("../audit/tests/fixtures/rbac/history.log.zst");
    let history = zstd::decode_all(&std::fs::read(history).unwrap()[..]).unwrap();
    std::fs::write(place.0.path().join("history.log"), history).unwrap();
    let told = place.json("who --resource clusterrolebindings --name lab-view history.log");
    let created = &told["events"][0];
    assert_eq!(created["changed"], serde_json::json!(["role view", "subjects viewers"]));
    let text = String::from_utf8(place.run("who clusterrolebinding/lab-view history.log").stdout).unwrap();
    assert!(text.contains("role view, subjects viewers"), "{text}");
    let text = String::from_utf8(place.run("who --namespace shop audit.log").stdout).unwrap();
    assert!(!text.contains("changed"), "at Metadata there is nothing to tell: {text}");
    let csv = String::from_utf8(place.run("who --namespace shop audit.log -o csv").stdout).unwrap();
    assert!(csv.starts_with("time,who,verb,what,namespace,name,changed,code,session,"), "{csv}");
}
