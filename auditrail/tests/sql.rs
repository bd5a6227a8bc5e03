//! `sql` as a person or a script runs it: over recorded files and over the lake, the same answers.

#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// A recording, and a lake with it.
struct Filled {
    directory: TempDir,
    events: Vec<Value>,
}

static FILLED: LazyLock<Filled> = LazyLock::new(|| {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/real.log.zst");
    let text = zstd::decode_all(std::fs::read(fixture).unwrap().as_slice()).unwrap();
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("audit.log"), &text).unwrap();
    let up = ["up", "--once", "--path", "audit.log", "--to", "lake", "--data", "data"];
    let filled = run_in(directory.path(), &up);
    assert!(filled.status.success(), "{}", String::from_utf8_lossy(&filled.stderr));
    let events = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    Filled { events: events.map(read).collect(), directory }
});

/// A line as JSON; null when it is none.
fn read(line: &[u8]) -> Value {
    serde_json::from_str(&String::from_utf8_lossy(line)).unwrap_or_default()
}

fn run_in(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_auditrail")).current_dir(directory).args(arguments).output().unwrap()
}

fn run(arguments: &[&str]) -> Output {
    run_in(FILLED.directory.path(), &[&["sql"], arguments].concat())
}

/// What stdout says, after the exit code was looked at.
fn said(output: &Output, code: i32) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The rows of a question to the lake, which the recording must answer alike.
fn rows(question: &str) -> Vec<Value> {
    let of = |source: &[&str]| -> Vec<Value> {
        let output = run(&[&[question, "-o", "json"], source].concat());
        serde_json::from_str(&said(&output, 0)).unwrap()
    };
    let (lake, files) = (of(&["--lake", "data/lake"]), of(&["audit.log"]));
    assert_eq!(lake, files, "{question}");
    lake
}

fn refused(question: &str) -> String {
    let output = run(&[question, "audit.log"]);
    assert_eq!(said(&output, 64), "", "{question}");
    String::from_utf8(output.stderr).unwrap()
}

fn count(holds: impl Fn(&Value) -> bool) -> usize {
    FILLED.events.iter().filter(|event| holds(event)).count()
}

#[test]
fn files_and_the_lake_give_the_numbers_that_the_lines_give() {
    let gets = count(|event| event["verb"] == "get");
    assert!(gets > 0);
    assert_eq!(rows("SELECT count(*) AS n FROM events"), [json!({"n": FILLED.events.len()})]);
    assert_eq!(rows("SELECT count(*) AS n FROM events WHERE verb = 'get'"), [json!({"n": gets})]);
    let some = count(|event| ["get", "list"].iter().any(|verb| event["verb"] == *verb));
    assert_eq!(
        rows("SELECT count(*) AS n FROM events WHERE verb IN ('get', 'list', NULL)"),
        [json!({"n": some})]
    );
    let either = count(|event| event["verb"] == "get" || event["stage"] == "RequestReceived");
    let question = "SELECT count(*) AS n FROM events WHERE verb = 'get' OR stage = 'RequestReceived'";
    assert_eq!(rows(question), [json!({"n": either})]);
    let masters = count(|event| {
        event["user"]["groups"].as_array().is_some_and(|groups| groups.contains(&json!("system:masters")))
    });
    let question = "SELECT count(*) AS n FROM events WHERE EXISTS
        (SELECT 1 FROM json_each(groups) WHERE value = 'system:masters')";
    assert_eq!(rows(question), [json!({"n": masters})]);
}

