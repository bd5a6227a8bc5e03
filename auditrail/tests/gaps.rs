//! `gaps` as a person or a script runs it: over rotated files, over a lake, and over what is broken.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
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

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&said(&run(&[arguments, &["-o", "json"]].concat()))).unwrap()
}

/// A request that began and ended at this second.
fn request(second: u32, id: u32) -> String {
    let time = format!("2026-11-23T06:{:02}:{:02}.000000Z", second / 60, second % 60);
    let event = |stage: &str| {
        format!(
            r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"3f1e6c1e-8d3c-4a53-9c77-{id:012}","stage":"{stage}","requestURI":"/version","verb":"get","user":{{"username":"ann"}},"requestReceivedTimestamp":"{time}","stageTimestamp":"{time}"}}"#
        ) + "\n"
    };
    event("RequestReceived") + &event("ResponseComplete")
}

/// Three rotated files and the active one, as lumberjack leaves them.
fn rotated(directory: &Path) -> [PathBuf; 4] {
    let names = [
        "audit-2026-11-23T06-01-00.002.log",
        "audit-2026-11-23T06-02-00.001.log",
        "audit-2026-11-23T06-03-00.001.log",
        "audit.log",
    ];
    let paths = names.map(|name| directory.join(name));
    for (minute, path) in (0..).zip(&paths) {
        let text: String =
            (0..60).map(|second| request(minute * 60 + second, minute * 60 + second)).collect();
        std::fs::write(path, text).unwrap();
    }
    paths
}

fn proof<'v>(report: &'v Value, name: &str) -> &'v Value {
    report["proofs"].as_array().unwrap().iter().find(|proof| proof["name"] == name).unwrap()
}

#[test]
fn a_whole_log_is_accounted_for_and_a_file_that_is_missing_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let paths = rotated(directory.path());
    let at = directory.path().to_str().unwrap();
    let whole = json(&["gaps", at]);
    assert!(whole["verdict"].as_str().unwrap().ends_with(": 240 of 240 requests accounted for"), "{whole:#}");
    assert_eq!(
        (&proof(&whole, "rotation chain")["available"], whole["files"].as_array().unwrap().len()),
        (&true.into(), 0)
    );

    std::fs::remove_file(&paths[1]).unwrap();
    let cut = json(&["gaps", at]);
    let files = cut["files"].as_array().unwrap();
    assert_eq!(files.len(), 1, "{cut:#}");
    assert!(files[0]["file"].as_str().unwrap().contains("06-03-00"), "{cut:#}");
    assert!(cut["verdict"].as_str().unwrap().contains("the files show 1 losses"), "{cut:#}");
    assert_eq!(cut["silences"][0]["minutes"], 1, "{cut:#}");
}

#[test]
fn a_lost_end_a_cut_line_and_a_run_of_nuls_are_found() {
    let directory = tempfile::tempdir().unwrap();
    let paths = rotated(directory.path());
    let text = std::fs::read_to_string(&paths[0]).unwrap();
    let (lines, end) = text.trim_end().rsplit_once('\n').unwrap();
    let lost: Vec<&str> =
        lines.lines().enumerate().filter(|(at, _)| *at != 21).map(|(_, line)| line).collect();
    let torn = &end[..end.len() / 2];
    std::fs::write(&paths[0], format!("{}\n{torn}", lost.join("\n"))).unwrap();
    let mut nuls = vec![0; 4096];
    nuls.extend(std::fs::read(&paths[2]).unwrap());
    std::fs::write(&paths[2], nuls).unwrap();

    let output = run(&["gaps", directory.path().to_str().unwrap(), "-o", "json"]);
    assert_eq!(output.status.code(), Some(1), "lines that are no events are said");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let lonely = report["without_end"].as_array().unwrap();
    assert!(
        lonely.iter().any(|lonely| lonely["audit_id"] == "3f1e6c1e-8d3c-4a53-9c77-000000000010"),
        "{report:#}"
    );
    let found = report["files"].to_string();
    assert!(
        found.contains("4096 NUL bytes in 1 lines") && found.contains("the last line was cut off"),
        "{found}"
    );
}

#[test]
fn begins_that_were_cut_out_are_counted_in_the_verdict_and_listed() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("audit.log");
    let text: String = (0..120).map(|second| request(second, second)).collect();
    let cut: Vec<&str> =
        text.lines().enumerate().filter(|(at, _)| ![21, 40].contains(at)).map(|(_, line)| line).collect();
    std::fs::write(&log, cut.join("\n")).unwrap();
    let told = said(&run(&["gaps", log.to_str().unwrap()]));
    let words = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("118 of 120 requests accounted for; 1 has no end and 1 has no begin"), "{told}");
    let listed = told.split("Requests without a begin").nth(1).unwrap();
    assert!(listed.contains("3f1e6c1e-8d3c-4a53-9c77-000000000020"), "{told}");
}

#[test]
fn recorded_files_and_the_lake_prove_the_same() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    let data = data.to_str().unwrap();
    let log = "twin-superset.log.zst";
    said(&run(&["up", "--once", "--path", log, "--to", "lake", "--data", data]));
    let lake = format!("{data}/lake");
    let (files, lake) = (json(&["gaps", log]), json(&["gaps", "--lake", &lake, "--states", "none"]));
    for field in ["verdict", "began", "ended", "without_end", "missing_begins", "unlogged_begins", "silences"]
    {
        assert_eq!(files[field], lake[field], "{field}");
    }
    assert!(files["began"].as_u64().unwrap() > 100, "{files:#}");
    assert_eq!(proof(&lake, "rotation chain")["available"], false);
    assert_eq!(proof(&lake, "canary")["available"], false);
    assert_eq!(proof(&files, "numbers of lines")["available"], false);
    assert_eq!(proof(&lake, "numbers of lines")["available"], true);
    assert_eq!((&lake["numbers"][0]["missing"], &lake["numbers"][0]["rows"]), (&0.into(), &lake["events"]));
}

