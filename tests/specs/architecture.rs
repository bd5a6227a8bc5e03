//! The picture that ARCHITECTURE.md draws, held against the code: who may use whom, how long a file may be,
//! and that every module says what it promises.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Which of our crates each of them may use. Stages never use each other.
const MAY_USE: [(&str, &[&str]); 11] = [
    ("proto", &[]),
    ("audit", &[]),
    ("queue", &[]),
    ("chassis", &[]),
    ("lake", &["audit"]),
    ("collector", &["proto", "queue", "chassis"]),
    ("router", &["proto", "audit", "chassis"]),
    ("shipper", &["proto", "audit", "queue", "lake", "chassis"]),
    ("insight", &["proto", "audit", "lake", "chassis"]),
    (
        "auditrail",
        &["proto", "audit", "queue", "lake", "chassis", "collector", "router", "shipper", "insight"],
    ),
    (
        "tests",
        &[
            "proto",
            "audit",
            "queue",
            "lake",
            "chassis",
            "collector",
            "router",
            "shipper",
            "insight",
            "auditrail",
        ],
    ),
];

/// The longest shipped part of a file, in lines.
const LONGEST: usize = 400;

/// Crates that few files may name, and which.
const HIDDEN: [(&str, &[&str]); 4] = [
    ("sled", &["queue/src/index.rs"]),
    (
        "rusqlite",
        &[
            "insight/src/sql.rs",
            "insight/src/sql/cells.rs",
            "insight/src/sql/error.rs",
            "insight/src/sql/guard.rs",
            "insight/src/sql/table.rs",
            "insight/src/sql/wanted.rs",
        ],
    ),
    ("parquet", &["lake/src/chunks.rs", "lake/src/encode.rs", "lake/src/reading.rs"]),
    (
        "tonic",
        &[
            "proto/src/connect.rs",
            "proto/src/connect/replicas.rs",
            "proto/src/connect/target.rs",
            "proto/src/context.rs",
            "proto/src/lib.rs",
            "proto/src/refusal.rs",
            "proto/src/serve.rs",
            "proto/src/serve/admitted.rs",
            "proto/src/serve/collector_calls.rs",
            "proto/src/serve/handshakes.rs",
            "proto/src/serve/operator.rs",
            "proto/src/serve/router_calls.rs",
            "proto/src/serve/shipper_calls.rs",
        ],
    ),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Every Rust file of ours, with its path from the root and its text.
fn sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for name in MAY_USE.map(|(name, _)| name).into_iter().chain(["fuzz"]) {
        collect(&root().join(name), &mut found);
    }
    assert!(found.len() > 50, "the walk found only {} files", found.len());
    found
}

fn collect(directory: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
            found.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
}

/// The lines of a file before its unit tests.
fn shipped(text: &str) -> usize {
    text.split("#[cfg(test)]\nmod tests").next().unwrap().lines().count()
}

#[test]
fn the_arrows_are_those_of_the_picture() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let allowed: BTreeMap<&str, &[&str]> = MAY_USE.into();
    let packages = metadata["packages"].as_array().unwrap();
    assert_eq!(packages.len(), MAY_USE.len(), "a crate is missing in the picture");
    for package in packages {
        let name = package["name"].as_str().unwrap();
        for dependency in package["dependencies"].as_array().unwrap() {
            let used = dependency["name"].as_str().unwrap();
            let ours = allowed.contains_key(used) && dependency["source"].is_null();
            assert!(
                !ours || allowed[name].contains(&used),
                "{name} must not use {used}: see ARCHITECTURE.md"
            );
        }
    }
}

#[test]
fn no_shipped_file_is_longer_than_four_hundred_lines() {
    let long: Vec<_> =
        sources().into_iter().filter(|(_, text)| shipped(text) > LONGEST).map(|(name, _)| name).collect();
    assert!(long.is_empty(), "longer than {LONGEST} lines: {long:?}");
}

#[test]
fn every_module_begins_with_what_it_promises() {
    let silent: Vec<_> =
        sources().into_iter().filter(|(_, text)| !text.starts_with("//! ")).map(|(name, _)| name).collect();
    assert!(silent.is_empty(), "no module header: {silent:?}");
}

#[test]
fn a_file_is_named_after_what_it_owns() {
    const VAGUE: [&str; 7] =
        ["mod.rs", "utils.rs", "util.rs", "common.rs", "helpers.rs", "types.rs", "misc.rs"];
    let vague: Vec<_> = sources()
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| VAGUE.contains(&name.rsplit('/').next().unwrap()))
        .collect();
    assert!(vague.is_empty(), "{vague:?}");
}

#[test]
fn what_is_hidden_is_named_where_it_is_hidden_only() {
    for (hidden, homes) in HIDDEN {
        let path = format!("{hidden}::");
        let named: Vec<_> = sources()
            .into_iter()
            .filter(|(name, text)| {
                name.contains("/src/") && text.contains(&path) && !homes.contains(&name.as_str())
            })
            .map(|(name, _)| name)
            .collect();
        assert!(named.is_empty(), "{hidden} is named in {named:?}");
    }
}

/// What stands between backticks in `text`.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn every_guard_that_the_architecture_names_exists() {
    let map = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let promises = map.split("## Promises").nth(1).unwrap().split("\n## ").next().unwrap();
    // The words behind each `Guarded by`, up to the next promise, whose name is bold.
    let guards = promises.split("*Guarded by*").skip(1).map(|rest| rest.split("**").next().unwrap());
    let guards: String = guards.collect();
    let sources = sources();
    let is_name =
        |word: &&str| word.contains('_') && word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let is_path = |word: &&str| word.contains('/') || word.ends_with(".rs");
    let names: Vec<&str> = quoted(&guards).filter(is_name).collect();
    let paths: Vec<&str> = quoted(&guards).filter(is_path).collect();
    assert!(names.len() > 5 && paths.len() > 3, "{names:?} {paths:?}");
    for name in names {
        let definition = format!("fn {name}(");
        assert!(sources.iter().any(|(_, text)| text.contains(&definition)), "no test is called `{name}`");
    }
    for path in paths {
        let is_there = root().join(path).exists() || root().join("tests/specs").join(path).exists();
        assert!(is_there, "`{path}` is not there");
    }
}

#[test]
fn nothing_is_unsafe_but_the_table_of_sqlite() {
    let needles = ["unsafe ", "allow(unsafe_code"].map(str::to_owned);
    let is_code = |line: &str| !line.trim_start().starts_with("//");
    let unsafe_ones: Vec<_> = sources()
        .into_iter()
        .filter(|(name, _)| name.contains("/src/"))
        .filter(|(_, text)| {
            text.lines()
                .filter(|line| is_code(line))
                .any(|line| needles.iter().any(|needle| line.contains(needle)))
        })
        .map(|(name, _)| name)
        .collect();
    assert_eq!(unsafe_ones, ["insight/src/sql/table.rs"]);
    let text = std::fs::read_to_string(root().join("insight/src/sql/table.rs")).unwrap();
    assert!(text.contains("// SAFETY"), "the unsafe impls say why they are sound");
}