#[test]
fn a_time_bounds_alike_however_it_is_written() {
    let late = count(|event| event["stageTimestamp"].as_str().unwrap_or_default() >= "2026-11-23T06:11");
    assert!(late > 0 && late < FILLED.events.len());
    for bound in [
        "time >= '2026-11-23T06:11'",
        "time >= '2026-11-23 06:11:00'",
        "'2026-11-23T06:11:00.000Z' <= time",
        "time >= '2026-11-23T08:11:00+02:00'",
        "NOT time < '2026-11-23 01:11-05:00'",
        "time >= '2026-11-23T06:11:00Z' AND time < '2026-11-24'",
        "time BETWEEN '2026-11-23T06:11:00Z' AND '2026-11-23T23'",
        "time_us >= unixepoch('2026-11-23T06:11:00Z') * 1000000",
        "time >= '2026-11-23T06:11' AND date = '2026-11-23' AND hour IN (6, 7)",
        "date >= '2026-11-23' AND hour = 6 AND time > datetime('2026-11-23T06:11:00', '-1 seconds') \
         AND NOT time < '2026-11-23T06:11'",
    ] {
        assert_eq!(
            rows(&format!("SELECT count(*) AS n FROM events WHERE {bound}")),
            [json!({"n": late})],
            "{bound}"
        );
    }
    for bound in ["date = '2026-11-24'", "hour = 7", "time < '2026'", "time = 'yesterday'", "time IS NULL"] {
        assert_eq!(
            rows(&format!("SELECT count(*) AS n FROM events WHERE {bound}")),
            [json!({"n": 0})],
            "{bound}"
        );
    }
    let since = ["SELECT count(*) FROM events", "--since", "2026-11-23T06:11:00Z", "-o", "csv", "audit.log"];
    assert_eq!(said(&run(&since), 0), format!("count(*)\n{late}\n"));
}

#[test]
fn hours_that_a_question_cannot_be_about_are_not_opened() {
    let filled = tempfile::tempdir().unwrap();
    let hour = filled.path().join("date=2026-11-23/hour=05");
    std::fs::create_dir_all(&hour).unwrap();
    std::fs::write(hour.join("0.parquet"), "no Parquet at all").unwrap();
    let lake = filled.path().to_str().unwrap();
    for bound in
        ["hour > 5", "date < '2026-11-23'", "time >= '2026-11-23T06'", "time_us IN (1) AND time < '2026'"]
    {
        let question = format!("SELECT count(*) FROM events WHERE {bound}");
        assert_eq!(said(&run(&[&question, "--lake", lake, "-o", "csv"]), 0), "count(*)\n0\n", "{bound}");
    }
    let opened = run(&["SELECT count(*) FROM events WHERE hour = 5", "--lake", lake, "-o", "csv"]);
    assert_eq!(
        said(&opened, 1),
        "count(*)\n0\n",
        "a file that cannot be read is named, and the exit code says it"
    );
    assert!(String::from_utf8_lossy(&opened.stderr).contains("hour=05/0.parquet cannot be read"));
}

#[test]
fn every_question_of_the_manual_has_an_answer_and_the_same_one_from_files_and_lake() {
    let manual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/sql.md");
    let manual = std::fs::read_to_string(manual).unwrap();
    let questions: Vec<_> =
        manual.split("```sql\n").skip(1).map(|rest| rest.split("\n```").next().unwrap()).collect();
    assert!(questions.len() >= 12, "{}", questions.len());
    let answered = questions.iter().filter(|question| !rows(question).is_empty()).count();
    assert!(answered + 2 >= questions.len(), "only {answered} of {} questions have rows", questions.len());
}

#[test]
fn nothing_can_be_written_attached_or_set() {
    for question in [
        "CREATE TABLE x(a)",
        "CREATE TEMP TABLE x AS SELECT * FROM events",
        "DELETE FROM events",
        "INSERT INTO events(verb) VALUES ('get')",
        "UPDATE events SET verb = 'get'",
        "ATTACH 'other.db' AS other",
        "PRAGMA query_only = 0",
        "PRAGMA temp_store_directory = '.'",
        "VACUUM INTO 'copy.db'",
        "BEGIN",
        "SELECT load_extension('x')",
        "SELECT * FROM pragma_database_list",
        "SELECT 1; DROP TABLE events",
        "SELECT * FROM events WHERE verb = ?",
    ] {
        assert!(refused(question).starts_with("auditrail: SQL: "), "{question}");
    }
    for name in ["other.db", "copy.db"] {
        assert!(!FILLED.directory.path().join(name).exists(), "{name}");
    }
}

#[test]
fn a_mistake_is_told_with_its_place_and_what_there_is() {
    let message = refused("SELECT verb,\n  usr FROM events");
    assert!(
        message.contains("no such column: usr (line 2, column 3); columns of `events`: time,"),
        "{message}"
    );
    assert!(refused("SELECT * FROM event").contains("no such table: event; the table is `events`"));
    assert!(refused("SELECT FROM").contains("(line 1, column 8)"));
}

