//! Reading files back: the metadata, or the rows of the columns that are named.
//!
//! Promise: a column that is not named costs nothing but its entry in the metadata, and one batch is in
//! memory at a time: at most [`ROWS`] rows, fewer when rows are large.

use crate::chunks::Chunks;
use crate::storage::Storage;
use crate::{File, Footer, LakeError, schema};
use arrow_array::RecordBatch;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::statistics::Statistics;
use std::error::Error;

/// Most rows in a batch.
const ROWS: u64 = 1024;
/// About how many bytes of the named columns are in a batch, when rows are of similar size.
const BYTES: u64 = 4 << 20;

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

pub(crate) fn batches(storage: &Storage, file: &File, columns: &[&str]) -> Result<Batches, LakeError> {
    schema::check(columns)?;
    let (chunks, metadata) = open(storage, file)?;
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(chunks, metadata);
    let wanted = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
    let rows = rows_per_batch(builder.metadata(), &wanted);
    let reader = builder.with_projection(wanted).with_batch_size(rows).build();
    let reader = reader.map_err(|error| failed(&file.path, &error))?;
    Ok(Batches { path: file.path.clone(), reader })
}

fn open(storage: &Storage, file: &File) -> Result<(Chunks, ArrowReaderMetadata), LakeError> {
    let chunks = Chunks { storage: storage.clone(), path: file.path.clone(), size: file.bytes };
    let metadata = ArrowReaderMetadata::load(&chunks, ArrowReaderOptions::new());
    Ok((chunks, metadata.map_err(|error| failed(&file.path, &error))?))
}

/// How many rows make up about [`BYTES`] of the wanted columns, in the row group with the largest rows.
fn rows_per_batch(metadata: &ParquetMetaData, wanted: &ProjectionMask) -> usize {
    let counts = metadata.row_groups().iter().map(|group| {
        let leaves = group.columns().iter().enumerate().filter(|(leaf, _)| wanted.leaf_included(*leaf));
        let bytes: i64 = leaves.map(|(_, column)| column.uncompressed_size()).sum();
        let bytes = u64::try_from(bytes).unwrap_or(0).max(1);
        let rows = u64::try_from(group.num_rows()).unwrap_or(0);
        (rows.saturating_mul(BYTES) / bytes).clamp(1, ROWS)
    });
    usize::try_from(counts.min().unwrap_or(ROWS)).unwrap_or(1)
}

/// The extremes of `time` over all row groups that know theirs.
fn times(metadata: &ParquetMetaData) -> (Option<i64>, Option<i64>) {
    let columns = metadata.file_metadata().schema_descr().columns().iter();
    let Some(time) = columns.clone().position(|column| column.path().string() == "time") else {
        return (None, None);
    };
    let groups = metadata.row_groups().iter().filter_map(|group| match group.column(time).statistics() {
        Some(Statistics::Int64(times)) => Some((times.min_opt().copied(), times.max_opt().copied())),
        _ => None,
    });
    groups.fold((None, None), |(oldest, newest), (min, max)| {
        (oldest.into_iter().chain(min).min(), newest.max(max))
    })
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
