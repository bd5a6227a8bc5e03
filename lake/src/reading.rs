//! Reading files back: the metadata, or the rows of the columns that are named.
//!
//! Promises: a column that is not named costs nothing but its entry in the metadata; one that a file is too old to have
//! is made of its lines; rows that are not asked for are stepped over; one batch is in memory at a time: at most as many
//! rows as asked for, fewer when rows are large.

use crate::chunks::Chunks;
use crate::coverage::{COVERS, Names};
use crate::missing::Missing;
use crate::schema::{FORMAT, FORMAT_KEY};
use crate::storage::Storage;
use crate::{File, Footer, LakeError, schema};
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
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
use std::sync::Arc;

/// About how many bytes of the named columns are in a batch, when rows are of similar size.
const BYTES: u64 = 4 << 20;
/// Columns are fetched whole before they are unpacked, if they are not larger than this.
const MOST_AHEAD: u64 = 32 << 20;
/// What lies between two columns is fetched too, if it is not more than this.
const CLOSE: u64 = 32 << 10;

/// What to read of a file.
#[derive(Debug, Clone)]
pub struct Reading<'r> {
    /// The columns. A batch holds them in the table's order, whatever the order here.
    pub columns: &'r [&'r str],
    /// Those of them, texts or lists of texts, that come as dictionaries: worth it where few texts are repeated often.
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

/// A file whose metadata is in memory: several looks at it fetch that once.
#[derive(Clone)]
pub struct Opened {
    chunks: Chunks,
    metadata: ArrowReaderMetadata,
}

/// The rows of one file, batch by batch, one row group after the other.
pub struct Batches {
    chunks: Chunks,
    metadata: Arc<ParquetMetaData>,
    schema: SchemaRef,
    wanted: ProjectionMask,
    missing: Option<Missing>,
    dictionaries: Vec<String>,
    most_rows: usize,
    /// Row groups that are still to be read, each with the rows that are asked for.
    groups: std::vec::IntoIter<(usize, Option<RowSelection>)>,
    reader: Option<ParquetRecordBatchReader>,
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, LakeError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(batch) = self.reader.as_mut().and_then(Iterator::next) {
                let batch = match &self.missing {
                    Some(missing) => batch.and_then(|batch| missing.complete(&batch)),
                    None => batch,
                };
                return Some(batch.map_err(|error| failed(&self.chunks.path, &error)));
            }
            let (group, rows) = self.groups.next()?;
            match self.open(group, rows) {
                Ok(reader) => self.reader = Some(reader),
                Err(error) => {
                    (self.reader, self.groups) = (None, Vec::new().into_iter());
                    return Some(Err(error));
                }
            }
        }
    }
}

impl Batches {
    /// A reader of one row group. A batch does not reach over its end, where dictionaries change.
    fn open(&self, group: usize, rows: Option<RowSelection>) -> Result<ParquetRecordBatchReader, LakeError> {
        let row_group = self.metadata.row_group(group);
        let wrong = |error: ParquetError| failed(&self.chunks.path, &error);
        let metadata =
            ArrowReaderMetadata::try_new(self.metadata.clone(), self.options(row_group)).map_err(wrong)?;
        let ahead = columns_of(row_group, &self.wanted);
        let chunks = if ahead.is_empty() { self.chunks.clone() } else { self.chunks.with_ahead(ahead)? };
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(chunks, metadata)
            .with_projection(self.wanted.clone())
            .with_batch_size(rows_per_batch(&self.metadata, &self.wanted, self.most_rows))
            .with_row_groups(vec![group]);
        let builder = match rows {
            Some(rows) => builder.with_row_selection(rows),
            None => builder,
        };
        builder.build().map_err(wrong)
    }

    /// Texts as dictionaries, but for columns that are null throughout: those have none, and making one is slow.
    fn options(&self, group: &RowGroupMetaData) -> ArrowReaderOptions {
        let rows = u64::try_from(group.num_rows()).unwrap_or(0);
        let has_text = |name: &str| {
            let column = group
                .columns()
                .iter()
                .find(|column| column.column_path().parts().first().map(String::as_str) == Some(name));
            let nulls = column.and_then(|column| column.statistics()?.null_count_opt());
            nulls != Some(rows)
        };
        let named: Vec<&str> =
            self.dictionaries.iter().map(String::as_str).filter(|name| has_text(name)).collect();
        match named[..] {
            [] => ArrowReaderOptions::new(),
            _ => ArrowReaderOptions::new().with_schema(schema::with_dictionaries(&self.schema, &named)),
        }
    }
}

/// Where the wanted columns lie, neighbours together; nothing when that is more than [`MOST_AHEAD`].
fn columns_of(group: &RowGroupMetaData, wanted: &ProjectionMask) -> Vec<Range<u64>> {
    let columns = group.columns().iter().enumerate().filter(|(leaf, _)| wanted.leaf_included(*leaf));
    let mut ranges: Vec<Range<u64>> = Vec::new();
    for (_, column) in columns {
        let (start, length) = column.byte_range();
        match ranges.last_mut() {
            Some(last) if start >= last.start && start - last.end.min(start) <= CLOSE => {
                last.end = last.end.max(start + length);
            }
            _ => ranges.push(start..start + length),
        }
    }
    let bytes: u64 = ranges.iter().map(|range| range.end - range.start).sum();
    if bytes > MOST_AHEAD { Vec::new() } else { ranges }
}

