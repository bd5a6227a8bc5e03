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
mod coverage;
mod duration;
mod encode;
mod error;
mod expire;
mod file;
mod latency;
mod lines;
mod location;
mod merge;
mod missing;
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

pub use duration::microseconds as go_duration_us;
pub use error::LakeError;
pub use expire::{Expired, Keeping};
pub use file::{File, Footer};
pub use lines::table;
pub use location::Location;
pub use merge::{Merged, Merging};
pub use partition::Partition;
pub use reading::{Batches, Opened, Reading};
pub use rows::Rows;
pub use schema::schema;
pub use summary::Summary;
pub use url::{Bucket, Place, Service};

use std::collections::BTreeSet;

use coverage::{Covers, Live, Names};
use storage::Storage;

/// How often a lake is listed again while merges are published.
const MOST_LISTINGS: usize = 8;

/// One lake: a directory or a bucket that holds the table `events`.
#[derive(Debug)]
pub struct Lake {
    storage: Storage,
    covers: Covers,
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
    /// Opens the lake at `url`: `file:///var/lib/lake`, a plain path, `s3://bucket/prefix`,
    /// `gs://bucket/prefix`, `az://container/prefix` or `abfss://container@account.dfs.core.windows.net/prefix`.
    /// A directory that does not exist is made; a bucket is not, and nothing is asked of it yet.
    ///
    /// # Errors
    /// [`LakeError::Url`] when the address cannot be a lake, [`LakeError::Storage`] when the directory
    /// cannot be made or entered, or the settings of a bucket cannot be used.
    pub fn open(url: &str) -> Result<Lake, LakeError> {
        Lake::at(&Location::of(url))
    }

    /// The same for a place that is more than an address.
    ///
    /// # Errors
    /// As for [`Lake::open`].
    pub fn at(location: &Location) -> Result<Lake, LakeError> {
        location.check()?;
        Ok(Lake { storage: Storage::open(location)?, covers: Covers::default() })
    }

    /// Opens the lake at `url` for whoever only reads: what is not there is not made.
    ///
    /// # Errors
    /// [`LakeError::Absent`] when there is no such directory, and as for [`Lake::open`].
    pub fn open_existing(url: &str) -> Result<Lake, LakeError> {
        Lake::existing(&Location::of(url))
    }

    /// The same for a place that is more than an address.
    ///
    /// # Errors
    /// As for [`Lake::open_existing`].
    pub fn existing(location: &Location) -> Result<Lake, LakeError> {
        match url::place(&location.url)? {
            url::Place::Directory(directory) if !directory.is_dir() => {
                Err(LakeError::Absent { url: location.url.clone(), directory })
            }
            _ => Lake::at(location),
        }
    }

