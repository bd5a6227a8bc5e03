//! The lake in the eyes of other engines: what the real thing wrote, before and after it was merged, through the
//! statements that `lake ddl` prints.
//!
//! An engine that the Python of `PYTHON` (or `python3`) does not have is said to be skipped; so are those that are servers
//! (`TRINO`, and `S3` for buckets) where the suite `parquet.sh` started none.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// How an engine calls the types of some columns.
type Kinds = &'static [(&'static str, &'static str)];

const OF_CLICKHOUSE: Kinds = &[
    ("time", "Nullable(DateTime64(6, 'UTC'))"),
    ("groups", "Array(String)"),
    ("annotations", "Map(String, String)"),
    ("code", "Nullable(Int32)"),
    ("seq", "Int64"),
    ("raw", "String"),
    ("date", "Date"),
    ("hour", "Int32"),
];

const OF_SPARK: Kinds = &[
    ("time", "timestamp"),
    ("groups", "array<string>"),
    ("annotations", "map<string,string>"),
    ("raw", "binary"),
    ("date", "date"),
];

const OF_TRINO: Kinds = &[
    ("time", "timestamp(6)"),
    ("groups", "array(varchar)"),
    ("annotations", "map(varchar, varchar)"),
    ("code", "integer"),
    ("seq", "bigint"),
    ("raw", "varbinary"),
    ("date", "date"),
    ("hour", "integer"),
];

/// Each engine, and for which one its statement is.
const ENGINES: [(&str, Option<&str>, Kinds); 9] = [
    (
        "duckdb",
        Some("duckdb"),
        &[
            ("time", "TIMESTAMP WITH TIME ZONE"),
            ("groups", "VARCHAR[]"),
            ("annotations", "MAP(VARCHAR, VARCHAR)"),
            ("code", "INTEGER"),
            ("seq", "BIGINT"),
            ("raw", "BLOB"),
            ("date", "DATE"),
            ("hour", "INTEGER"),
        ],
    ),
    (
        "pyarrow",
        None,
        &[
            ("time", "timestamp[us, tz=UTC]"),
            ("annotations", "map<string, string>"),
            ("code", "int32"),
            ("seq", "int64"),
            ("raw", "binary"),
        ],
    ),
    ("clickhouse", Some("clickhouse"), OF_CLICKHOUSE),
    ("clickhouse in a bucket", Some("clickhouse"), OF_CLICKHOUSE),
    ("spark", Some("spark"), OF_SPARK),
    // Athena's statement: `hive` takes it as it stands, and `athena` reads the table that came of it with Trino.
    ("hive", Some("athena"), OF_SPARK),
    ("trino", Some("trino"), OF_TRINO),
    ("trino in a bucket", Some("trino"), OF_TRINO),
    ("athena", Some("athena"), OF_TRINO),
];