impl std::fmt::Debug for Batches {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batches").field("path", &self.chunks.path).finish_non_exhaustive()
    }
}

impl Opened {
    pub(crate) fn of(storage: &Storage, file: &File) -> Result<Opened, LakeError> {
        let chunks = Chunks::of(storage, &file.path, file.bytes);
        let metadata = ArrowReaderMetadata::load(&chunks, ArrowReaderOptions::new());
        let metadata = metadata.map_err(|error| failed(&file.path, &error))?;
        match version(metadata.metadata()) {
            found if found > FORMAT => {
                Err(LakeError::Newer { path: file.path.clone(), found, known: FORMAT })
            }
            _ => Ok(Opened { chunks, metadata }),
        }
    }

    /// The rows that `reading` asks for.
    ///
    /// # Errors
    /// [`LakeError::Column`] for a name that the table does not have, [`LakeError::Damaged`] for one that the file lacks
    /// and that cannot be made of its lines.
    pub fn scan(&self, reading: &Reading<'_>) -> Result<Batches, LakeError> {
        schema::check(reading.columns)?;
        schema::check(reading.dictionaries)?;
        let metadata = self.metadata.metadata();
        let missing = Missing::of(self.metadata.schema(), reading.columns)
            .map_err(|why| LakeError::Damaged { path: self.chunks.path.clone(), why })?;
        let mut read = reading.columns.to_vec();
        read.extend(missing.as_ref().map(Missing::needs));
        let groups = groups_within(metadata, reading.times.as_ref());
        Ok(Batches {
            chunks: self.chunks.clone(),
            wanted: ProjectionMask::columns(self.metadata.parquet_schema(), read),
            most_rows: missing.as_ref().map_or(reading.most_rows, |_| Missing::most_rows(reading.most_rows)),
            missing,
            dictionaries: reading.dictionaries.iter().map(|name| (*name).to_owned()).collect(),
            groups: selected(metadata, groups, reading.rows).into_iter(),
            schema: self.metadata.schema().clone(),
            metadata: metadata.clone(),
            reader: None,
        })
    }
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened").field("path", &self.chunks.path).finish_non_exhaustive()
    }
}

pub(crate) fn footer(storage: &Storage, file: &File) -> Result<Footer, LakeError> {
    let opened = Opened::of(storage, file)?;
    let metadata = opened.metadata.metadata();
    let (oldest_us, newest_us) = times(metadata);
    let rows = u64::try_from(metadata.file_metadata().num_rows()).unwrap_or(0);
    Ok(Footer { rows, oldest_us, newest_us })
}

/// The names of the files that a merged one was made of.
pub(crate) fn covers(storage: &Storage, file: &File) -> Result<Names, LakeError> {
    let opened = Opened::of(storage, file)?;
    let entries = opened.metadata.metadata().file_metadata().key_value_metadata().into_iter().flatten();
    let named = entries.filter(|entry| entry.key == COVERS).filter_map(|entry| entry.value.as_deref());
    Ok(named.flat_map(str::lines).map(str::to_owned).collect())
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

/// The row groups with the rows of each that are asked for; those without one are left out.
fn selected(
    metadata: &ParquetMetaData,
    groups: Vec<usize>,
    rows: Option<&[u64]>,
) -> Vec<(usize, Option<RowSelection>)> {
    let Some(mut rows) = rows else { return groups.into_iter().map(|group| (group, None)).collect() };
    let mut first = 0;
    let mut selected = Vec::new();
    for group in groups {
        let length = u64::try_from(metadata.row_group(group).num_rows()).unwrap_or(0);
        let (here, later) = rows.split_at(rows.partition_point(|row| *row < first + length));
        if !here.is_empty() {
            let within = here.iter().filter_map(|row| usize::try_from(row - first).ok());
            let total = usize::try_from(length).unwrap_or(0);
            let ranges = within.map(|row| row..row + 1);
            selected.push((group, Some(RowSelection::from_consecutive_ranges(ranges, total))));
        }
        (first, rows) = (first + length, later);
    }
    selected
}

/// The format that a file says it has; the first had no word for it, and other programs' files have none.
fn version(metadata: &ParquetMetaData) -> u32 {
    let entries = metadata.file_metadata().key_value_metadata().into_iter().flatten();
    let said = entries.filter(|entry| entry.key == FORMAT_KEY).filter_map(|entry| entry.value.as_deref());
    said.filter_map(|version| version.parse().ok()).max().unwrap_or(1)
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

/// Which leaf is the column `time`.
fn time_column(metadata: &ParquetMetaData) -> Option<usize> {
    let columns = metadata.file_metadata().schema_descr().columns();
    columns.iter().position(|column| column.path().string() == "time")
}

/// Storage trouble comes back as itself, through however many layers; the rest is a damaged file.
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
