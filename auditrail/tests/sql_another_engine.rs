//! `sql` against an engine that is not ours: DuckDB, through Python, on the same files of the same lake.
//!
//! Runs where `python3` (or what `PYTHON` names) can import duckdb; elsewhere it says that it was skipped.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::path::Path;
use std::process::{Command, Output};

/// Answers each question of the arguments with rows of texts.
const SCRIPT: &str = r#"
import duckdb, json, sys
lake, questions = sys.argv[1], sys.argv[2:]
duckdb.sql(f"create view events as select * replace (date::text as date, hour::int as hour), epoch_us(time) as time_us from read_parquet('{lake}/**/*.parquet', hive_partitioning = true)")
text = lambda value: "" if value is None else value.decode() if isinstance(value, bytes) else str(value)
print(json.dumps([[[text(value) for value in row] for row in duckdb.sql(question).fetchall()] for question in questions]))
"#;

/// The same question in SQLite's words and, where they differ, in DuckDB's.
const QUESTIONS: &[(&str, Option<&str>)] = &[
    ("SELECT count(*), sum(bytes), min(seq), max(seq), min(time_us), max(time_us) FROM events", None),
    ("SELECT date, hour, count(*) FROM events GROUP BY 1, 2 ORDER BY 1, 2", None),
    ("SELECT verb, count(*) FROM events GROUP BY verb ORDER BY verb NULLS FIRST", None),
    ("SELECT stage, level, count(*) FROM events GROUP BY 1, 2 ORDER BY 1 NULLS FIRST, 2 NULLS FIRST", None),
    (
        "SELECT count(DISTINCT audit_id), count(DISTINCT user_agent), count(code), count(time) FROM events",
        None,
    ),
    ("SELECT count(*) FROM events WHERE verb IN ('get', 'list', 'no such verb')", None),
    ("SELECT count(*) FROM events WHERE verb NOT IN ('get', 'list')", None),
    ("SELECT count(*) FROM events WHERE verb = 'get' OR code >= 400 OR namespace IS NULL", None),
    ("SELECT count(*) FROM events WHERE \"user\" LIKE 'system:serviceaccount:%'", None),
    (
        "SELECT namespace, resource, count(*) n FROM events WHERE namespace IS NOT NULL AND resource IN ('pods', 'secrets', 'configmaps', 'leases') GROUP BY 1, 2 HAVING count(*) > 1 ORDER BY n DESC, 1, 2",
        None,
    ),
    (
        "SELECT seq, time_us, \"user\" FROM events WHERE stage = 'ResponseComplete' ORDER BY time_us, audit_id, seq, origin LIMIT 50 OFFSET 20",
        None,
    ),
    (
        "SELECT time_us / 60000000 AS minute, count(*) FROM events WHERE time_us IS NOT NULL GROUP BY 1 ORDER BY 1",
        Some(
            "SELECT time_us // 60000000 AS minute, count(*) FROM events WHERE time_us IS NOT NULL GROUP BY 1 ORDER BY 1",
        ),
    ),
    (
        "SELECT count(*) FROM events WHERE time >= '2026-11-23T06:10' AND time < '2026-11-23T06:11:30.5Z'",
        Some("SELECT count(*) FROM events WHERE time_us >= 1795414200000000 AND time_us < 1795414290500000"),
    ),
    (
        "SELECT count(*) FROM events WHERE time BETWEEN '2026-11-23 06:10:00' AND '2026-11-23T06:11:00Z'",
        Some("SELECT count(*) FROM events WHERE time_us BETWEEN 1795414200000000 AND 1795414260000000"),
    ),
    ("SELECT count(*) FROM events WHERE date = '2026-11-23' AND hour BETWEEN 6 AND 8", None),
    (
        "SELECT value, count(*) FROM events, json_each(groups) GROUP BY 1 ORDER BY 1",
        Some(
            "SELECT value, count(*) FROM (SELECT unnest(groups) AS value FROM events) GROUP BY 1 ORDER BY 1",
        ),
    ),
    (
        "SELECT key, count(*) FROM events, json_each(annotations) GROUP BY 1 ORDER BY 1",
        Some(
            "SELECT key, count(*) FROM (SELECT unnest(map_keys(annotations)) AS key FROM events) GROUP BY 1 ORDER BY 1",
        ),
    ),
    (
        "SELECT annotations ->> '$.\"authorization.k8s.io/reason\"' AS r, count(*) FROM events GROUP BY r ORDER BY r NULLS FIRST",
        Some(
            "SELECT annotations['authorization.k8s.io/reason'] AS r, count(*) FROM events GROUP BY r ORDER BY r NULLS FIRST",
        ),
    ),
    (
        "WITH a AS MATERIALIZED (SELECT audit_id, origin, stage, time_us FROM events WHERE stage = 'ResponseStarted'), b AS MATERIALIZED (SELECT audit_id, origin, time_us FROM events WHERE stage = 'ResponseComplete') SELECT a.audit_id, b.time_us - a.time_us AS took FROM a JOIN b ON a.audit_id = b.audit_id AND a.origin = b.origin ORDER BY took, 1",
        None,
    ),
    (
        "WITH r AS (SELECT verb, latency_us, rank() OVER (PARTITION BY verb ORDER BY latency_us) AS place, count(*) OVER (PARTITION BY verb) AS n FROM events WHERE latency_us IS NOT NULL) SELECT verb, n, min(latency_us) FILTER (WHERE place * 2 >= n), min(latency_us) FILTER (WHERE place * 100 >= n * 95) FROM r GROUP BY verb, n ORDER BY verb NULLS FIRST",
        None,
    ),
    (
        "SELECT \"user\", min(time_us), max(time_us), count(*) n FROM events GROUP BY \"user\" ORDER BY n DESC, \"user\" LIMIT 10",
        None,
    ),
    (
        "SELECT code, scope, count(*), sum(latency_us), max(sli_latency_us) FROM events GROUP BY code, scope ORDER BY code NULLS FIRST, scope NULLS FIRST",
        None,
    ),
    (
        "SELECT request_uri, length(request_uri) l FROM events WHERE request_uri IS NOT NULL ORDER BY l DESC, request_uri LIMIT 5",
        None,
    ),
    ("SELECT count(*) FROM events e WHERE e.code = (SELECT max(code) FROM events)", None),
    (
        "SELECT verb, n, sum(n) OVER (ORDER BY verb) FROM (SELECT verb, count(*) n FROM events WHERE verb IS NOT NULL GROUP BY verb) ORDER BY verb",
        None,
    ),
    ("SELECT hex(raw) FROM events ORDER BY origin, seq, audit_id LIMIT 300", None),
];

