//! The statements that make the lake's table in other engines.

#![allow(clippy::unwrap_used)]

use std::process::{Command, Output};

const PLACES: [&str; 5] = [
    "/var/lib/auditrail/lake",
    "s3://audit/prod",
    "gs://audit",
    "abfss://audit@account.dfs.core.windows.net/prod",
    "az://audit/prod",
];

fn ddl(engine: &str, lake: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_auditrail"));
    command.args(["lake", "ddl", "--engine", engine, "--lake", lake]).output().unwrap()
}

fn statement(engine: &str, lake: &str) -> String {
    let output = ddl(engine, lake);
    assert!(output.status.success(), "{engine} {lake}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_column_is_in_every_statement_in_the_tables_order() {
    let schema = lake::schema();
    let mut columns: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    columns.extend(["date", "hour"]);
    for (engine, quote) in
        [("duckdb", '"'), ("trino", '"'), ("clickhouse", '`'), ("spark", '`'), ("athena", '`')]
    {
        for lake in PLACES {
            let output = ddl(engine, lake);
            if !output.status.success() {
                continue;
            }
            let statement = String::from_utf8(output.stdout).unwrap();
            let mut rest = statement.as_str();
            for column in &columns {
                let named = format!("{quote}{column}{quote}");
                let at =
                    rest.find(&named).unwrap_or_else(|| panic!("{engine} {lake}: {column}\n{statement}"));
                rest = &rest[at + named.len()..];
            }
        }
    }
}

#[test]
fn every_engine_gets_its_own_address_of_a_place() {
    for (engine, lake, address) in [
        ("duckdb", PLACES[0], "'/var/lib/auditrail/lake/date=*/hour=*/*.parquet'"),
        ("duckdb", PLACES[1], "'s3://audit/prod/date=*/hour=*/*.parquet'"),
        ("duckdb", PLACES[2], "'gs://audit/date=*/hour=*/*.parquet'"),
        ("duckdb", PLACES[3], "'abfss://account.dfs.core.windows.net/audit/prod/date=*/hour=*/*.parquet'"),
        ("duckdb", PLACES[4], "'az://audit/prod/date=*/hour=*/*.parquet'"),
        ("trino", PLACES[1], "external_location = 's3://audit/prod/'"),
        ("trino", PLACES[3], "external_location = 'abfss://audit@account.dfs.core.windows.net/prod/'"),
        ("clickhouse", PLACES[0], "file(\n    '/var/lib/auditrail/lake/date=*"),
        ("clickhouse", PLACES[1], "s3(\n    'https://audit.s3.amazonaws.com/prod/date=*"),
        ("clickhouse", PLACES[2], "gcs(\n    'https://storage.googleapis.com/audit/date=*"),
        (
            "clickhouse",
            PLACES[3],
            "azureBlobStorage(\n    'https://account.blob.core.windows.net',\n    'audit',\n    'prod/date=*",
        ),
        ("spark", PLACES[0], "LOCATION 'file:///var/lib/auditrail/lake'"),
        ("spark", PLACES[1], "LOCATION 's3a://audit/prod'"),
        ("athena", PLACES[1], "LOCATION 's3://audit/prod/'"),
        ("athena", PLACES[1], "'s3://audit/prod/date=${date}/hour=${hour}/'"),
    ] {
        if cfg!(windows) && lake.starts_with('/') {
            continue;
        }
        let statement = statement(engine, lake);
        assert!(statement.contains(address), "{engine} {lake}\n{statement}");
    }
}

#[test]
fn what_an_engine_cannot_have_is_refused_with_what_to_do() {
    for (engine, lake, why) in [
        ("athena", "/var/lib/auditrail/lake", "reads S3 alone"),
        ("athena", "gs://audit", "reads S3 alone"),
        ("spark", "az://audit/prod", "abfss://container@account"),
        ("duckdb", "/srv/la*ke", "takes `*`"),
        ("clickhouse", "s3://audit/{a,b}", "takes `{`"),
        ("trino", "s3://key:hunter2@audit/prod", "user or password"),
        ("oracle", "/lake", "clickhouse"),
    ] {
        let output = ddl(engine, lake);
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(64), "{engine} {lake}: {words}");
        assert!(words.contains(why) && !words.contains("hunter2"), "{engine} {lake}: {words}");
    }
}

#[cfg(unix)]
#[test]
fn a_quote_in_an_address_ends_no_text() {
    assert!(statement("duckdb", "/srv/o'brien").contains("'/srv/o''brien/date="));
    assert!(statement("trino", "/srv/o'brien").contains("'local:///srv/o''brien/'"));
    assert!(statement("spark", "/srv/o'brien").contains(r"'file:///srv/o\'brien'"));
    assert!(statement("clickhouse", "/srv/o'brien").contains(r"'/srv/o\'brien/date="));
}
