//! `slow` as a person or a script runs it: over recorded files and over a lake.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn run(arguments: &[&str]) -> Output {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures");
    Command::new(env!("CARGO_BIN_EXE_auditrail")).current_dir(fixtures).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn recorded_files_and_the_lake_give_the_same_numbers() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    let states = scratch.path().join("states");
    let (data, states) = (data.to_str().unwrap(), states.to_str().unwrap());
    let log = "twin-superset.log.zst";
    said(&run(&["up", "--once", "--path", log, "--to", "lake", "--data", data]));
    let lake = format!("{data}/lake");
    let of_files = said(&run(&["slow", log, "-o", "json"]));
    for _ in 0..2 {
        assert_eq!(of_files, said(&run(&["slow", "--lake", &lake, "--states", states, "-o", "json"])));
    }
    let report: Value = serde_json::from_str(&of_files).unwrap();
    assert!(report["requests"].as_u64().unwrap() > 100, "{of_files}");
    assert_eq!(report["groups"][0]["client"], "");
}

#[test]
fn rows_are_put_together_and_left_out_as_asked() {
    let ask = |more: &[&str]| -> Value {
        let arguments = [&["slow", "real.log.zst", "-o", "json"], more].concat();
        serde_json::from_str(&said(&run(&arguments))).unwrap()
    };
    let all = ask(&[]);
    let gets = ask(&["--verb", "get", "--by", "verb,user"]);
    let groups = gets["groups"].as_array().unwrap();
    assert!(
        !groups.is_empty() && groups.iter().all(|group| group["verb"] == "get" && group["resource"] == "")
    );
    assert!(gets["requests"].as_u64() < all["requests"].as_u64());
    let none = ask(&["--user", "nobody-of-this-name"]);
    assert_eq!((none["requests"].as_u64(), none["groups"].as_array().unwrap().len()), (Some(0), 0));
    assert_eq!(ask(&["--slo", "mixin"])["objectives"]["preset"], "mixin");
}

#[test]
fn tables_name_what_the_log_cannot_tell() {
    let text = said(&run(&["slow", "real.log.zst", "--limit", "3"]));
    for part in
        ["Requests by total time", "hold no latency annotations", "more rows: --limit", "Objectives: "]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let csv = said(&run(&["slow", "real.log.zst", "-o", "csv"]));
    let mut lines = csv.lines();
    assert!(lines.next().unwrap().starts_with("verb,resource,scope,requests,total"), "{csv}");
    let total = lines.next().unwrap().split(',').nth(4).unwrap();
    assert!(total.parse::<u64>().is_ok(), "programs read microseconds: {csv}");
}

#[test]
fn a_bad_day_is_named_among_good_ones() {
    let scratch = tempfile::tempdir().unwrap();
    let line = |day: u32, window: u32| {
        let (hour, minute) = (window / 12, window % 12 * 5);
        let end = if day == 3 && window < 5 { "02" } else { "00" };
        let at = format!("2026-11-{day:02}T{hour:02}:{minute:02}");
        format!(
            r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"a-{day}-{window}","stage":"ResponseComplete","requestURI":"/api/v1/namespaces/web/pods/a","verb":"get","user":{{"username":"ann"}},"objectRef":{{"resource":"pods","namespace":"web","name":"a","apiVersion":"v1"}},"responseStatus":{{"code":200}},"requestReceivedTimestamp":"{at}:00.000000Z","stageTimestamp":"{at}:{end}.000000Z"}}
"#
        )
    };
    let lines: String = (1..=6).flat_map(|day| (0..288).map(move |window| line(day, window))).collect();
    let log = scratch.path().join("audit.log");
    std::fs::write(&log, lines).unwrap();
    let text = said(&run(&["slow", log.to_str().unwrap()]));
    let row = text.lines().find(|line| line.contains("2026-11-03: ")).unwrap();
    let cells = row.replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(cells.ends_with("1,728 5 1 of 6 2026-11-03: 5 of 288 missed"), "{cells}");
    assert!(text.contains("Missed on 1 of 6 days (UTC)"), "{text}");
}

#[test]
fn of_lists_of_everything_nothing_is_said_that_is_true_of_some_versions_only() {
    let scratch = tempfile::tempdir().unwrap();
    let line = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"a","stage":"ResponseComplete","requestURI":"/api/v1/pods","verb":"list","user":{"username":"ann"},"objectRef":{"resource":"pods","apiVersion":"v1"},"responseStatus":{"code":200},"requestReceivedTimestamp":"2026-11-23T06:00:00.000000Z","stageTimestamp":"2026-11-23T06:00:01.000000Z"}"#;
    let log = scratch.path().join("audit.log");
    std::fs::write(&log, line).unwrap();
    let text = said(&run(&["slow", log.to_str().unwrap()]));
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("Lists of everything at once"), "{text}");
    assert!(words.contains("everything is read at once (before Kubernetes 1.31 from etcd)"), "{text}");
    assert!(!words.contains("page with limit"), "which goes to etcd from 1.31 to 1.33: {text}");
}
