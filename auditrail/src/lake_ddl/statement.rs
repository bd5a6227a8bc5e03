//! The statement for each engine.
//!
//! Promise: every column of the schema is in it, in the schema's order, with `date` and `hour` of the path behind them.

use arrow_schema::Field;

use super::address::Address;
use super::{DdlError, Engine, kind};

/// How the hours lie below the lake.
const HOURS: &str = "date=*/hour=*/*.parquet";

/// The statement that makes `events`, with what has to be known about it before and after.
pub(super) fn of(engine: Engine, address: &Address) -> Result<String, DdlError> {
    let schema = lake::schema();
    let columns: Vec<&Field> = schema.fields().iter().map(|field| field.as_ref()).collect();
    let typed = columns.iter().map(|column| Ok((column.name().as_str(), kind::of(engine, column)?)));
    let typed = typed.collect::<Result<Vec<(&str, String)>, DdlError>>()?;
    let notes: String =
        address.notes.iter().map(|note| format!("-- {}\n", note.replace(['\n', '\r'], " "))).collect();
    let statement = match engine {
        Engine::Duckdb => duckdb(address, &typed),
        Engine::Trino => trino(address, &typed),
        Engine::Clickhouse => clickhouse(address, &typed),
        Engine::Spark => spark(address, &typed),
        Engine::Athena => athena(address, &typed),
    };
    Ok(notes + &statement)
}

fn duckdb(address: &Address, columns: &[(&str, String)]) -> String {
    let selected = lines(columns, |name, kind| format!("CAST(\"{name}\" AS {kind}) AS \"{name}\""));
    let files = text(&format!("{}/{HOURS}", address.root));
    format!(
        "-- The lake must have a file: DuckDB looks at the files when it makes the view. Where some were written before a\n\
         -- column was added, add union_by_name = true.\n\
         CREATE OR REPLACE VIEW events AS SELECT\n{selected},\n    \"date\",\n    \"hour\"\n\
         FROM read_parquet(\n    {files},\n    hive_partitioning = true,\n    \
         hive_types = {{'date': DATE, 'hour': INTEGER}}\n);\n"
    )
}

fn trino(address: &Address, columns: &[(&str, String)]) -> String {
    let declared = lines(columns, |name, kind| format!("\"{name}\" {kind}"));
    let root = text(&format!("{}/", address.root));
    format!(
        "-- In a catalog `hive` (Hive connector), whose times must be of microseconds: hive.timestamp-precision=MICROSECONDS,\n\
         -- or SET SESSION hive.timestamp_precision = 'MICROSECONDS' in each session. They are UTC's.\n\
         CREATE TABLE hive.default.events (\n{declared},\n    \"date\" date,\n    \"hour\" integer\n)\n\
         WITH (\n    format = 'PARQUET',\n    external_location = {root},\n    \
         partitioned_by = ARRAY['date', 'hour']\n);\n\
         -- Again whenever there are new hours:\n\
         CALL hive.system.sync_partition_metadata('default', 'events', 'FULL');\n"
    )
}

fn clickhouse(address: &Address, columns: &[(&str, String)]) -> String {
    let selected = lines(columns, |name, _| format!("`{name}`"));
    let structure: Vec<String> = columns.iter().map(|(name, kind)| format!("`{name}` {kind}")).collect();
    let structure = backslashed(&structure.join(", "));
    let files = backslashed(&if address.root.is_empty() {
        HOURS.to_owned()
    } else {
        format!("{}/{HOURS}", address.root)
    });
    let arguments = match &address.container {
        Some((server, container)) => {
            let (server, container) = (backslashed(server), backslashed(container));
            format!("{server},\n    {container},\n    {files},\n    'Parquet',\n    'auto'")
        }
        None => format!("{files},\n    'Parquet'"),
    };
    format!(
        "-- A list or map that is null is an empty one here.\n\
         CREATE OR REPLACE VIEW events AS SELECT\n{selected},\n    \
         CAST(extract(_path, 'date=([0-9-]{{10}})/hour=[0-9]{{2}}/[^/]+$') AS Date) AS `date`,\n    \
         CAST(extract(_path, '/hour=([0-9]{{2}})/[^/]+$') AS Int32) AS `hour`\n\
         FROM {}\n    {arguments},\n    {structure}\n);\n",
        address.function
    )
}

fn spark(address: &Address, columns: &[(&str, String)]) -> String {
    let declared = lines(columns, |name, kind| format!("`{name}` {kind}"));
    let root = backslashed(&address.root);
    format!(
        "CREATE TABLE events (\n{declared},\n    `date` DATE,\n    `hour` INT\n)\n\
         USING PARQUET\nPARTITIONED BY (`date`, `hour`)\nLOCATION {root};\n\
         -- Again whenever there are new hours:\n\
         MSCK REPAIR TABLE events;\n"
    )
}

fn athena(address: &Address, columns: &[(&str, String)]) -> String {
    let declared = lines(columns, |name, kind| format!("`{name}` {kind}"));
    // Days, since Trino, which reads such a table too where it is in a Glue catalog, knows no larger unit here.
    let (root, hours) = (
        text(&format!("{}/", address.root)),
        text(&format!("{}/date=${{date}}/hour=${{hour}}/", address.root)),
    );
    format!(
        "-- Hours of the last five years; older ones need another `projection.date.range`. A question that names no date\n\
         -- looks for every hour of the range in S3: let it begin with the lake's first day.\n\
         CREATE EXTERNAL TABLE `events` (\n{declared}\n)\n\
         PARTITIONED BY (`date` date, `hour` int)\nSTORED AS PARQUET\nLOCATION {root}\n\
         TBLPROPERTIES (\n    'projection.enabled' = 'true',\n    'projection.date.type' = 'date',\n    \
         'projection.date.format' = 'yyyy-MM-dd',\n    'projection.date.range' = 'NOW-1827DAYS,NOW+1DAYS',\n    \
         'projection.date.interval' = '1',\n    'projection.date.interval.unit' = 'DAYS',\n    \
         'projection.hour.type' = 'integer',\n    'projection.hour.range' = '0,23',\n    \
         'projection.hour.digits' = '2',\n    'storage.location.template' = {hours}\n);\n"
    )
}

/// A line for each column.
fn lines(columns: &[(&str, String)], line: impl Fn(&str, &str) -> String) -> String {
    columns.iter().map(|(name, kind)| format!("    {}", line(name, kind))).collect::<Vec<_>>().join(",\n")
}

/// A text as standard SQL writes it.
fn text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A text as engines write it in which a backslash has a meaning.
fn backslashed(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
