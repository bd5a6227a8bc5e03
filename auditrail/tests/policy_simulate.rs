//! `policy simulate` as a person or a script runs it, held against `policy apply`.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn run(arguments: &[&str]) -> Output {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures");
    Command::new(env!("CARGO_BIN_EXE_auditrail")).current_dir(fixtures).args(arguments).output().unwrap()
}

fn simulated(arguments: &[&str]) -> Value {
    let output = run(&[&["policy", "simulate", "--json"], arguments].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn sum(policy: &Value, field: &str) -> u64 {
    policy["rules"].as_array().unwrap().iter().map(|rule| rule[field].as_u64().unwrap()).sum()
}

#[test]
fn what_is_kept_is_what_apply_writes_and_the_rules_add_up() {
    for log in ["twin-superset.log.zst", "small.log.zst", "real.log.zst"] {
        for file in ["datadog.yaml", "rnd-1.yaml", "policy-20.yaml"] {
            let applied = run(&["policy", "apply", "--policy", file, log]).stdout;
            let report = simulated(&["--policy", file, log]);
            let policy = &report["policies"][0];
            assert_eq!(policy["bytesOut"], applied.len(), "{file} {log}");
            assert_eq!(policy["kept"], applied.iter().filter(|&&byte| byte == b'\n').count(), "{file} {log}");
            assert_eq!(policy["events"], report["recorded"]["events"]);
            for field in ["events", "bytesIn", "kept", "bytesOut"] {
                assert_eq!(policy[field], sum(policy, field), "{field} of {file} {log}");
            }
        }
    }
}

#[test]
fn two_policies_are_compared_and_three_are_refused() {
    let report = simulated(&["--policy", "datadog.yaml", "--policy", "rnd-1.yaml", "twin-superset.log.zst"]);
    let (before, after) = (&report["policies"][0], &report["policies"][1]);
    let difference = |what: &str, side: &str| report["difference"][what][side]["events"].as_u64().unwrap();
    let kept = |policy: &Value| policy["kept"].as_u64().unwrap();
    assert_eq!(
        kept(before) - difference("disappears", "before") + difference("appears", "after"),
        kept(after)
    );
    assert!(difference("disappears", "before") + difference("appears", "after") > 0);

    let three = ["policy", "simulate", "--policy", "a", "--policy", "b", "--policy", "c", "small.log.zst"];
    assert_eq!(run(&three).status.code(), Some(64));
}

#[test]
fn prices_are_configuration_and_a_negative_one_is_refused() {
    let total = |more: &[&str]| {
        let report = simulated(&[&["--policy", "datadog.yaml", "small.log.zst"], more].concat());
        let usd = &report["policies"][0]["usdPerMonth"];
        (usd["ingest"].as_f64().unwrap(), usd["index"].as_f64().unwrap())
    };
    let (default, other) = (total(&[]), total(&["--price-per-gb", "0.2", "--price-per-million", "0"]));
    assert!(
        (default.0 * 2.0 - other.0).abs() < 1e-6 && default.1 > 0.0 && other.1 == 0.0,
        "{default:?} {other:?}"
    );
    let negative = ["policy", "simulate", "--policy", "datadog.yaml", "--price-per-gb=-1", "small.log.zst"];
    assert_eq!(run(&negative).status.code(), Some(64));
}
