//! Reading files back: the metadata, or the rows of the columns that are named.
//!
//! Promises: a column that is not named costs nothing but its entry in the metadata; rows that are not asked for are
//! stepped over; one batch is in memory at a time: at most as many rows as asked for, fewer when rows are large.

use crate::chunks::Chunks;
use crate::storage::Storage;
use crate::{File, Footer, LakeError, schema};
use arrow_array::RecordBatch;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::statistics::Statistics;
use std::error::Error;
use std::ops::Range;

/// About how many bytes of the named columns are in a batch, when rows are of similar size.
const BYTES: u64 = 4 << 20;

/// What to read of a file.
#[derive(Debug, Clone)]
pub struct Reading<'r> {
    /// The columns. A batch holds them in the table's order, whatever the order here.
    pub columns: &'r [&'r str],
    /// Those of them, texts all, that come as dictionaries: worth it where few texts are repeated often.
    pub dictionaries: &'r [&'r str],
    /// Row groups that hold no event of these times (microseconds since 1970, UTC) are stepped over; the others come
    /// whole, events without a time included. None: every row group.
    pub times: Option<Range<i64>>,
    /// Only these rows of what is left, by number from 0, ascending. None: every row.
    pub rows: Option<&'r [u64]>,
    /// Most rows in a batch; fewer when rows are large.
    pub most_rows: usize,
}

impl<'r> Reading<'r> {
    /// All rows of these columns.
    pub fn of(columns: &'r [&'r str]) -> Reading<'r> {
        Reading { columns, dictionaries: &[], times: None, rows: None, most_rows: 1024 }
    }
}

/// The rows of one file, batch by batch.
pub struct Batches {
    path: String,
    reader: ParquetRecordBatchReader,
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, LakeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.reader.next()?;
        Some(batch.map_err(|error| failed(&self.path, &error)))
    }
}

impl std::fmt::Debug for Batches {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batches").field("path", &self.path).finish_non_exhaustive()
    }
}

pub(crate) fn footer(storage: &Storage, file: &File) -> Result<Footer, LakeError> {
    let (_, metadata) = open(storage, file)?;
    let metadata = metadata.metadata();
    let (oldest_us, newest_us) = times(metadata);
    let rows = u64::try_from(metadata.file_metadata().num_rows()).unwrap_or(0);
    Ok(Footer { rows, oldest_us, newest_us })
}

/// The rows of the file that `reading` asks for.
pub(crate) fn batches(storage: &Storage, file: &File, reading: &Reading<'_>) -> Result<Batches, LakeError> {
    schema::check(reading.columns)?;
    schema::check(reading.dictionaries)?;
    let options = match reading.dictionaries {
        [] => ArrowReaderOptions::new(),
        named => ArrowReaderOptions::new().with_schema(schema::with_dictionaries(named)),
    };
    let (chunks, metadata) = open_as(storage, file, options)?;
    let groups = groups_within(metadata.metadata(), reading.times.as_ref());
    let total = groups.iter().map(|group| metadata.metadata().row_group(*group).num_rows()).sum::<i64>();
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(chunks, metadata);
    let wanted = ProjectionMask::columns(builder.parquet_schema(), reading.columns.iter().copied());
    let rows = rows_per_batch(builder.metadata(), &wanted, reading.most_rows);
    let mut builder = builder.with_projection(wanted).with_batch_size(rows).with_row_groups(groups);
    if let Some(rows) = reading.rows {
        builder = builder.with_row_selection(selection(rows, usize::try_from(total).unwrap_or(0)));
    }
    let reader = builder.build().map_err(|error| failed(&file.path, &error))?;
    Ok(Batches { path: file.path.clone(), reader })
}

