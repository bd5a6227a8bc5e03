//! Which lines the events of a request were, as the lake knows them.
//!
//! Promise: origin and number come from the collector, through the lake's own columns; the queue from the names of the
//! files that the rows were written in, also where those were merged since.

use anyhow::{Context, anyhow};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use lake::{File, Lake};
use serde::Serialize;

/// An event that was found.
#[derive(Debug, Serialize)]
pub(super) struct Found {
    pub(super) audit_id: String,
    pub(super) stage: String,
    pub(super) time_us: Option<i64>,
    pub(super) origin: String,
    /// Empty when the file does not tell it.
    #[serde(serialize_with = "digits")]
    pub(super) queue: Vec<u8>,
    pub(super) number: u64,
    /// The file of the lake that has it.
    pub(super) file: String,
}

/// The events of a request in a file of the lake.
pub(super) fn events(lake: &Lake, file: &File, audit_id: &str) -> anyhow::Result<Vec<Found>> {
    let mut found = Vec::new();
    for batch in lake.read(file, &["time", "audit_id", "stage", "origin", "seq"])? {
        let batch = batch?;
        let of = || format!("`{}` has not the columns of the table", file.path);
        found.extend(in_batch(lake, &batch, file, audit_id).with_context(of)?);
    }
    Ok(found)
}

fn in_batch(lake: &Lake, batch: &RecordBatch, file: &File, audit_id: &str) -> anyhow::Result<Vec<Found>> {
    let column = |name: &str| batch.column_by_name(name).ok_or_else(|| anyhow!("`{name}` is missing"));
    let text = |name: &'static str| {
        let texts = column(name)?.as_string_opt::<i32>().cloned();
        texts.ok_or_else(|| anyhow!("`{name}` is no text"))
    };
    let (ids, stages, origins) = (text("audit_id")?, text("stage")?, text("origin")?);
    let numbers = column("seq")?.as_primitive_opt::<Int64Type>();
    let numbers = numbers.ok_or_else(|| anyhow!("`seq` is no number"))?;
    let times = column("time")?.as_primitive_opt::<TimestampMicrosecondType>();
    let times = times.ok_or_else(|| anyhow!("`time` is no time"))?;
    let rows = (0..batch.num_rows()).filter(|&row| ids.is_valid(row) && ids.value(row) == audit_id);
    rows.map(|row| {
        let (origin, number) = (origins.value(row), u64::try_from(numbers.value(row))?);
        let queue = lake.queue_of(file, origin, number)?.map(Vec::from);
        Ok(Found {
            audit_id: audit_id.to_owned(),
            stage: if stages.is_valid(row) { stages.value(row).to_owned() } else { String::new() },
            time_us: times.is_valid(row).then(|| times.value(row)),
            origin: origin.to_owned(),
            queue: queue.unwrap_or_default(),
            number,
            file: file.path.clone(),
        })
    })
    .collect()
}

fn digits<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}