#[test]
fn a_question_without_end_is_stopped_at_its_time() {
    let question = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n";
    let output = run(&[question, "audit.log", "--timeout", "1s"]);
    assert_eq!(said(&output, 1), "");
    assert!(String::from_utf8_lossy(&output.stderr).contains("stopped after 1 s"));
    // stdin that never ends
    let mut child = Command::new(env!("CARGO_BIN_EXE_auditrail"))
        .args(["sql", "SELECT count(*) FROM events", "--timeout", "1s"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let stdin = child.stdin.take();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    drop(stdin);
}

/// The search of half of a long text in the whole, for hours, in one step of SQLite.
const STUCK: &str = "WITH t AS MATERIALIZED (SELECT hex(zeroblob(8000000)) AS s) SELECT instr(s, substr(s, 1, 8000000) || '1') FROM t";

/// Waits for the end of a process, and ends it when that does not come: the exit code, and what stderr says.
fn ended(mut child: Child) -> (Option<i32>, String) {
    let patience = Instant::now() + Duration::from_secs(60);
    while child.try_wait().unwrap().is_none() && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(20));
    }
    // Nothing to kill is what is hoped for.
    let _ = child.kill();
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

fn asked(arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_auditrail"))
        .current_dir(FILLED.directory.path())
        .args([&["sql"], arguments].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn a_function_that_takes_hours_is_stopped_at_its_time_too() {
    let (code, stderr) = ended(asked(&[STUCK, "audit.log", "--timeout", "1s"]));
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.starts_with("auditrail: SQL: stopped after 1 s: ask for fewer hours"), "{stderr}");
}

#[cfg(unix)]
#[test]
fn the_first_ctrl_c_ends_a_function_that_takes_hours() {
    use std::io::{BufRead, BufReader};
    let rows = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 9999) SELECT x FROM n";
    let question = format!("{rows} UNION ALL SELECT * FROM ({STUCK})");
    let mut child = asked(&[&question, "audit.log", "-o", "csv", "--timeout", "1h"]);
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert_eq!(line, "x\n", "the question runs");
    let pressed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(pressed.success());
    assert_eq!(ended(child), (Some(1), "auditrail: SQL: cancelled\n".into()));
}

#[test]
fn what_would_take_too_much_memory_is_stopped() {
    let question = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 400)
        SELECT length(group_concat(hex(zeroblob(1000000)))) FROM n";
    let output = run(&[question, "audit.log"]);
    assert_eq!(said(&output, 1), "");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("memory") || stderr.contains("too big"), "{stderr}");
}

#[test]
fn a_join_that_would_read_the_log_for_every_row_is_told_how_to_be_written() {
    let output =
        run(&["SELECT count(*) FROM events a JOIN events b ON a.audit_id = b.audit_id", "audit.log"]);
    assert_eq!(said(&output, 1), "");
    assert!(String::from_utf8_lossy(&output.stderr).contains("AS MATERIALIZED"));
}