/// The row groups that may hold an event of these times; one that does not tell its times may.
fn groups_within(metadata: &ParquetMetaData, times: Option<&Range<i64>>) -> Vec<usize> {
    let column = time_column(metadata);
    let may_hold = |group: &RowGroupMetaData| {
        let (Some(asked), Some(column)) = (times, column) else { return true };
        match group.column(column).statistics() {
            Some(Statistics::Int64(told)) => {
                told.min_opt().is_none_or(|min| *min < asked.end)
                    && told.max_opt().is_none_or(|max| *max >= asked.start)
            }
            _ => true,
        }
    };
    let groups = metadata.row_groups().iter().enumerate();
    groups.filter(|(_, group)| may_hold(group)).map(|(index, _)| index).collect()
}

/// Rows by their numbers, which ascend; those beyond the end are left out.
fn selection(rows: &[u64], total: usize) -> RowSelection {
    let rows = rows.iter().filter_map(|row| usize::try_from(*row).ok()).take_while(|row| *row < total);
    RowSelection::from_consecutive_ranges(rows.map(|row| row..row + 1), total)
}

fn open(storage: &Storage, file: &File) -> Result<(Chunks, ArrowReaderMetadata), LakeError> {
    open_as(storage, file, ArrowReaderOptions::new())
}

fn open_as(
    storage: &Storage,
    file: &File,
    options: ArrowReaderOptions,
) -> Result<(Chunks, ArrowReaderMetadata), LakeError> {
    let chunks = Chunks { storage: storage.clone(), path: file.path.clone(), size: file.bytes };
    let metadata = ArrowReaderMetadata::load(&chunks, options);
    Ok((chunks, metadata.map_err(|error| failed(&file.path, &error))?))
}

/// How many rows make up about [`BYTES`] of the wanted columns, in the row group with the largest rows.
fn rows_per_batch(metadata: &ParquetMetaData, wanted: &ProjectionMask, most: usize) -> usize {
    let most = u64::try_from(most).unwrap_or(u64::MAX).max(1);
    let counts = metadata.row_groups().iter().map(|group| {
        let leaves = group.columns().iter().enumerate().filter(|(leaf, _)| wanted.leaf_included(*leaf));
        let bytes: i64 = leaves.map(|(_, column)| column.uncompressed_size()).sum();
        let bytes = u64::try_from(bytes).unwrap_or(0).max(1);
        let rows = u64::try_from(group.num_rows()).unwrap_or(0);
        (rows.saturating_mul(BYTES) / bytes).clamp(1, most)
    });
    usize::try_from(counts.min().unwrap_or(most)).unwrap_or(1)
}

/// The extremes of `time` over all row groups that know theirs.
fn times(metadata: &ParquetMetaData) -> (Option<i64>, Option<i64>) {
    let Some(time) = time_column(metadata) else { return (None, None) };
    let groups = metadata.row_groups().iter().filter_map(|group| match group.column(time).statistics() {
        Some(Statistics::Int64(times)) => Some((times.min_opt().copied(), times.max_opt().copied())),
        _ => None,
    });
    groups.fold((None, None), |(oldest, newest), (min, max)| {
        (oldest.into_iter().chain(min).min(), newest.max(max))
    })
}

/// Storage trouble comes back as itself, through however many layers; the rest is a damaged file.
/// Which leaf is the column `time`.
fn time_column(metadata: &ParquetMetaData) -> Option<usize> {
    let columns = metadata.file_metadata().schema_descr().columns();
    columns.iter().position(|column| column.path().string() == "time")
}

fn failed(path: &str, error: &(dyn Error + 'static)) -> LakeError {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(LakeError::Storage { url, action, why, missing }) = error.downcast_ref() {
            let (url, action, why) = (url.clone(), action.clone(), why.clone());
            return LakeError::Storage { url, action, why, missing: *missing };
        }
        cause = inner(error);
    }
    LakeError::Damaged { path: path.into(), why: error.to_string() }
}

/// What an error wraps; `source()` of these two skips it.
fn inner<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
    if let Some(ParquetError::External(inner)) = error.downcast_ref() {
        return Some(inner.as_ref());
    }
    match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}
