//! The columns of the table `events`: one line each, with its type and where its value comes from.
//!
//! Invariant: [`COLUMNS`] is the only place that knows names, order and types; the schema and the builders
//! follow from it. A column that the event does not tell is null, except for those marked as always known.

mod builder;

pub(crate) use builder::data_type;

use crate::row::Row;
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{ArrowError, Field, Schema, SchemaRef};
use builder::Builder;
use std::borrow::Cow;
use std::sync::Arc;

/// Key and value.
pub(crate) type Pair<'r> = (Cow<'r, str>, Cow<'r, str>);

/// One column.
pub(crate) struct Column {
    pub(crate) name: &'static str,
    /// No row is without it.
    pub(crate) always: bool,
    pub(crate) value: Value,
}

/// The type of a column, and how it is read from a row.
#[derive(Clone, Copy)]
pub(crate) enum Value {
    /// Microseconds since 1970, UTC.
    Time(fn(&Row<'_>) -> Option<i64>),
    /// 64-bit signed; also for numbers that are never negative, because few engines know unsigned ones.
    Number(fn(&Row<'_>) -> Option<i64>),
    /// 32-bit signed.
    Code(fn(&Row<'_>) -> Option<i32>),
    /// UTF-8; what is not is made so with U+FFFD, the line itself stays in `raw`.
    Text(for<'r> fn(&'r Row<'_>) -> Option<Cow<'r, str>>),
    /// A list of texts.
    Texts(for<'r> fn(&'r Row<'_>) -> Option<Vec<Cow<'r, str>>>),
    /// A map of text to text, without repeated keys: engines refuse those.
    Pairs(for<'r> fn(&'r Row<'_>) -> Option<Vec<Pair<'r>>>),
    /// Any bytes. Not a text, because a Parquet text must be UTF-8 and a line need not be.
    Bytes(for<'r> fn(&'r Row<'_>) -> &'r [u8]),
}

const fn always(name: &'static str, value: Value) -> Column {
    Column { name, always: true, value }
}

const fn told(name: &'static str, value: Value) -> Column {
    Column { name, always: false, value }
}

use Value::{Bytes, Code, Number, Pairs, Text, Texts, Time};

/// The table, in the order of its columns. `date` and `hour` are in the path.
pub(crate) const COLUMNS: [Column; 37] = [
    told("time", Time(|row| row.time())),
    always("received", Time(|row| Some(row.rows.received_us))),
    told("latency_us", Number(|row| row.latency_us())),
    told("sli_latency_us", Number(|row| row.sli_latency_us())),
    always("cluster", Text(|row| Some(row.rows.cluster.into()))),
    always("node", Text(|row| Some(row.rows.node.into()))),
    told("audit_id", Text(|row| row.audit_id())),
    told("stage", Text(|row| row.stage())),
    told("level", Text(|row| row.level())),
    told("verb", Text(|row| row.verb())),
    told("user", Text(|row| row.user())),
    told("groups", Texts(|row| row.groups())),
    told("impersonated_user", Text(|row| row.impersonated_user())),
    told("api_group", Text(|row| row.api_group())),
    told("api_version", Text(|row| row.api_version())),
    told("resource", Text(|row| row.resource())),
    told("subresource", Text(|row| row.subresource())),
    told("namespace", Text(|row| row.namespace())),
    told("name", Text(|row| row.name())),
    told("scope", Text(|row| row.scope().map(Cow::Borrowed))),
    told("code", Code(|row| row.code())),
    told("reason", Text(|row| row.reason())),
    told("decision", Text(|row| row.annotation("authorization.k8s.io/decision"))),
    told("authz_reason", Text(|row| row.annotation("authorization.k8s.io/reason"))),
    told("user_agent", Text(|row| row.user_agent())),
    told("client", Text(|row| row.client())),
    told("source_ip", Text(|row| row.source_ip())),
    told("request_uri", Text(|row| row.request_uri())),
    told("annotations", Pairs(|row| row.annotations())),
    always("bytes", Number(|row| i64::try_from(row.line.len()).ok())),
    always("origin", Text(|row| Some(row.rows.origin.into()))),
    always("seq", Number(|row| i64::try_from(row.seq).ok())),
    always("raw", Bytes(|row| row.line)),
    told("impersonated_groups", Texts(|row| row.impersonated_groups())),
    told("impersonated_uid", Text(|row| row.impersonated_uid())),
    told("impersonated_extra", Text(|row| row.impersonated_extra())),
    told("message", Text(|row| row.message())),
];

/// The column as the schema has it.
pub(crate) fn field(column: &Column) -> Field {
    Field::new(column.name, data_type(column.value), !column.always)
}

/// Builds record batches of the table, row by row.
pub(crate) struct Columns {
    schema: SchemaRef,
    builders: Vec<Builder>,
    /// How many bytes of lines are in the builders.
    pub(crate) bytes: usize,
    /// How many rows are in the builders.
    pub(crate) rows: usize,
}

impl Columns {
    /// Builders for all columns of the table.
    pub(crate) fn new() -> Columns {
        Columns::of(crate::schema(), COLUMNS.iter().collect())
    }

    /// Builders for the named columns, in the table's order.
    pub(crate) fn named(names: &[&str]) -> Columns {
        let columns: Vec<&Column> = COLUMNS.iter().filter(|column| names.contains(&column.name)).collect();
        let fields = columns.iter().map(|column| field(column)).collect::<Vec<_>>();
        Columns::of(Arc::new(Schema::new(fields)), columns)
    }

    fn of(schema: SchemaRef, columns: Vec<&Column>) -> Columns {
        let builders = columns.iter().map(|column| Builder::of(column.value)).collect();
        Columns { schema, builders, bytes: 0, rows: 0 }
    }

    pub(crate) fn append(&mut self, row: &Row<'_>) {
        for builder in &mut self.builders {
            builder.append(row);
        }
        self.bytes += row.line.len();
        self.rows += 1;
    }

    /// The rows so far as a batch; the builders are empty afterwards.
    pub(crate) fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        let arrays: Vec<ArrayRef> = self.builders.iter_mut().map(Builder::finish).collect();
        let rows = std::mem::take(&mut self.rows);
        self.bytes = 0;
        let rows = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(self.schema.clone(), arrays, &rows)
    }
}
