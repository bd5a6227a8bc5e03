//! `policy suggest` as a person or a script runs it, held against `policy lint` and `policy simulate`.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn run(arguments: &[&str]) -> Output {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures");
    Command::new(env!("CARGO_BIN_EXE_auditrail")).current_dir(fixtures).args(arguments).output().unwrap()
}

/// `1234567` as `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string().into_bytes();
    let groups: Vec<_> = digits.rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

#[test]
fn the_suggestion_is_clean_and_simulation_shows_the_savings_that_it_promised() {
    let scratch = tempfile::tempdir().unwrap();
    for log in ["small.log.zst", "twin-superset.log.zst"] {
        let suggested = run(&["policy", "suggest", log]);
        assert!(suggested.status.success(), "{}", String::from_utf8_lossy(&suggested.stderr));
        let text = String::from_utf8(suggested.stdout).unwrap();
        let file = scratch.path().join("suggested.yaml");
        std::fs::write(&file, &text).unwrap();
        let file = file.to_str().unwrap();

        let linted = run(&["policy", "lint", file]);
        assert_eq!(linted.status.code(), Some(0), "{}{text}", String::from_utf8_lossy(&linted.stdout));

        let simulated = run(&["policy", "simulate", "--json", "--policy", file, log]);
        let report: Value = serde_json::from_slice(&simulated.stdout).unwrap();
        let of = |value: &Value, field: &str| value[field].as_u64().unwrap();
        let policy = &report["policies"][0];
        let saved = of(policy, "events") - of(policy, "kept");
        assert!(
            saved > 0 && text.contains(&format!("# Saves {} events, ", grouped(saved))),
            "{saved}: {text}"
        );
        for rule in policy["rules"].as_array().unwrap() {
            let saved = of(rule, "events") - of(rule, "kept");
            let promised = format!("saves {} of {} events, ", grouped(saved), grouped(of(rule, "events")));
            assert!(saved == 0 || text.contains(&promised), "{promised}: {text}");
        }
    }
}

#[test]
fn a_short_recording_is_called_short() {
    let suggested = run(&["policy", "suggest", "small.log.zst"]);
    let text = String::from_utf8(suggested.stdout).unwrap();
    assert!(text.contains("# That is short: "), "{text}");
}

#[test]
fn a_recording_without_an_event_suggests_nothing_and_says_why() {
    let scratch = tempfile::tempdir().unwrap();
    let log = scratch.path().join("empty.log");
    let log = log.to_str().unwrap();
    for (content, more, why) in [
        ("", &[][..], "the recording holds no event, so"),
        ("legacy text\n", &[], "no line of the recording is an event, so"),
        ("", &["--since", "24h"], "the recording holds no event of that time, so"),
    ] {
        std::fs::write(log, content).unwrap();
        let output = run(&[&["policy", "suggest", log], more].concat());
        assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(1), true));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(why), "{said}");
    }
}