    /// Whether `url` can be the address of a lake; touches nothing. For checking a configuration.
    ///
    /// # Errors
    /// [`LakeError::Url`], as [`Lake::open`] would give it.
    pub fn check(url: &str) -> Result<(), LakeError> {
        Location::of(url).check()
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
            if !self.is_covered(hour.partition, &path)? {
                self.storage.put(&path, body)?;
            }
            written.push(Written { path, rows: count, bytes });
        }
        Ok(written)
    }

    /// Every data file of the table, sorted by path, which is by hour. Files that were merged into others are left out,
    /// also where they are still (or again) there.
    ///
    /// # Errors
    /// [`LakeError::Storage`] when the lake cannot be listed.
    pub fn files(&self) -> Result<Vec<File>, LakeError> {
        for _ in 0..MOST_LISTINGS {
            match self.live(None) {
                // A merged file was merged further before it was asked what it covers.
                Err(LakeError::Storage { missing: true, .. }) => {}
                live => return Ok(live?.files),
            }
        }
        Ok(self.live(None)?.files)
    }

    /// The queue that numbered a row of the file, as the names of the files tell it that it was written in; None when
    /// they do not, or two queues may have.
    ///
    /// # Errors
    /// As for [`Lake::footer`].
    pub fn queue_of(&self, file: &File, origin: &str, number: u64) -> Result<Option<[u8; 16]>, LakeError> {
        let names = if coverage::is_merged(file) { self.covers(file)? } else { Names::new() };
        let names = names.iter().map(String::as_str).chain([coverage::name(file)]);
        let queues = names.filter_map(|name| name::Named::read(name)?.queue(origin, number));
        let mut queues: Vec<[u8; 16]> = queues.collect();
        queues.dedup();
        Ok(if queues.len() == 1 { queues.pop() } else { None })
    }

    /// Hours in which small files wait to be merged, oldest first.
    ///
    /// # Errors
    /// [`LakeError::Storage`] when the lake cannot be listed.
    pub fn to_merge(&self, merging: &Merging, now_us: i64) -> Result<Vec<Partition>, LakeError> {
        Ok(merge::ripe(&self.files()?, merging, now_us).into_iter().collect())
    }

    /// Merges small files of an hour into larger ones, while `goes_on` says so. When somebody else does that already,
    /// nothing is done.
    ///
    /// # Errors
    /// As for [`Lake::read`] and [`Lake::write`]; every row is still there, once.
    pub fn merge(
        &self,
        hour: Partition,
        merging: &Merging,
        now_us: i64,
        goes_on: &dyn Fn() -> bool,
    ) -> Result<Merged, LakeError> {
        merge::hour(self, hour, merging.target, now_us, goes_on)
    }

    /// Removes the hours that are too old, and the oldest while the lake is too large; never the newest one.
    ///
    /// # Errors
    /// [`LakeError::Storage`]: some may be gone already.
    pub fn expire(&self, keeping: &Keeping, now_us: i64) -> Result<Expired, LakeError> {
        expire::expire(self, keeping, now_us)
    }

    /// The files, those below `prefix` or all, told apart.
    fn live(&self, prefix: Option<&str>) -> Result<Live, LakeError> {
        let listed = match prefix {
            Some(prefix) => self.listed(prefix)?,
            None => self.listed_at_rest()?,
        };
        coverage::live(listed, |file| self.covers(file))
    }

    /// All files, in a listing during which no merge published one and removed what it is made of: a listing takes
    /// time, and would miss both where the one comes behind it and the others go before it. The next listing shows the
    /// merged file then.
    fn listed_at_rest(&self) -> Result<Vec<File>, LakeError> {
        let all = || Ok(self.storage.list()?.into_iter().filter_map(File::recognise).collect());
        let mut listed: Vec<File> = all()?;
        for _ in 0..MOST_LISTINGS {
            let again: Vec<File> = all()?;
            let known: BTreeSet<&str> = listed.iter().map(|file| file.path.as_str()).collect();
            if again.iter().all(|file| !coverage::is_merged(file) || known.contains(file.path.as_str())) {
                break;
            }
            listed = again;
        }
        Ok(listed)
    }

    fn of_hour(&self, hour: Partition) -> Result<Live, LakeError> {
        self.live(Some(&hour.to_string()))
    }

    fn listed(&self, prefix: &str) -> Result<Vec<File>, LakeError> {
        Ok(self.storage.list_in(prefix)?.into_iter().filter_map(File::recognise).collect())
    }

    fn covers(&self, file: &File) -> Result<Names, LakeError> {
        self.covers.of(file, |file| reading::covers(&self.storage, file))
    }

    /// Whether a merged file has the rows of this one, which may be written once more after a crash.
    fn is_covered(&self, hour: Partition, path: &str) -> Result<bool, LakeError> {
        let listed = self.listed(&hour.to_string())?;
        let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
        for file in listed.iter().filter(|file| coverage::is_merged(file)) {
            if self.covers(file)?.contains(name) {
                return Ok(true);
            }
        }
        Ok(false)
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
        self.scan(file, &Reading::of(columns))
    }

    /// As [`Lake::read`], but only what `reading` asks for.
    ///
    /// # Errors
    /// As there.
    pub fn scan(&self, file: &File, reading: &Reading<'_>) -> Result<Batches, LakeError> {
        self.opened(file)?.scan(reading)
    }

    /// A file to look at several times.
    ///
    /// # Errors
    /// [`LakeError::Damaged`], [`LakeError::Newer`] and [`LakeError::Storage`] as for [`Lake::footer`].
    pub fn opened(&self, file: &File) -> Result<Opened, LakeError> {
        Opened::of(&self.storage, file)
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
