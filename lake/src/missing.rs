//! Columns that a file does not have, since it was written before the table had them.
//!
//! Promises: they say what they would say had the file been written now, since they are made of its lines; what only the
//! pipe knew is never made up.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_schema::{ArrowError, DataType, Schema};

use crate::columns::{COLUMNS, Columns};
use crate::row::Row;
use crate::{Rows, schema};

const LINES: &str = "raw";
/// Rows in a batch with whole lines, which may have bodies of requests in them.
const ROWS: usize = 256;

/// What a file lacks of what is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Missing {
    columns: Vec<String>,
    /// Lines are read for this only.
    lines_apart: bool,
}

impl Missing {
    /// None where the file has all columns; says what is wrong with a file that cannot have had them.
    pub(crate) fn of(file: &Schema, asked: &[&str]) -> Result<Option<Missing>, String> {
        let columns = asked.iter().filter(|name| file.column_with_name(name).is_none());
        let columns: Vec<String> = columns.map(|name| (*name).to_owned()).collect();
        let of_pipe = |name: &&String| COLUMNS.iter().any(|column| column.always && column.name == **name);
        if let Some(name) = columns.iter().find(of_pipe) {
            return Err(format!("it has no column `{name}`"));
        }
        let has_lines = file.field_with_name(LINES).is_ok_and(|field| *field.data_type() == DataType::Binary);
        match columns.first() {
            None => Ok(None),
            Some(name) if !has_lines => Err(format!("it has no column `{name}`, and no lines to make it of")),
            Some(_) => Ok(Some(Missing { columns, lines_apart: !asked.contains(&LINES) })),
        }
    }

    /// Most rows in a batch, of so many.
    pub(crate) fn most_rows(most: usize) -> usize {
        most.min(ROWS)
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
        let lines = batch[LINES].as_binary::<i32>();
        let lines: Vec<(u64, &[u8])> = (0..).zip((0..batch.num_rows()).map(|row| lines.value(row))).collect();
        let (first, last) = (0, lines.len() as u64);
        let (queue, received_us) = ([0; 16], 0);
        let rows = Rows { origin: "", cluster: "", node: "", queue, first, last, received_us, lines: &lines };
        let names: Vec<&str> = self.columns.iter().map(String::as_str).collect();
        let mut columns = Columns::named(&names);
        (0..lines.len()).for_each(|row| columns.append(&Row::new(&rows, row)));
        columns.finish()
    }
}
