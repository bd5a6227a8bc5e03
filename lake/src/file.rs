//! A data file of the table, as a listing shows it, and what its metadata adds.
//!
//! Invariant: only `date=D/hour=H/NAME.parquet` with an hour that exists is a data file; whatever else
//! lies in the lake's directory (staged files, another tool's hidden files, a README) is not the table's.

use crate::Partition;
use object_store::ObjectMeta;

/// One Parquet file of the lake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Where it is, relative to the lake: `date=2026-11-23/hour=06/NAME.parquet`.
    pub path: String,
    /// The hour of event time that its rows belong to.
    pub partition: Partition,
    /// Its size in bytes.
    pub bytes: u64,
    /// When it was written, in microseconds since 1970 (UTC), by the storage's clock.
    pub modified_us: i64,
}

/// What the metadata of one file says, without a row being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Footer {
    /// How many events it holds.
    pub rows: u64,
    /// The smallest `time` in it, in microseconds since 1970 (UTC); None when no event tells its time.
    pub oldest_us: Option<i64>,
    /// The largest `time` in it.
    pub newest_us: Option<i64>,
}

impl File {
    /// A listed object as a data file, when it is one.
    pub(crate) fn recognise(object: ObjectMeta) -> Option<File> {
        let path = object.location.to_string();
        let (folder, name) = path.rsplit_once('/')?;
        let hidden = name.starts_with(['.', '_']);
        let partition = Partition::parse(folder)?;
        (name.ends_with(".parquet") && !hidden).then_some(())?;
        let modified_us = object.last_modified.timestamp_micros();
        Some(File { partition, bytes: object.size, path, modified_us })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recognise(path: &str) -> Option<File> {
        File::recognise(ObjectMeta {
            location: path.into(),
            last_modified: Default::default(),
            size: 5,
            e_tag: None,
            version: None,
        })
    }

    #[test]
    fn a_parquet_file_in_an_hour_is_the_tables() {
        let file = recognise("date=2026-11-23/hour=06/a.parquet").unwrap();
        assert_eq!((file.partition.to_string().as_str(), file.bytes), ("date=2026-11-23/hour=06", 5));
    }

    #[test]
    fn everything_else_is_not() {
        for path in [
            "a.parquet",
            "_staging/1-0.partial",
            "_staging/date=2026-11-23/hour=06/a.parquet",
            "date=2026-11-23/a.parquet",
            "date=2026-13-23/hour=06/a.parquet",
            "date=2026-11-23/hour=06/a.parquet.tmp",
            "date=2026-11-23/hour=06/.a.parquet",
            "date=2026-11-23/hour=06/_SUCCESS",
            "date=2026-11-23/hour=06/deeper/a.parquet",
        ] {
            assert_eq!(recognise(path), None, "{path}");
        }
    }
}
