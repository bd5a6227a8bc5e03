//! Values of a batch for SQLite.
//!
//! Promise: a value is the one of the file: texts as text, numbers as numbers, times as text that sorts, lists and maps
//! as JSON, a line as text where it is UTF-8 and else as bytes.

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{
    Array, BinaryArray, DictionaryArray, Int32Array, Int64Array, ListArray, MapArray, RecordBatch,
    StringArray, TimestampMicrosecondArray,
};
use lake::schema;
use rusqlite::types::{Null, ToSqlOutput, ValueRef};
use rusqlite::vtab::Context;

use super::columns::{self, RECEIVED, TIME};
use super::events::Slice;
use super::moments;

/// Rows of one batch.
pub(crate) struct Cells {
    columns: Vec<Option<Column>>,
    rows: usize,
    hour: Option<(String, i64)>,
}

enum Column {
    Dictionary(DictionaryArray<Int32Type>),
    Text(StringArray),
    Long(Int64Array),
    Int(Int32Array),
    Time(TimestampMicrosecondArray),
    List(ListArray),
    Map(MapArray),
    Bytes(BinaryArray),
}

impl Cells {
    pub(crate) fn of(slice: &Slice) -> Cells {
        let schema = schema();
        let named = schema.fields().iter().map(|field| column(&slice.batch, field.name()));
        let mut columns: Vec<_> = named.collect();
        if slice.hour.is_none() {
            columns[RECEIVED] = None;
        }
        let hour = slice.hour.map(|hour| (hour.date(), hour.hour()));
        Cells { columns, rows: slice.batch.num_rows(), hour }
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Gives the value of a row in a column to SQLite.
    pub(crate) fn give(&self, row: usize, column: usize, context: &mut Context) -> rusqlite::Result<()> {
        match (self.columns.get(column), column.saturating_sub(columns::in_files())) {
            (Some(None), _) => context.set_result(Null),
            (Some(Some(column)), _) => column.give(row, context),
            (None, 2) => context.set_result(self.time(row)),
            (None, derived) => match (&self.hour, derived) {
                (Some((date, _)), 0) => text(context, date),
                (Some((_, hour)), _) => context.set_result(hour),
                (None, derived) => match (self.time(row).map(lake::Partition::of), derived) {
                    (Some(hour), 0) => context.set_result(hour.date()),
                    (Some(hour), _) => context.set_result(hour.hour()),
                    (None, _) => context.set_result(Null),
                },
            },
        }
    }

    fn time(&self, row: usize) -> Option<i64> {
        match &self.columns[TIME] {
            Some(Column::Time(times)) if times.is_valid(row) => Some(times.value(row)),
            _ => None,
        }
    }
}

fn column(batch: &RecordBatch, name: &str) -> Option<Column> {
    let array = batch.column_by_name(name)?;
    Some(if let Some(texts) = array.as_dictionary_opt::<Int32Type>() {
        Column::Dictionary(texts.clone())
    } else if let Some(texts) = array.as_string_opt::<i32>() {
        Column::Text(texts.clone())
    } else if let Some(numbers) = array.as_primitive_opt::<Int64Type>() {
        Column::Long(numbers.clone())
    } else if let Some(numbers) = array.as_primitive_opt::<Int32Type>() {
        Column::Int(numbers.clone())
    } else if let Some(times) = array.as_primitive_opt::<TimestampMicrosecondType>() {
        Column::Time(times.clone())
    } else if let Some(lists) = array.as_list_opt::<i32>() {
        Column::List(lists.clone())
    } else if let Some(maps) = array.as_map_opt() {
        Column::Map(maps.clone())
    } else {
        Column::Bytes(array.as_binary_opt::<i32>()?.clone())
    })
}

impl Column {
    fn give(&self, row: usize, context: &mut Context) -> rusqlite::Result<()> {
        let array: &dyn Array = match self {
            Column::Dictionary(array) => array,
            Column::Text(array) => array,
            Column::Long(array) => array,
            Column::Int(array) => array,
            Column::Time(array) => array,
            Column::List(array) => array,
            Column::Map(array) => array,
            Column::Bytes(array) => array,
        };
        if array.is_null(row) {
            return context.set_result(Null);
        }
        match self {
            Column::Dictionary(texts) => match texts.key(row) {
                Some(key) => text(context, texts.values().as_string::<i32>().value(key)),
                None => context.set_result(Null),
            },
            Column::Text(texts) => text(context, texts.value(row)),
            Column::Long(numbers) => context.set_result(numbers.value(row)),
            Column::Int(numbers) => context.set_result(numbers.value(row)),
            Column::Time(times) => context.set_result(moments::written(times.value(row))),
            Column::List(lists) => context.set_result(list(&lists.value(row))),
            Column::Map(maps) => context.set_result(map(maps, row)),
            Column::Bytes(lines) => match std::str::from_utf8(lines.value(row)) {
                Ok(line) => text(context, line),
                Err(_) => context.set_result(ToSqlOutput::Borrowed(ValueRef::Blob(lines.value(row)))),
            },
        }
    }
}

fn text(context: &mut Context, text: &str) -> rusqlite::Result<()> {
    context.set_result(ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())))
}

fn list(texts: &dyn Array) -> String {
    let texts = texts.as_string::<i32>().iter();
    serde_json::Value::from_iter(texts.map(|text| text.unwrap_or_default())).to_string()
}

fn map(maps: &MapArray, row: usize) -> String {
    let entries = maps.value(row);
    let (keys, values) = (entries.column(0).as_string::<i32>(), entries.column(1).as_string::<i32>());
    let entries = keys
        .iter()
        .zip(values)
        .map(|(key, value)| (key.unwrap_or_default().to_owned(), value.unwrap_or_default().into()));
    serde_json::Value::Object(entries.collect()).to_string()
}
