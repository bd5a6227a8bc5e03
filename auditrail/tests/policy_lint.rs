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

/// A text after the replacements of a SARIF fix, in which columns count characters.
fn replaced(text: &str, fix: &Value) -> String {
    let changes = fix["artifactChanges"].as_array().unwrap();
    let mut replacements: Vec<&Value> =
        changes.iter().flat_map(|change| change["replacements"].as_array().unwrap()).collect();
    let offset = |region: &Value, line: &str, column: &str| {
        let (line, column) =
            (region[line].as_u64().unwrap() as usize, region[column].as_u64().unwrap() as usize);
        let start: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
        start + text[start..].chars().take(column - 1).map(char::len_utf8).sum::<usize>()
    };
    let start = |replacement: &Value| offset(&replacement["deletedRegion"], "startLine", "startColumn");
    let end = |replacement: &Value| offset(&replacement["deletedRegion"], "endLine", "endColumn");
    replacements.sort_by_key(|replacement| std::cmp::Reverse(start(replacement)));
    let mut new = text.to_owned();
    for replacement in replacements {
        let inserted = replacement["insertedContent"]["text"].as_str().unwrap_or_default();
        new.replace_range(start(replacement)..end(replacement), inserted);
    }
    new
}

#[test]
fn a_sarif_log_has_the_fix_of_every_finding_that_can_be_mended() {
    let scratch = tempfile::tempdir().unwrap();
    let head = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: # für alle\n";
    for (rules, fixable) in [
        (POLICY.split_once("rules:\n").unwrap().1, &["unknown-resource", "misplaced-field"][..]),
        (
            "- {level: None, users: [é], verbs: [GET], resources: [{group: core}]}\n- level: Metadata\n",
            &["uppercase-verb", "unknown-group"],
        ),
        ("- level: None\n  verbs:\n  - \"*\"\n  users: [a]\n", &["no-catch-all", "literal-wildcard"]),
        ("- level: None\n  resources:\n  - resources: [deployments]\n- level: Metadata", &["wrong-group"]),
        ("- level: metadata\r\n", &["invalid-value"]),
        ("- level: Metadata\n  level: None\n", &[]),
    ] {
        let text = format!("{head}{rules}");
        let file = policy(scratch.path(), &text);
        let sarif: Value = serde_json::from_str(&printed(&lint(&["--format", "sarif"], &file))).unwrap();
        assert_structure(&sarif);
        let results = sarif["runs"][0]["results"].as_array().unwrap();
        let mut fixed: Vec<&str> = Vec::new();
        for result in results {
            let Some(fix) = result["fixes"].get(0) else { continue };
            fixed.push(result["ruleId"].as_str().unwrap());
            let new = replaced(&text, fix);
            let left: Vec<Value> =
                serde_json::from_str(&printed(&lint(&["--json"], &policy(scratch.path(), &new)))).unwrap();
            assert!(left.iter().all(|left| left["code"] != result["ruleId"]), "{result}: {new}");
        }
        assert_eq!(fixed, fixable, "{text}");
    }
}

/// What SARIF 2.1.0 asks for of the objects that are used here: every required property, no other than the known ones,
/// and numbers in their ranges.
fn assert_structure(sarif: &Value) {
    let object = |value: &Value, required: &[&str], optional: &[&str]| {
        let keys: Vec<&String> = value.as_object().unwrap_or_else(|| panic!("{value}")).keys().collect();
        assert!(required.iter().all(|key| keys.iter().any(|other| other == key)), "{value}");
        assert!(keys.iter().all(|key| [required, optional].concat().contains(&key.as_str())), "{value}");
    };
    let list = |value: &Value| value.as_array().cloned().unwrap_or_else(|| panic!("{value}"));
    let text = |value: &Value| assert!(value.is_string(), "{value}");
    let message = |value: &Value| {
        object(value, &["text"], &[]);
        text(&value["text"]);
    };
    let region = |value: &Value| {
        object(value, &["startLine", "startColumn"], &["endLine", "endColumn"]);
        assert!(value.as_object().unwrap().values().all(|number| number.as_u64() >= Some(1)), "{value}");
        let at = |line: &str, column: &str| (value[line].as_u64(), value[column].as_u64());
        let ends = at("endLine", "endColumn");
        assert!(ends.0.is_none() || at("startLine", "startColumn") <= ends, "{value}");
    };
    let artifact = |value: &Value| {
        object(value, &["uri"], &[]);
        text(&value["uri"]);
    };
    object(sarif, &["version", "runs", "$schema"], &[]);
    for run in list(&sarif["runs"]) {
        object(&run, &["tool", "columnKind", "results"], &[]);
        object(&run["tool"], &["driver"], &[]);
        object(&run["tool"]["driver"], &["name", "version", "rules"], &[]);
        for rule in list(&run["tool"]["driver"]["rules"]) {
            object(&rule, &["id", "shortDescription"], &[]);
            message(&rule["shortDescription"]);
        }
        for result in list(&run["results"]) {
            object(&result, &["ruleId", "ruleIndex", "level", "message", "locations"], &["fixes"]);
            message(&result["message"]);
            assert!(["note", "warning", "error"].iter().any(|level| result["level"] == *level), "{result}");
            for location in list(&result["locations"]) {
                object(&location, &["physicalLocation"], &[]);
                object(&location["physicalLocation"], &["artifactLocation", "region"], &[]);
                artifact(&location["physicalLocation"]["artifactLocation"]);
                region(&location["physicalLocation"]["region"]);
            }
            for fix in result.get("fixes").map(list).unwrap_or_default() {
                object(&fix, &["artifactChanges", "description"], &[]);
                message(&fix["description"]);
                for change in list(&fix["artifactChanges"]) {
                    object(&change, &["artifactLocation", "replacements"], &[]);
                    artifact(&change["artifactLocation"]);
                    assert!(!list(&change["replacements"]).is_empty(), "{change}");
                    for replacement in list(&change["replacements"]) {
                        object(&replacement, &["deletedRegion"], &["insertedContent"]);
                        region(&replacement["deletedRegion"]);
                        replacement.get("insertedContent").iter().for_each(|content| message(content));
                    }
                }
            }
        }
    }
}
