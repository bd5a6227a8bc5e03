//! Which lines the events of a request were, as the lake knows them.
//!
//! Promise: origin and number come from the collector, through the lake's own columns; the queue from the name of the
//! file, where it tells one.

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
        found.extend(in_batch(&batch, file, audit_id).with_context(of)?);
    }
    Ok(found)
}

fn in_batch(batch: &RecordBatch, file: &File, audit_id: &str) -> anyhow::Result<Vec<Found>> {
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
        Ok(Found {
            audit_id: audit_id.to_owned(),
            stage: if stages.is_valid(row) { stages.value(row).to_owned() } else { String::new() },
            time_us: times.is_valid(row).then(|| times.value(row)),
            origin: origins.value(row).to_owned(),
            queue: queue_of(&file.path).unwrap_or_default(),
            number: u64::try_from(numbers.value(row))?,
            file: file.path.clone(),
        })
    })
    .collect()
}

/// `...-QUEUE-FIRST-LAST.parquet`.
fn queue_of(path: &str) -> Option<Vec<u8>> {
    let queue = path.strip_suffix(".parquet")?.rsplit('-').nth(2).filter(|queue| queue.len() == 32)?;
    Some(u128::from_str_radix(queue, 16).ok()?.to_be_bytes().to_vec())
}

fn digits<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_is_read_from_the_name_of_a_file_that_tells_one() {
        let path = "date=2026-11-23/hour=06/cp-1-log-c6b5177108f8ec29-30313233343536373839616263646566\
                    -00000000000000000007-00000000000000001000.parquet";
        assert_eq!(queue_of(path), Some(b"0123456789abcdef".to_vec()));
        assert_eq!(queue_of("date=2026-11-23/hour=06/merged.parquet"), None);
    }
}
