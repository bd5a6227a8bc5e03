//! `lake ddl`: the statement that makes the table `events` of a lake in another engine.
//!
//! Promises: columns, their order and types follow from the lake's own schema; whether the lake is there does not matter,
//! nothing is read; no credential is part of a statement; what an engine cannot have is refused with what can be done.

mod address;
mod kind;
mod statement;

use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::exit::Failure;
use crate::say;

/// `auditrail lake ddl`.
#[derive(Debug, Args)]
pub(crate) struct Ddl {
    /// For which engine.
    #[arg(long, value_enum, value_name = "ENGINE")]
    engine: Engine,
    #[command(flatten)]
    which: crate::lake::Which,
}

/// An engine that reads Parquet files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Engine {
    /// DuckDB: a view.
    Duckdb,
    /// Trino, with its Hive connector: an external table.
    Trino,
    /// ClickHouse: a view.
    Clickhouse,
    /// Apache Spark: an external table.
    Spark,
    /// Amazon Athena: an external table that finds its hours itself.
    Athena,
}

/// Why there is no statement.
#[derive(Debug, thiserror::Error)]
enum DdlError {
    #[error("{engine} cannot read {what}: {advice}")]
    Place { engine: &'static str, what: String, advice: &'static str },
    #[error("{engine} takes `{letter}` in {place} for a pattern: give the lake a place without it")]
    Pattern { engine: &'static str, letter: char, place: String },
    #[error("the column `{column}` has the type {kind}, for which {engine} has none here")]
    Kind { engine: &'static str, column: String, kind: String },
}

impl Engine {
    /// As people call it.
    fn name(self) -> &'static str {
        match self {
            Engine::Duckdb => "DuckDB",
            Engine::Trino => "Trino",
            Engine::Clickhouse => "ClickHouse",
            Engine::Spark => "Spark",
            Engine::Athena => "Athena",
        }
    }
}

/// Exit 0 with the statement on stdout.
///
/// # Errors
/// When the lake cannot be where it is said to be, or the engine cannot have it.
pub(crate) fn ddl(asked: &Ddl) -> Result<ExitCode, Failure> {
    let location = asked.which.location()?;
    let place = location.place().map_err(Failure::usage)?;
    let address = address::of(asked.engine, &location, place).map_err(Failure::usage)?;
    say::result(&statement::of(asked.engine, &address)?)?;
    Ok(ExitCode::SUCCESS)
}
