//! Answers over a log whose clients wrote what steers terminals, spreadsheets and readers.

#![allow(clippy::unwrap_used)]

use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

const FORMULA: &str = "=cmd|'/c calc'!A1";
const HOSTILE: &str = "\u{1b}[31m\u{7}\u{9b}a\u{202e}b\u{200b}\u{2066}\u{2028}\u{feff}\u{7f}\r\nc";

const COMMANDS: [&str; 8] = [
    "denied audit.log",
    "slow --by user,client audit.log",
    "deprecated audit.log",
    "detections audit.log",
    "first-seen --learn 1s audit.log",
    "rbac suggest audit.log",
    "who --user * --reads audit.log",
    "sql SELECT\u{a0}user,name,namespace,resource,verb,user_agent,raw\u{a0}FROM\u{a0}events audit.log",
];

/// Requests of two clients: refused, two days later allowed; the last ones no sessions.
fn log() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let mut text = String::new();
    let requests =
        [(FORMULA, 403), (HOSTILE, 403), (FORMULA, 200), (HOSTILE, 200), (FORMULA, 201), (HOSTILE, 201)];
    for (number, (who, code)) in requests.into_iter().enumerate() {
        let subresource = if code == 201 { "" } else { "exec" };
        let day = 20 + code / 100;
        let event = json!({
            "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": format!("a{number}"),
            "stage": "ResponseComplete", "requestURI": format!("/api/v1/namespaces/{who}/pods"), "verb": "create",
            "user": {"username": who, "groups": [who]}, "sourceIPs": ["10.0.0.1"], "userAgent": "+1+1",
            "objectRef": {"resource": "pods", "subresource": subresource, "namespace": who, "name": who, "apiVersion": "v1"},
            "responseStatus": {"code": code},
            "requestReceivedTimestamp": format!("2026-11-{day}T06:00:0{number}.000000Z"),
            "stageTimestamp": format!("2026-11-{day}T06:00:3{number}.000000Z"),
            "annotations": {
                "authorization.k8s.io/decision": if code == 403 { "forbid" } else { "allow" },
                "authorization.k8s.io/reason": who, "k8s.io/deprecated": "true", "k8s.io/removed-release": who,
            },
        });
        text.push_str(&format!("{event}\n"));
    }
    std::fs::write(directory.path().join("audit.log"), text).unwrap();
    directory
}

fn told(directory: &TempDir, command: &str, format: &str) -> String {
    let mut asked = Command::new(env!("CARGO_BIN_EXE_auditrail"));
    asked.current_dir(directory.path()).env("AUDITRAIL_STATES", "none").stdin(Stdio::null());
    asked.args(command.split(' ').map(|word| word.replace('\u{a0}', " "))).args(["-o", format]);
    let output = asked.output().unwrap();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Whether a terminal would show this character as something else than a character.
fn steers(c: char) -> bool {
    c != '\n' && c.is_control() || "\u{202e}\u{200b}\u{2066}\u{2028}\u{feff}".contains(c)
}

#[test]
fn no_answer_in_any_format_has_a_character_that_steers_a_terminal_or_hides() {
    let log = log();
    for command in COMMANDS {
        for format in ["table", "csv", "json", "yaml"] {
            let text = told(&log, command, format);
            assert!(!text.is_empty() && !text.contains(steers), "{command} -o {format}: {text:?}");
        }
    }
}

#[test]
fn no_cell_of_csv_is_a_formula_to_a_spreadsheet() {
    let log = log();
    for command in COMMANDS {
        let text = told(&log, command, "csv");
        let mut formulas = 0;
        for record in csv::Reader::from_reader(text.as_bytes()).records() {
            for cell in &record.unwrap() {
                assert!(
                    !cell.starts_with(['=', '@', '\t', '\r']) && !cell.starts_with("+1+1"),
                    "{command}: {cell:?}"
                );
                formulas += usize::from(cell.starts_with('\''));
            }
        }
        assert!(formulas > 0, "{command}: {text}");
    }
    let numbers = told(&log, "sql SELECT\u{a0}-5,'-5',-1.5,'-1-1' audit.log", "csv");
    assert_eq!(numbers.lines().nth(1), Some("-5,-5,-1.5,'-1-1"));
}

#[test]
fn json_and_yaml_are_read_as_the_texts_that_were_written() {
    let log = log();
    let asked = "sql SELECT\u{a0}user,user_agent\u{a0}FROM\u{a0}events\u{a0}ORDER\u{a0}BY\u{a0}seq\u{a0}LIMIT\u{a0}2 audit.log";
    let expected = json!([{"user": FORMULA, "user_agent": "+1+1"}, {"user": HOSTILE, "user_agent": "+1+1"}]);
    assert_eq!(serde_json::from_str::<Value>(&told(&log, asked, "json")).unwrap(), expected);
    assert_eq!(serde_saphyr::from_str::<Value>(&told(&log, asked, "yaml")).unwrap(), expected);
    for command in ["denied audit.log", "who --user * --reads audit.log", "detections audit.log"] {
        let json: Value = serde_json::from_str(&told(&log, command, "json")).unwrap();
        let yaml: Value = serde_saphyr::from_str(&told(&log, command, "yaml")).unwrap();
        assert_eq!(json, yaml, "{command}");
        assert!(json.to_string().contains('\u{202e}'), "{command}");
    }
    let roles = audit::rbac::Objects::read(&told(&log, "rbac suggest audit.log", "yaml")).unwrap();
    assert!(roles.roles.iter().any(|role| role.namespace == HOSTILE));
}