fn run(directory: &Path, arguments: &[&str]) -> Output {
    let output =
        Command::new(env!("CARGO_BIN_EXE_auditrail")).current_dir(directory).args(arguments).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// A directory with a lake in it.
fn filled() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures");
    let mut up =
        vec!["up".to_owned(), "--once".into(), "--to".into(), "lake".into(), "--data".into(), "data".into()];
    for name in ["real", "small", "twin-superset"] {
        let packed = std::fs::read(fixtures.join(format!("{name}.log.zst"))).unwrap();
        std::fs::create_dir(directory.path().join(name)).unwrap();
        let log = format!("{name}/audit.log");
        std::fs::write(directory.path().join(&log), zstd::decode_all(packed.as_slice()).unwrap()).unwrap();
        up.extend(["--path".into(), log]);
    }
    run(directory.path(), &up.iter().map(String::as_str).collect::<Vec<_>>());
    directory
}

/// DuckDB's rows, or why there are none.
fn theirs(lake: &Path, questions: &[&str]) -> Result<Vec<Vec<Vec<String>>>, String> {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".into());
    let run = |script: &str| Command::new(&python).args(["-c", script]).arg(lake).args(questions).output();
    match run("import duckdb") {
        Err(error) => return Err(format!("{python} cannot be run: {error}")),
        Ok(output) if !output.status.success() => return Err(format!("{python} has no module duckdb")),
        Ok(_) => {}
    }
    let output = run(SCRIPT).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout).unwrap())
}

fn ours(directory: &Path, question: &str) -> Vec<Vec<String>> {
    let output = run(directory, &["sql", question, "--lake", "data/lake", "-o", "csv"]);
    let mut rows = csv::Reader::from_reader(output.stdout.as_slice());
    let rows = rows.records().map(|row| row.unwrap().iter().map(str::to_owned).collect());
    rows.collect()
}

#[test]
fn another_engine_gives_the_same_rows() {
    let filled = filled();
    let questions: Vec<&str> = QUESTIONS.iter().map(|(ours, theirs)| theirs.unwrap_or(ours)).collect();
    let theirs = match theirs(&filled.path().join("data/lake"), &questions) {
        Ok(rows) => rows,
        Err(why) => return println!("skipped: {why}"),
    };
    let mut rows = 0;
    for ((question, _), theirs) in QUESTIONS.iter().zip(theirs) {
        let ours = ours(filled.path(), question);
        assert_eq!(ours, theirs, "{question}");
        assert!(!ours.is_empty(), "no rows prove nothing: {question}");
        rows += ours.len();
    }
    println!("{} questions, {rows} rows: the same from DuckDB", QUESTIONS.len());
}
