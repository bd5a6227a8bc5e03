//! The lake: the one table `events`, kept as hive-partitioned Parquet files.
//!
//! Promises:
//! - [`Lake::write`] returns only when its files are on stable storage; a receipt may rest on it.
//! - Writing the same rows again replaces the same files by files with the same bytes, so a batch
//!   that is sent twice shows no duplicate.
//! - A line is kept byte for byte in `raw`, also when it is not UTF-8 and when it is no audit event.
//! - A reader never sees a file that is half written.
//! - Any Parquet tool can read the files: nothing but plain types, `date` and `hour` only in the path.
//!
//! All calls block (they do disk or network work); async callers use their blocking threads. Calls may
//! be made from any thread, also from within an async runtime.

mod chunks;
mod client;
mod columns;
mod duration;
mod encode;
mod error;
mod file;
mod latency;
mod lines;
mod name;
mod partition;
mod reading;
mod row;
mod rows;
mod schema;
mod scope;
mod sorting;
mod storage;
mod summary;
mod url;

pub use error::LakeError;
pub use file::{File, Footer};
pub use lines::table;
pub use partition::Partition;
pub use reading::{Batches, Reading};
pub use rows::Rows;
pub use schema::schema;
pub use summary::Summary;

use storage::Storage;

/// One lake: a directory (later also a bucket) that holds the table `events`.
#[derive(Debug)]
pub struct Lake {
    storage: Storage,
}

/// One file that [`Lake::write`] made durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Where it is, relative to the lake: `date=2026-11-23/hour=06/NAME.parquet`.
    pub path: String,
    /// How many events it holds.
    pub rows: u64,
    /// Its size in bytes.
    pub bytes: u64,
}

impl Lake {
    /// Opens the lake at `url`: `file:///var/lib/lake` or a plain path. A directory that does not exist is
    /// made.
    ///
    /// # Errors
    /// [`LakeError::Url`] when the address cannot be a lake, [`LakeError::Storage`] when the directory
    /// cannot be made or entered.
    pub fn open(url: &str) -> Result<Lake, LakeError> {
        Ok(Lake { storage: Storage::open(url)? })
    }

    /// Opens the lake at `url` for whoever only reads: what is not there is not made.
    ///
    /// # Errors
    /// [`LakeError::Absent`] when there is no such directory, and as for [`Lake::open`].
    pub fn open_existing(url: &str) -> Result<Lake, LakeError> {
        let directory = url::directory(url)?;
        if !directory.is_dir() {
            return Err(LakeError::Absent { url: url.into(), directory });
        }
        Lake::open(url)
    }

    /// Whether `url` can be the address of a lake; touches nothing. For checking a configuration.
    ///
    /// # Errors
    /// [`LakeError::Url`], as [`Lake::open`] would give it.
    pub fn check(url: &str) -> Result<(), LakeError> {
        url::directory(url).map(drop)
    }

    /// Writes rows as one file per hour of event time and returns when all of them are durable, with the
    /// files in the order of their hours. No lines, no files.
    ///
    /// The file's name comes from origin, queue id, first and last number: the same rows give the same
    /// files with the same bytes, provided that `received_us` is the same too.
    ///
    /// # Errors
    /// [`LakeError::Rows`] when the rows contradict themselves (nothing is written), else
    /// [`LakeError::Storage`]: some files may be there already, and writing the rows again completes them.
    pub fn write(&self, rows: &Rows<'_>) -> Result<Vec<Written>, LakeError> {
        rows.check()?;
        let mut written = Vec::new();
        for hour in sorting::by_hour(rows) {
            let path = format!("{}/{}", hour.partition, name::of(rows));
            let body = encode::hour(rows, &hour.rows)?;
            let (count, bytes) = (hour.rows.len() as u64, body.len() as u64);
            self.storage.put(&path, body)?;
            written.push(Written { path, rows: count, bytes });
        }
        Ok(written)
    }

    /// Every data file of the table, sorted by path, which is by hour.
    ///
    /// # Errors
    /// [`LakeError::Storage`] when the lake cannot be listed.
    pub fn files(&self) -> Result<Vec<File>, LakeError> {
        let mut files: Vec<File> = self.storage.list()?.into_iter().filter_map(File::recognise).collect();
        files.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(files)
    }

    /// What the metadata of one file says: how many rows, and from when to when.
    ///
    /// # Errors
    /// [`LakeError::Damaged`] when the file is no Parquet file, [`LakeError::Storage`] when it cannot be read.
    pub fn footer(&self, file: &File) -> Result<Footer, LakeError> {
        reading::footer(&self.storage, file)
    }

    /// The rows of one file, a record batch at a time, in the file's order (time, then number), reading
    /// only the named columns. Batches hold their columns in the table's order, whatever the order asked.
    ///
    /// # Errors
    /// [`LakeError::Column`] for a name that the table does not have, [`LakeError::Damaged`] and
    /// [`LakeError::Storage`] as for [`Lake::footer`].
    pub fn read(&self, file: &File, columns: &[&str]) -> Result<Batches, LakeError> {
        reading::batches(&self.storage, file, &Reading::of(columns))
    }

    /// As [`Lake::read`], but only what `reading` asks for.
    ///
    /// # Errors
    /// As there.
    pub fn scan(&self, file: &File, reading: &Reading<'_>) -> Result<Batches, LakeError> {
        reading::batches(&self.storage, file, reading)
    }

    /// What the lake holds, from the metadata of all its files; no row is read.
    ///
    /// # Errors
    /// As for [`Lake::files`] and [`Lake::footer`]. A file that went away meanwhile is not counted.
    pub fn summary(&self) -> Result<Summary, LakeError> {
        summary::of(self)
    }

    /// Where the lake is, as given to [`Lake::open`].
    pub fn url(&self) -> &str {
        self.storage.url()
    }
}
