//! How an engine calls the type of a column.
//!
//! Promise: a type that is not known here is an error, never a guess.

use arrow_schema::{DataType, Field, TimeUnit};

use super::{DdlError, Engine};

/// The types that the lake has, one name for each.
struct Names {
    time: &'static str,
    number: &'static str,
    code: &'static str,
    text: &'static str,
    texts: &'static str,
    pairs: &'static str,
    bytes: &'static str,
}

/// Of DuckDB.
const DUCKDB: Names = Names {
    time: "TIMESTAMPTZ",
    number: "BIGINT",
    code: "INTEGER",
    text: "VARCHAR",
    texts: "VARCHAR[]",
    pairs: "MAP(VARCHAR, VARCHAR)",
    bytes: "BLOB",
};

/// Of Trino's Hive connector, whose tables have times without a zone: they are UTC's.
const TRINO: Names = Names {
    time: "timestamp(6)",
    number: "bigint",
    code: "integer",
    text: "varchar",
    texts: "array(varchar)",
    pairs: "map(varchar, varchar)",
    bytes: "varbinary",
};

/// Of ClickHouse, whose text is any bytes.
const CLICKHOUSE: Names = Names {
    time: "DateTime64(6, 'UTC')",
    number: "Int64",
    code: "Int32",
    text: "String",
    texts: "Array(String)",
    pairs: "Map(String, String)",
    bytes: "String",
};

/// Of Spark.
const SPARK: Names = Names {
    time: "TIMESTAMP",
    number: "BIGINT",
    code: "INT",
    text: "STRING",
    texts: "ARRAY<STRING>",
    pairs: "MAP<STRING, STRING>",
    bytes: "BINARY",
};

/// Of Athena, which are Hive's.
const ATHENA: Names = Names {
    time: "timestamp",
    number: "bigint",
    code: "int",
    text: "string",
    texts: "array<string>",
    pairs: "map<string,string>",
    bytes: "binary",
};

/// The type of a column in the engine's words.
pub(super) fn of(engine: Engine, column: &Field) -> Result<String, DdlError> {
    let names = match engine {
        Engine::Duckdb => DUCKDB,
        Engine::Trino => TRINO,
        Engine::Clickhouse => CLICKHOUSE,
        Engine::Spark => SPARK,
        Engine::Athena => ATHENA,
    };
    let name = named(&names, column.data_type()).ok_or_else(|| DdlError::Kind {
        engine: engine.name(),
        column: column.name().clone(),
        kind: column.data_type().to_string(),
    })?;
    // Elsewhere a column may hold null without saying so; ClickHouse knows no list or map that is null, but empty ones.
    let single = !matches!(column.data_type(), DataType::List(_) | DataType::Map(..));
    let says_null = engine == Engine::Clickhouse && column.is_nullable() && single;
    Ok(if says_null { format!("Nullable({name})") } else { name.to_owned() })
}

fn named(names: &Names, kind: &DataType) -> Option<&'static str> {
    match kind {
        DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) if &**zone == "UTC" => Some(names.time),
        DataType::Int64 => Some(names.number),
        DataType::Int32 => Some(names.code),
        DataType::Utf8 => Some(names.text),
        DataType::List(element) if *element.data_type() == DataType::Utf8 => Some(names.texts),
        DataType::Map(entry, _) if is_pair_of_texts(entry.data_type()) => Some(names.pairs),
        DataType::Binary => Some(names.bytes),
        _ => None,
    }
}

fn is_pair_of_texts(kind: &DataType) -> bool {
    let DataType::Struct(fields) = kind else { return false };
    fields.len() == 2 && fields.iter().all(|field| *field.data_type() == DataType::Utf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_that_the_table_does_not_have_is_refused() {
        for kind in [DataType::Float64, DataType::Timestamp(TimeUnit::Nanosecond, None)] {
            let error = of(Engine::Spark, &Field::new("new", kind, true)).unwrap_err().to_string();
            assert!(error.contains("`new`") && error.contains("Spark"), "{error}");
        }
    }
}
