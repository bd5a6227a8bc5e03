//! Columns that a file does not have, since it was written before the table had them.
//!
//! Promise: they say what they would say had the file been written now, since they are made of its lines; where a file
//! has no lines, they are null.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_schema::{ArrowError, Schema};
use parquet::file::metadata::ParquetMetaData;

use crate::columns::Columns;
use crate::row::Row;
use crate::{Rows, schema};

const LINES: &str = "raw";

/// What a file lacks of what is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Missing {
    columns: Vec<String>,
    /// Lines are read for this only.
    lines_apart: bool,
}

impl Missing {
    /// None where the file has all columns.
    pub(crate) fn of(metadata: &ParquetMetaData, asked: &[&str]) -> Option<Missing> {
        let there = in_file(metadata);
        let columns = asked.iter().filter(|name| !there.contains(*name));
        let columns: Vec<String> = columns.map(|name| (*name).to_owned()).collect();
        (!columns.is_empty()).then_some(Missing { columns, lines_apart: !asked.contains(&LINES) })
    }

    /// What has to be read for them.
    pub(crate) fn needs(&self) -> &'static str {
        LINES
    }

    /// The batch with them, in the table's order.
    pub(crate) fn complete(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let made = self.made(batch)?;
        let (mut fields, mut columns) = (Vec::new(), Vec::new());
        for field in schema().fields() {
            let from = if self.columns.contains(field.name()) { &made } else { batch };
            let is_asked = field.name() != LINES || !self.lines_apart;
            if let Some((place, _)) = from.schema_ref().column_with_name(field.name()).filter(|_| is_asked) {
                fields.push(from.schema_ref().fields()[place].clone());
                columns.push(from.column(place).clone());
            }
        }
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
    }

    fn made(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let lines = batch.column_by_name(LINES).and_then(|lines| lines.as_binary_opt::<i32>());
        let line = |row| lines.filter(|lines| lines.is_valid(row)).map_or(&b""[..], |lines| lines.value(row));
        let lines: Vec<(u64, &[u8])> = (0..).zip((0..batch.num_rows()).map(line)).collect();
        let (first, last) = (0, lines.len() as u64);
        let (queue, received_us) = ([0; 16], 0);
        let rows = Rows { origin: "", cluster: "", node: "", queue, first, last, received_us, lines: &lines };
        let names: Vec<&str> = self.columns.iter().map(String::as_str).collect();
        let mut columns = Columns::named(&names);
        (0..lines.len()).for_each(|row| columns.append(&Row::new(&rows, row)));
        columns.finish()
    }
}

fn in_file(metadata: &ParquetMetaData) -> BTreeSet<&str> {
    let root = metadata.file_metadata().schema_descr().root_schema();
    root.get_fields().iter().map(|field| field.name()).collect()
}
