//! The binary's front door: help, version, and what is not understood.

#![allow(clippy::unwrap_used)]

use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_auditrail")).args(arguments).output().unwrap()
}

#[test]
fn help_and_version_are_results_on_stdout() {
    for arguments in [&["--help"][..], &["--version"], &["up", "--help"], &["policy", "explain", "--help"]] {
        let output = run(arguments);
        assert!(output.status.success(), "{arguments:?}");
        assert!(!output.stdout.is_empty() && output.stderr.is_empty(), "{arguments:?}");
    }
    assert!(String::from_utf8_lossy(&run(&["--version"]).stdout).contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn what_is_not_understood_is_64_on_stderr() {
    for arguments in [&[][..], &["upp"], &["policy", "lint"], &["status", "--watch=sometimes"]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}");
    }
}
