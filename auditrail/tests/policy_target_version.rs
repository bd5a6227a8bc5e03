//! `--target-version` of every command that reads a policy.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What kube-apiserver takes since 1.36 only.
const EVERY_GROUP: &str = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Request\n  resources:\n  - group: \
                           \"*\"\n- level: Metadata\n";
const LOG: &str = "small.log.zst";

fn run(arguments: &[&str]) -> Output {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures");
    Command::new(env!("CARGO_BIN_EXE_auditrail")).current_dir(fixtures).args(arguments).output().unwrap()
}

fn file(directory: &Path, text: &str) -> PathBuf {
    let file = directory.join("policy.yaml");
    std::fs::write(&file, text).unwrap();
    file
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn every_command_takes_a_policy_as_the_chosen_version_takes_it() {
    let scratch = tempfile::tempdir().unwrap();
    let policy = file(scratch.path(), EVERY_GROUP);
    let policy = policy.to_str().unwrap();
    for command in ["explain", "apply", "simulate"] {
        let of = |version: &[&str]| run(&[&["policy", command, "--policy", policy, LOG], version].concat());
        for version in [&[][..], &["--target-version", "1.36"], &["--target-version", "v1.37.0"]] {
            let output = of(version);
            assert!(output.status.success() && !output.stdout.is_empty(), "{command}: {}", said(&output));
        }
        let refused = of(&["--target-version", "1.35"]);
        assert_eq!((refused.status.code(), refused.stdout.len()), (Some(64), 0), "{command}");
        let message = said(&refused);
        assert!(message.contains(&format!("{policy}:6:12:")) && message.contains("group"), "{message}");
        let unknown = of(&["--target-version", "1.99"]);
        assert_eq!(unknown.status.code(), Some(64), "{command}");
        assert!(said(&unknown).contains("from 1.24"), "{command}: {}", said(&unknown));
    }
}

#[test]
fn lint_finds_what_the_chosen_version_refuses() {
    let scratch = tempfile::tempdir().unwrap();
    let policy = file(scratch.path(), EVERY_GROUP);
    let policy = policy.to_str().unwrap();
    for (version, code) in [("1.36", 1), ("1.35", 2)] {
        let output = run(&["policy", "lint", "--target-version", version, policy]);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{version}: {}",
            String::from_utf8_lossy(&output.stdout)
        );
    }
}

#[test]
fn a_correction_leaves_nothing_that_the_chosen_version_refuses_or_finds() {
    let scratch = tempfile::tempdir().unwrap();
    let text = EVERY_GROUP.replace("level: Request", "level: request").replace("- level: Metadata\n", "");
    for (version, code, last) in [("1.35", 2, "\"*\"\n"), ("1.36", 1, "- level: Metadata\n")] {
        let policy = file(scratch.path(), &text);
        let output = run(&["policy", "lint", "--fix", "--target-version", version, policy.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(code), "{version}: {}", said(&output));
        let fixed = std::fs::read_to_string(&policy).unwrap();
        assert!(fixed.contains("level: Request"), "{version}: {fixed}");
        assert!(
            fixed.ends_with(last),
            "what is refused says nothing about requests that no rule matches: {fixed}"
        );
    }
}

#[test]
fn a_suggestion_is_for_every_version() {
    let scratch = tempfile::tempdir().unwrap();
    let suggested = run(&["policy", "suggest", LOG]);
    let policy = file(scratch.path(), std::str::from_utf8(&suggested.stdout).unwrap());
    for version in ["1.24", "1.35", "1.37"] {
        let output = run(&["policy", "lint", "--target-version", version, policy.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(0), "{version}: {}", String::from_utf8_lossy(&output.stdout));
    }
}
