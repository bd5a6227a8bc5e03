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