fn run(directory: &Path, arguments: &[&str]) -> Output {
    let output =
        Command::new(env!("CARGO_BIN_EXE_auditrail")).current_dir(directory).args(arguments).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Real logs, one of them said to be of the day before, delivered to a lake in three turns, so that there are two hours
/// of several files; with all their lines.
fn filled(directory: &Path) -> Vec<Vec<u8>> {
    let logs = ["real", "small", "twin-superset"].map(|name| {
        let packed = std::fs::read(root().join(format!("tests/fixtures/{name}.log.zst"))).unwrap();
        let mut text = zstd::decode_all(packed.as_slice()).unwrap();
        if name == "twin-superset" {
            text =
                String::from_utf8(text).unwrap().replace("\"2026-11-23T06:", "\"2026-11-22T23:").into_bytes();
        }
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        (name, lines.map(<[u8]>::to_vec).collect::<Vec<_>>())
    });
    let mut up =
        vec!["up".to_owned(), "--once".into(), "--to".into(), "lake".into(), "--data".into(), "data".into()];
    up.extend(logs.iter().flat_map(|(name, _)| ["--path".to_owned(), format!("{name}.log")]));
    let arguments: Vec<&str> = up.iter().map(String::as_str).collect();
    for turn in 1..=3 {
        for (name, lines) in &logs {
            let lines = lines.iter().take(lines.len() * turn / 3);
            let text: Vec<u8> = lines.flat_map(|line| line.iter().copied().chain([b'\n'])).collect();
            std::fs::write(directory.join(format!("{name}.log")), text).unwrap();
        }
        run(directory, &arguments);
    }
    logs.into_iter().flat_map(|(_, lines)| lines).collect()
}

/// What the lines themselves say.
fn expected(lines: &[Vec<u8>]) -> Value {
    let parse = |line: &Vec<u8>| serde_json::from_str(&String::from_utf8_lossy(line)).unwrap();
    let parsed: Vec<Value> = lines.iter().map(parse).collect();
    let mut counts = BTreeMap::new();
    let mut hours = BTreeMap::new();
    let time = |event: &Value| event["stageTimestamp"].as_str().unwrap().to_owned();
    for event in &parsed {
        let code = event["responseStatus"]["code"].clone();
        *counts.entry((event["verb"].as_str().unwrap().to_owned(), code.to_string())).or_insert(0) += 1;
        let at = time(event);
        *hours.entry((at[..10].to_owned(), at[11..13].parse::<u8>().unwrap())).or_insert(0) += 1;
    }
    let count = |holds: &dyn Fn(&Value) -> bool| parsed.iter().filter(|event| holds(event)).count();
    let of = |line: &[u8]| Sha256::digest(line).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut each: Vec<String> = lines.iter().map(|line| of(line)).collect();
    each.sort();
    json!({
        "counts": counts.into_iter().map(|((verb, code), n)| json!([verb, serde_json::from_str::<Value>(&code).unwrap(), n])).collect::<Vec<_>>(),
        "hours": hours.into_iter().map(|((date, hour), n)| json!([date, hour, n])).collect::<Vec<_>>(),
        "bytes": lines.iter().map(Vec::len).sum::<usize>(),
        "masters": count(&|event| event["user"]["groups"].as_array().is_some_and(|groups| groups.contains(&json!("system:masters")))),
        "forbidden": count(&|event| event["annotations"]["authorization.k8s.io/decision"] == "forbid"),
        "lines": of(each.join("\n").as_bytes()),
    })
}

/// Writes the statement for the engine, whose lake is the directory or its copy in a bucket.
fn write_statement(engine: &str, whose: &str, directory: &Path, statement: &Path) {
    let service = std::env::var("S3").unwrap_or_default();
    let mut arguments = vec!["lake", "ddl", "--engine", whose];
    match (engine.contains("bucket"), whose) {
        (true, _) => arguments.extend(["--lake", "s3://lake/here", "--lake-endpoint", &service]),
        (false, "athena") => arguments.extend(["--lake", "s3://lake/here"]),
        (false, _) => arguments.extend(["--data", "data"]),
    }
    std::fs::write(statement, run(directory, &arguments).stdout).unwrap();
}

/// The engine's answers; None when it is not there.
fn ask(engine: &str, whose: Option<&str>, directory: &Path) -> Option<Value> {
    if engine.contains("bucket") && std::env::var_os("S3").is_none() {
        return None;
    }
    let statement = directory.join(format!("{}.sql", whose.unwrap_or("none")));
    if let Some(whose) = whose {
        write_statement(engine, whose, directory, &statement);
    }
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".into());
    let mut command = Command::new(python);
    command.current_dir(directory).arg(root().join("tests/suites/parquet/ask.py")).arg(engine);
    let output = command.arg(directory.join("data/lake")).arg(&statement).output().ok()?;
    if output.status.code() == Some(3) {
        return None;
    }
    assert!(output.status.success(), "{engine}: {}", String::from_utf8_lossy(&output.stderr));
    let answer = output.stdout.split(|byte| *byte == b'\n').rfind(|line| !line.is_empty()).unwrap();
    Some(serde_json::from_slice(answer).unwrap())
}

fn sorted(value: &Value) -> Vec<String> {
    let mut rows: Vec<String> = value.as_array().unwrap().iter().map(Value::to_string).collect();
    rows.sort();
    rows
}

fn check(engine: &str, kinds: &[(&str, &str)], answers: &Value, expected: &Value) {
    for question in ["counts", "hours"] {
        assert_eq!(sorted(&answers[question]), sorted(&expected[question]), "{engine}: {question}");
    }
    for question in ["bytes", "masters", "forbidden", "lines"] {
        assert_eq!(answers[question], expected[question], "{engine}: {question}");
    }
    // Told by those that can be asked for it: to answer for one hour, no row of another was read.
    if let Some(read) = answers.get("read") {
        assert_eq!(sorted(read), sorted(&expected["hours"]), "{engine}: rows read for an hour");
    }
    let columns = answers["columns"].as_array().unwrap();
    let names: Vec<&str> = columns.iter().map(|column| column[0].as_str().unwrap()).collect();
    let schema = lake::schema();
    let mut known: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    known.extend(["date", "hour"]);
    assert_eq!(names, known, "{engine}");
    for (name, kind) in kinds {
        let column = columns.iter().find(|column| column[0] == *name).unwrap();
        assert_eq!(column[1].as_str().unwrap().replace(" ('annotations')", ""), *kind, "{engine}: {name}");
    }
}

fn files(directory: &Path) -> usize {
    let lake = lake::Lake::open_existing(directory.join("data/lake").to_str().unwrap()).unwrap();
    lake.files().unwrap().len()
}

#[test]
fn other_engines_give_the_same_answers_before_and_after_merging() {
    let directory = tempfile::tempdir().unwrap();
    let lines = filled(directory.path());
    let expected = expected(&lines);
    assert_eq!(expected["hours"].as_array().unwrap().len(), 2);
    assert!(expected["masters"] != 0 && expected["forbidden"] != 0, "what never holds proves nothing");
    let before = files(directory.path());
    let mut first = BTreeMap::new();
    for (engine, whose, kinds) in ENGINES {
        match ask(engine, whose, directory.path()) {
            Some(answers) => {
                check(engine, kinds, &answers, &expected);
                first.insert(engine, (whose, answers));
            }
            None => println!("skipped: {engine} is not on this machine"),
        }
    }
    run(directory.path(), &["lake", "compact", "--data", "data"]);
    let after = files(directory.path());
    assert!(after < before, "{before} files became {after}");
    for (engine, (whose, answers)) in &first {
        assert_eq!(ask(engine, *whose, directory.path()).unwrap(), *answers, "{engine}, after merging");
        assert_eq!(answers["first_us"], first.values().next().unwrap().1["first_us"], "{engine}");
        println!("{engine}: the same of {} lines in {before} files and in {after}", lines.len());
    }
}
