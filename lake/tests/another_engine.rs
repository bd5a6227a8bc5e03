//! The lake's files in the eyes of an engine that is not ours: DuckDB, through Python.
//!
//! Runs where `python3` (or what `PYTHON` names) can import duckdb; elsewhere it says that it was skipped.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

#[path = "specs/sample.rs"]
mod sample;

use serde_json::{Value, json};
use std::process::Command;

/// Reads the whole lake with one statement per question and prints the answers as JSON.
const SCRIPT: &str = r#"
import duckdb, json, sys
lake = sys.argv[1]
events = f"read_parquet('{lake}/**/*.parquet', hive_partitioning = true)"
def ask(what):
    return [list(row) for row in duckdb.sql(what.replace("events", events)).fetchall()]
types = {row[0]: row[1] for row in ask("describe select * from events")}
print(json.dumps({
    "types": types,
    "totals": ask("select count(*), sum(bytes), min(seq), max(seq) from events"),
    "hours": ask("select date::text, hour::int, count(*) from events group by all order by all"),
    "refused": ask("select count(*) from events where code = 403 and annotations['authorization.k8s.io/decision'] = 'forbid' and decision = 'forbid'"),
    "masters": ask("select count(*) from events where list_contains(groups, 'system:masters')"),
    "lines": ask("select seq, hex(raw) from events order by seq"),
    "times": ask("select count(*) from events where epoch_us(time) // 3600000000 * 3600 = epoch(date::date) + hour::int * 3600"),
}))
"#;

/// The answers, or why there are none.
fn ask(lake: &str) -> Result<Value, String> {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".into());
    let run = |script: &str| Command::new(&python).args(["-c", script, lake]).output();
    match run("import duckdb") {
        Err(error) => return Err(format!("{python} cannot be run: {error}")),
        Ok(output) if !output.status.success() => return Err(format!("{python} has no module duckdb")),
        Ok(_) => {}
    }
    let output = run(SCRIPT).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn another_engine_reads_the_same_rows() {
    let lines = sample::lines();
    let open = sample::filled(&lines);
    std::fs::create_dir_all(open.directory.path().join("_staging")).unwrap();
    std::fs::write(open.directory.path().join("_staging/1-0.partial"), "PAR1 torn").unwrap();
    let answers = match ask(open.directory.path().to_str().unwrap()) {
        Ok(answers) => answers,
        Err(why) => return println!("skipped: {why}"),
    };
    let parsed: Vec<Value> =
        lines.iter().map(|line| serde_json::from_str(&String::from_utf8_lossy(line)).unwrap()).collect();
    let count = |holds: &dyn Fn(&Value) -> bool| parsed.iter().filter(|event| holds(event)).count();

    let bytes: usize = lines.iter().map(Vec::len).sum();
    assert_eq!(answers["totals"], json!([[lines.len(), bytes, 100, 99 + lines.len()]]));
    let early = count(&|event| event["stageTimestamp"].as_str().unwrap().starts_with("2026-11-23T05"));
    assert_eq!(answers["hours"], json!([["2026-11-23", 5, early], ["2026-11-23", 6, lines.len() - early]]));
    assert_eq!(answers["times"], json!([[lines.len()]]));
    let refused = count(&|event| {
        event["responseStatus"]["code"] == 403
            && event["annotations"]["authorization.k8s.io/decision"] == "forbid"
    });
    assert_eq!(answers["refused"], json!([[refused]]));
    let masters = count(&|event| {
        event["user"]["groups"].as_array().is_some_and(|groups| groups.contains(&json!("system:masters")))
    });
    assert_eq!(answers["masters"], json!([[masters]]));

    for (column, expected) in [
        ("time", "TIMESTAMP WITH TIME ZONE"),
        ("groups", "VARCHAR[]"),
        ("annotations", "MAP(VARCHAR, VARCHAR)"),
        ("code", "INTEGER"),
        ("seq", "BIGINT"),
        ("raw", "BLOB"),
        ("date", "DATE"),
    ] {
        assert_eq!(answers["types"][column], expected, "{column}");
    }
    let back = answers["lines"].as_array().unwrap();
    for ((row, line), seq) in back.iter().zip(&lines).zip(100..) {
        let hex: String = line.iter().map(|byte| format!("{byte:02X}")).collect();
        assert_eq!(*row, json!([seq, hex]));
    }
}