#[test]
fn a_table_is_bounded_and_says_so_and_stdin_is_read_once() {
    let short = run(&["SELECT seq FROM events ORDER BY seq", "audit.log", "--max-rows", "3"]);
    let text = said(&short, 0);
    assert!(text.contains(" 3 ") && !text.contains(" 4 "), "{text}");
    assert!(String::from_utf8_lossy(&short.stderr).contains("more than 3 rows"));

    let ask = |question: &str| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_auditrail"))
            .args(["sql", question, "-o", "csv", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let event = FILLED.events.iter().find(|event| event["verb"] == "get").unwrap();
        let text = event.to_string();
        let (before, behind) = text.split_once("\"verb\"").unwrap();
        let torn = [before.as_bytes(), b"\"userAgent\":\"\xff\",\"verb\"", behind.as_bytes()].concat();
        let lines = [text.as_bytes(), b"\n", &torn, b"\n"].concat();
        child.stdin.take().unwrap().write_all(&lines).unwrap();
        child.wait_with_output().unwrap()
    };
    let raw = "SELECT verb, typeof(raw), instr(raw, x'ff') > 0 AS has_ff FROM events";
    assert_eq!(said(&ask(raw), 0), "verb,typeof(raw),has_ff\nget,text,0\nget,blob,1\n");
    let twice = ask("SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM events)");
    assert!(said(&twice, 1).lines().count() <= 1);
    assert!(String::from_utf8_lossy(&twice.stderr).contains("only once"));
}

#[test]
fn csv_json_and_yaml_say_the_same() {
    let question = "SELECT 1 AS a, 'x,\"y\"' AS b, NULL AS c, 1.5 AS a, x'0aff' AS d";
    let told = |format: &str| said(&run(&[question, "-o", format, "audit.log"]), 0);
    assert_eq!(told("csv"), "a,b,c,a_2,d\n1,\"x,\"\"y\"\"\",,1.5,x'0aff'\n");
    assert_eq!(
        told("json"),
        "[\n{\"a\":1,\"b\":\"x,\\\"y\\\"\",\"c\":null,\"a_2\":1.5,\"d\":\"x'0aff'\"}\n]\n"
    );
    assert!(told("yaml").starts_with("- a: 1\n"), "{}", told("yaml"));
    let none = |format: &str| said(&run(&["SELECT 1 AS a WHERE 0", "-o", format, "audit.log"]), 0);
    assert_eq!((none("csv").as_str(), none("json").as_str(), none("yaml").as_str()), ("a\n", "[]\n", "[]\n"));
}

#[test]
fn a_list_as_kubectl_prints_it_gives_the_answers_of_its_events_and_a_torn_end_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let events: Vec<&Value> = FILLED.events.iter().filter(|event| event["auditID"].is_string()).collect();
    let list =
        json!({"apiVersion": "v1", "items": events, "kind": "List", "metadata": {"resourceVersion": ""}});
    let text = serde_json::to_string_pretty(&list).unwrap();
    std::fs::write(directory.path().join("list.json"), &text).unwrap();
    let packed = zstd::encode_all(text.as_bytes(), 1).unwrap();
    std::fs::create_dir(directory.path().join("logs")).unwrap();
    std::fs::write(directory.path().join("logs/audit.log.zst"), packed).unwrap();
    let question =
        "SELECT count(*) AS n, count(DISTINCT audit_id) AS ids FROM events WHERE audit_id IS NOT NULL";
    let ask = |file: &str| run_in(directory.path(), &["sql", question, "-o", "csv", file]);
    let expected = said(&run(&[question, "-o", "csv", "audit.log"]), 0);
    assert_eq!(said(&ask("list.json"), 0), expected);
    assert_eq!(said(&ask("logs"), 0), expected);

    let torn = text.rfind("\"stage\"").unwrap();
    std::fs::write(directory.path().join("torn.json"), &text[..torn]).unwrap();
    let question = "SELECT count(*), count(audit_id) FROM events";
    let answer = run_in(directory.path(), &["sql", question, "-o", "csv", "torn.json"]);
    let told = said(&answer, 1);
    let numbers: Vec<usize> =
        told.lines().nth(1).unwrap().split(',').map(|number| number.parse().unwrap()).collect();
    assert_eq!(numbers, [events.len() - 1, events.len() - 1], "the torn one is no event");
    let named = run_in(directory.path(), &["deprecated", "torn.json"]);
    assert_eq!(named.status.code(), Some(1));
    let first =
        text[..torn].rmatch_indices("\n    {\n").next().map(|(at, _)| text[..=at].lines().count() + 1);
    let place = format!("torn.json:{}: ", first.unwrap());
    let stderr = String::from_utf8_lossy(&named.stderr);
    assert!(stderr.contains(&place), "{place}: {stderr}");
    assert_eq!(stderr, String::from_utf8_lossy(&answer.stderr), "the same words");
}

#[test]
fn nothing_asked_is_bad_usage_and_an_example_is_told() {
    for question in ["", " ", ";", "/* nothing */"] {
        let told = refused(question);
        assert!(told.contains("nothing is asked") && told.contains("SELECT user, verb"), "{told}");
        assert!(told.contains("sql --help"), "{told}");
    }
}