/// A canary's request: the whole ID is its audit ID.
fn canary(id: &str, second: u32) -> String {
    let line = request(second, 0).lines().nth(1).unwrap().to_owned() + "\n";
    line.replace("3f1e6c1e-8d3c-4a53-9c77-000000000000", id)
}

#[test]
fn canaries_that_did_not_arrive_are_told_of_each_start_of_a_collector() {
    let scratch = tempfile::tempdir().unwrap();
    let (data, log) = (scratch.path().join("data"), scratch.path().join("audit.log"));
    let of = |run: &str, numbers: &[u32]| -> String {
        numbers
            .iter()
            .map(|number| canary(&format!("auditrail-canary-{run}-{number}"), number * 60))
            .collect()
    };
    let text = [of("00c0ffee", &[1, 2, 3, 6, 7]), of("deadbeef", &[4, 5]), of("0badcafe", &[1, 3])].concat();
    std::fs::write(&log, text).unwrap();
    let (log, data) = (log.to_str().unwrap(), data.to_str().unwrap());
    said(&run(&["up", "--once", "--path", log, "--to", "lake", "--data", data]));
    let lake = format!("{data}/lake");
    let (of_file, of_lake) = (json(&["gaps", log]), json(&["gaps", "--lake", &lake, "--states", "none"]));
    assert_eq!(of_file["canaries"], of_lake["canaries"]);
    let canaries = &of_file["canaries"];
    assert_eq!((&canaries["seen"], &canaries["missing"]), (&9.into(), &3.into()), "{canaries:#}");
    assert_eq!(canaries["runs"].as_array().unwrap().len(), 3);
    assert_eq!(canaries["runs"][0]["run"], "00c0ffee");
    assert_eq!(canaries["runs"][0]["holes"], serde_json::json!([[4, 5]]));
    let told = said(&run(&["gaps", log]));
    assert!(told.contains("9 of 12 canaries are there") && told.contains("4-5"), "{told}");
}

#[test]
fn a_file_that_left_the_lake_is_missed_by_the_numbers_of_its_lines() {
    let scratch = tempfile::tempdir().unwrap();
    let (data, log) = (scratch.path().join("data"), scratch.path().join("audit.log"));
    let hour = |hour: u32| {
        let text: String = (0..60).map(|second| request(second, hour * 60 + second)).collect();
        text.replace("2026-11-23T06", &format!("2026-11-23T{hour:02}"))
    };
    std::fs::write(&log, (6..9).map(hour).collect::<String>()).unwrap();
    let (log, at) = (log.to_str().unwrap(), data.to_str().unwrap());
    said(&run(&["up", "--once", "--path", log, "--to", "lake", "--data", at]));
    let lake = format!("{at}/lake");
    std::fs::remove_dir_all(data.join("lake/date=2026-11-23/hour=07")).unwrap();
    let asked = ["gaps", "--lake", &lake, "--states", "none"];
    let cut = json(&asked);
    let numbers = &cut["numbers"][0];
    assert_eq!(
        (&numbers["rows"], &numbers["missing"], &numbers["repeated"]),
        (&240.into(), &120.into(), &0.into())
    );
    let hole = &numbers["holes"][0];
    assert_eq!(hole[1].as_u64().unwrap() - hole[0].as_u64().unwrap(), 119, "{cut:#}");
    assert!(cut["verdict"].as_str().unwrap().contains("120 numbered lines are not in the lake"), "{cut:#}");
    let until = json(&[&asked[..], &["--until", "2026-11-23T07:00:00Z"]].concat());
    assert_eq!(proof(&until, "numbers of lines")["available"], false, "{until:#}");
}

#[test]
fn api_servers_are_told_apart_in_a_lake_and_files_are_said_to_tell_nothing_of_them() {
    let scratch = tempfile::tempdir().unwrap();
    let data = scratch.path().join("data");
    let log = |name: &str, requests: u32| {
        let path = scratch.path().join(name);
        let text: String = (0..requests).map(|id| request(id * 3600 / requests, id)).collect();
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (one, two, data) = (log("one.log", 3000), log("two.log", 500), data.to_str().unwrap());
    said(&run(&["up", "--once", "--path", &one, "--path", &two, "--to", "lake", "--data", data]));
    let lake = format!("{data}/lake");
    let told = json(&["gaps", "--lake", &lake, "--states", "none"]);
    let balance = proof(&told, "balance");
    let says = balance["says"].as_str().unwrap();
    assert!(
        says.starts_with("one of 2 API servers gets 85.7 % of the requests") && says.contains("one.log"),
        "{told:#}"
    );
    assert_eq!(
        (&told["servers"][0]["requests"], &told["servers"][1]["requests"]),
        (&3000.into(), &500.into())
    );
    assert_eq!(proof(&told, "clocks")["available"], true, "{told:#}");
    let table = said(&run(&["gaps", "--lake", &lake, "--states", "none"]));
    assert!(table.contains("API servers, by their logs"), "{table}");
    let files = json(&["gaps", &one, &two]);
    assert_eq!(
        (&proof(&files, "balance")["available"], &proof(&files, "clocks")["available"]),
        (&false.into(), &false.into())
    );
}
