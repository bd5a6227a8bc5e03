//! From sorted rows to the bytes of a Parquet file.
//!
//! Promises: the same rows give the same bytes (no clock, no random number, no map order goes in); what is
//! in memory is the file itself, one row group's pages and at most [`BATCH_BYTES`] of lines, plus one line.

use crate::columns::Columns;
use crate::coverage::COVERS;
use crate::row::Row;
use crate::schema::{FORMAT, FORMAT_KEY};
use crate::sorting::Place;
use crate::{LakeError, Rows};
use arrow_array::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::Result;
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;

/// Lines are handed to the encoder in portions of about this size.
const BATCH_BYTES: usize = 4 << 20;
const BATCH_ROWS: usize = 4096;
/// A row group is closed at this size, so that one can be read in little memory.
const ROW_GROUP_BYTES: usize = 64 << 20;
const ROW_GROUP_ROWS: usize = 128 * 1024;

/// The file that holds these rows.
pub(crate) fn hour(rows: &Rows<'_>, places: &[Place]) -> Result<Vec<u8>, LakeError> {
    encode(rows, places).map_err(|error| LakeError::Encode {
        first: rows.first,
        last: rows.last,
        why: error.to_string(),
    })
}

fn encode(rows: &Rows<'_>, places: &[Place]) -> Result<Vec<u8>> {
    let options =
        ArrowWriterOptions::new().with_properties(properties(origin(rows))?).with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(Vec::new(), crate::schema(), options)?;
    let mut columns = Columns::new();
    for place in places {
        columns.append(&Row::new(rows, place.line));
        if columns.bytes >= BATCH_BYTES || columns.rows >= BATCH_ROWS {
            writer.write(&columns.finish()?)?;
        }
    }
    if columns.rows > 0 {
        writer.write(&columns.finish()?)?;
    }
    writer.into_inner()
}

/// A file that is made of others.
pub(crate) struct Merged(ArrowWriter<Vec<u8>>);

impl Merged {
    /// `covers` are the names of the files that it is made of.
    pub(crate) fn new<'n>(covers: impl Iterator<Item = &'n str>) -> Result<Merged> {
        let covers = covers.collect::<Vec<_>>().join("\n");
        let metadata = vec![KeyValue::new(COVERS.to_owned(), covers)];
        let options =
            ArrowWriterOptions::new().with_properties(properties(metadata)?).with_skip_arrow_metadata(true);
        Ok(Merged(ArrowWriter::try_new_with_options(Vec::new(), crate::schema(), options)?))
    }

    pub(crate) fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        self.0.write(rows)
    }

    pub(crate) fn finish(self) -> Result<Vec<u8>> {
        self.0.into_inner()
    }
}

fn properties(metadata: Vec<KeyValue>) -> Result<WriterProperties> {
    let version = KeyValue::new(FORMAT_KEY.to_owned(), FORMAT.to_string());
    let builder = WriterProperties::builder()
        .set_created_by("auditrail".into())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
        .set_sorting_columns(Some(vec![SortingColumn {
            column_idx: 0,
            descending: false,
            nulls_first: false,
        }]))
        .set_key_value_metadata(Some([vec![version], metadata].concat()));
    Ok(without_statistics(distinct(builder)).build())
}

/// Columns whose values hardly repeat: a dictionary would only be built and thrown away.
fn distinct(builder: WriterPropertiesBuilder) -> WriterPropertiesBuilder {
    let columns = ["audit_id", "raw", "seq", "time", "latency_us", "sli_latency_us"];
    columns
        .iter()
        .fold(builder, |builder, name| builder.set_column_dictionary_enabled(ColumnPath::from(*name), false))
}

/// Extremes of whole lines help no query and would copy what may be secret into the metadata.
fn without_statistics(builder: WriterPropertiesBuilder) -> WriterPropertiesBuilder {
    builder.set_column_statistics_enabled(ColumnPath::from("raw"), EnabledStatistics::None)
}

/// Which rows these are, so that a file proves by itself what it covers.
fn origin(rows: &Rows<'_>) -> Vec<KeyValue> {
    let entry = |key: &str, value: String| KeyValue::new(format!("auditrail.{key}"), value);
    vec![
        entry("origin", rows.origin.into()),
        entry("queue", format!("{:032x}", u128::from_be_bytes(rows.queue))),
        entry("first", rows.first.to_string()),
        entry("last", rows.last.to_string()),
    ]
}
