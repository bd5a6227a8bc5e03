//! `policy lint` as a person or a script runs it.
#![allow(clippy::unwrap_used)] // a test that cannot read its truth has failed

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// A policy with an error, a warning and a note.
const POLICY: &str = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: None\n  resources:\n  - group: apps\n    \
                      resources: [deployment]\n    verbs: [get] # not here\n- level: Metadata\n";

fn lint(arguments: &[&str], file: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_auditrail"));
    command.args(["policy", "lint"]).args(arguments).arg(file).output().unwrap()
}

fn policy(directory: &Path, text: &str) -> std::path::PathBuf {
    let file = directory.join("policy.yaml");
    std::fs::write(&file, text).unwrap();
    file
}

fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn every_format_has_every_finding_and_the_same_exit_code() {
    let scratch = tempfile::tempdir().unwrap();
    let file = policy(scratch.path(), POLICY);
    let runs =
        [&[][..], &["--json"], &["--format", "json"], &["--format", "sarif"]].map(|how| lint(how, &file));
    assert!(runs.iter().all(|run| run.status.code() == Some(2)), "{runs:?}");
    let [text, json, long, sarif] = runs.map(|run| printed(&run));
    assert_eq!(json, long);
    let json: Vec<Value> = serde_json::from_str(&json).unwrap();
    let sarif: Value = serde_json::from_str(&sarif).unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    assert_eq!(json.len(), results.len());
    for (finding, result) in json.iter().zip(results) {
        let region = &result["locations"][0]["physicalLocation"]["region"];
        assert_eq!((&finding["line"], &finding["column"]), (&region["startLine"], &region["startColumn"]));
        assert_eq!((&finding["code"], &finding["severity"]), (&result["ruleId"], &result["level"]));
        let rule =
            &sarif["runs"][0]["tool"]["driver"]["rules"][result["ruleIndex"].as_u64().unwrap() as usize];
        assert_eq!(rule["id"], finding["code"]);
        let place =
            format!(":{}:{}: {}", finding["line"], finding["column"], finding["severity"].as_str().unwrap());
        assert!(text.contains(&place), "{place} in {text}");
    }
    assert_eq!(
        (&sarif["version"], &sarif["runs"][0]["columnKind"]),
        (&"2.1.0".into(), &"unicodeCodePoints".into())
    );
}

#[test]
fn the_exit_code_is_that_of_the_worst_finding_and_notes_are_none() {
    let scratch = tempfile::tempdir().unwrap();
    let head = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n";
    for (rules, code) in
        [("- level: Metadata\n", 0), ("- level: Metadata\n  users: [a]\n", 1), ("- level: metadata\n", 2)]
    {
        let run = lint(&[], &policy(scratch.path(), &format!("{head}{rules}")));
        assert_eq!(run.status.code(), Some(code), "{run:?}");
    }
    assert_eq!(lint(&["--json", "--format", "sarif"], Path::new("x")).status.code(), Some(64));
    assert_eq!(lint(&[], &scratch.path().join("absent.yaml")).status.code(), Some(64));
}

#[test]
fn a_file_is_corrected_in_place_and_what_is_left_is_printed() {
    let scratch = tempfile::tempdir().unwrap();
    let file = policy(scratch.path(), POLICY);
    let run = lint(&["--fix", "--json"], &file);
    assert_eq!(run.status.code(), Some(0), "{run:?}");
    let text = std::fs::read_to_string(&file).unwrap();
    let rule = "- level: None\n  verbs: [get] # not here\n  resources:\n  - group: apps\n    resources: [deployments]\n";
    assert!(text.contains(rule), "{text}");
    let left: Vec<Value> = serde_json::from_str(&printed(&run)).unwrap();
    assert!(left.iter().all(|finding| finding["severity"] == "note"), "{left:?}");
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(
        said.contains("corrected [misplaced-field]") && said.contains("corrected [unknown-resource]"),
        "{said}"
    );
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 1, "nothing else stays behind");
}

#[test]
fn a_dry_run_prints_the_corrected_text_and_changes_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let file = policy(scratch.path(), POLICY);
    let run = lint(&["--fix", "--dry-run"], &file);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), POLICY);
    assert!(
        printed(&run).starts_with("apiVersion") && printed(&run).contains("resources: [deployments]"),
        "{run:?}"
    );
    assert!(String::from_utf8_lossy(&run.stderr).contains("corrects [misplaced-field]"), "{run:?}");
    assert_eq!(lint(&["--dry-run"], &file).status.code(), Some(64), "without --fix there is nothing to try");
    let two = file.display().to_string();
    assert_eq!(lint(&["--fix", "--dry-run", &two], &file).status.code(), Some(64), "two texts are no text");
}

#[cfg(unix)]
#[test]
fn a_corrected_file_keeps_its_rights_and_its_link() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = tempfile::tempdir().unwrap();
    let file = policy(scratch.path(), POLICY);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let link = scratch.path().join("link.yaml");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    assert_eq!(lint(&["--fix"], &link).status.code(), Some(0));
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_ne!(std::fs::read_to_string(&file).unwrap(), POLICY);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}
