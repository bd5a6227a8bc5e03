//! One Arrow builder per type of column, filled from rows.
//!
//! Invariant: a builder and [`data_type`] of the same [`Value`] agree, names of inner fields included; they
//! are those of the Parquet specification (`list.element`, `key_value.key`), which all engines know.

use super::{Pair, Value};
use crate::row::Row;
use arrow_array::ArrayRef;
use arrow_array::builder::{
    ArrayBuilder, BinaryBuilder, Int32Builder, Int64Builder, ListBuilder, MapBuilder, MapFieldNames,
    StringBuilder, TimestampMicrosecondBuilder,
};
use arrow_schema::{DataType, Field, Fields, TimeUnit};
use std::borrow::Cow;
use std::sync::Arc;

/// A builder with the function that reads its values.
pub(super) enum Builder {
    Time(TimestampMicrosecondBuilder, fn(&Row<'_>) -> Option<i64>),
    Number(Int64Builder, fn(&Row<'_>) -> Option<i64>),
    Code(Int32Builder, fn(&Row<'_>) -> Option<i32>),
    Text(StringBuilder, for<'r> fn(&'r Row<'_>) -> Option<Cow<'r, str>>),
    Texts(ListBuilder<StringBuilder>, for<'r> fn(&'r Row<'_>) -> Option<Vec<Cow<'r, str>>>),
    Pairs(MapBuilder<StringBuilder, StringBuilder>, for<'r> fn(&'r Row<'_>) -> Option<Vec<Pair<'r>>>),
    Bytes(BinaryBuilder, for<'r> fn(&'r Row<'_>) -> &'r [u8]),
}

impl Builder {
    pub(super) fn of(value: Value) -> Builder {
        match value {
            Value::Time(of) => Builder::Time(TimestampMicrosecondBuilder::new().with_timezone("UTC"), of),
            Value::Number(of) => Builder::Number(Int64Builder::new(), of),
            Value::Code(of) => Builder::Code(Int32Builder::new(), of),
            Value::Text(of) => Builder::Text(StringBuilder::new(), of),
            Value::Texts(of) => {
                Builder::Texts(ListBuilder::new(StringBuilder::new()).with_field(element()), of)
            }
            Value::Pairs(of) => Builder::Pairs(
                MapBuilder::new(Some(field_names()), StringBuilder::new(), StringBuilder::new())
                    .with_values_field(text("value")),
                of,
            ),
            Value::Bytes(of) => Builder::Bytes(BinaryBuilder::new(), of),
        }
    }

    pub(super) fn append(&mut self, row: &Row<'_>) {
        match self {
            Builder::Time(builder, of) => builder.append_option(of(row)),
            Builder::Number(builder, of) => builder.append_option(of(row)),
            Builder::Code(builder, of) => builder.append_option(of(row)),
            Builder::Text(builder, of) => builder.append_option(of(row)),
            Builder::Texts(builder, of) => append_texts(builder, of(row)),
            Builder::Pairs(builder, of) => append_pairs(builder, of(row)),
            Builder::Bytes(builder, of) => builder.append_value(of(row)),
        }
    }

    pub(super) fn finish(&mut self) -> ArrayRef {
        match self {
            Builder::Time(builder, _) => ArrayBuilder::finish(builder),
            Builder::Number(builder, _) => ArrayBuilder::finish(builder),
            Builder::Code(builder, _) => ArrayBuilder::finish(builder),
            Builder::Text(builder, _) => ArrayBuilder::finish(builder),
            Builder::Texts(builder, _) => ArrayBuilder::finish(builder),
            Builder::Pairs(builder, _) => ArrayBuilder::finish(builder),
            Builder::Bytes(builder, _) => ArrayBuilder::finish(builder),
        }
    }
}

fn append_texts(builder: &mut ListBuilder<StringBuilder>, texts: Option<Vec<Cow<'_, str>>>) {
    for text in texts.iter().flatten() {
        builder.values().append_value(text);
    }
    builder.append(texts.is_some());
}

fn append_pairs(builder: &mut MapBuilder<StringBuilder, StringBuilder>, pairs: Option<Vec<Pair<'_>>>) {
    for (key, value) in pairs.iter().flatten() {
        builder.keys().append_value(key);
        builder.values().append_value(value);
    }
    builder.append(pairs.is_some()).expect("every key was appended with its value");
}

/// The Arrow type of a column.
pub(crate) fn data_type(value: Value) -> DataType {
    match value {
        Value::Time(_) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Value::Number(_) => DataType::Int64,
        Value::Code(_) => DataType::Int32,
        Value::Text(_) => DataType::Utf8,
        Value::Texts(_) => DataType::List(element()),
        Value::Pairs(_) => {
            let pair = Fields::from(vec![text("key"), text("value")]);
            DataType::Map(Arc::new(Field::new("key_value", DataType::Struct(pair), false)), false)
        }
        Value::Bytes(_) => DataType::Binary,
    }
}

fn text(name: &str) -> Arc<Field> {
    Arc::new(Field::new(name, DataType::Utf8, false))
}

fn element() -> Arc<Field> {
    text("element")
}

fn field_names() -> MapFieldNames {
    MapFieldNames { entry: "key_value".into(), key: "key".into(), value: "value".into() }
}
