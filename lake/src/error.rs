//! What can go wrong with a lake, told apart by what the caller does next.
//!
//! Promise: no message quotes a line of a log, which may hold secrets.

use std::path::PathBuf;

/// Why the lake could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// The address cannot be a lake: a mistake in the configuration.
    #[error(
        "lake address `{url}`: {why}; use `file:///directory`, a plain path, `s3://`, `gs://` or `abfss://`"
    )]
    Url {
        /// The address as configured.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// There is no lake to be read: most likely the address is mistyped.
    #[error(
        "lake {url}: there is no directory `{}`; name the one that `up` or a shipper writes to",
        directory.display()
    )]
    Absent {
        /// The address as given.
        url: String,
        /// The directory that it stands for.
        directory: PathBuf,
    },
    /// The rows contradict themselves: a mistake in the caller, sending them again changes nothing.
    #[error("rows {first} to {last} cannot be written to the lake: {why}")]
    Rows {
        /// The first number of the range.
        first: u64,
        /// The last number of the range.
        last: u64,
        /// What is wrong.
        why: String,
    },
    /// Disk or network said no: the same call can succeed later.
    #[error("lake {url}: cannot {action}: {why}; nothing was lost, try again when that is mended")]
    Storage {
        /// Which lake.
        url: String,
        /// What was tried, with the file: `write date=.../x.parquet`.
        action: String,
        /// What the operating system or the store answered.
        why: String,
        /// The file was not there (it may have been merged or expired meanwhile).
        missing: bool,
    },
    /// A file is not what it should be: reading it again changes nothing.
    #[error("lake file {path} cannot be read as Parquet: {why}; move it out of the lake")]
    Damaged {
        /// The file, relative to the lake.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// A newer version wrote the file.
    #[error(
        "lake file {path} has format version {found}, and this program reads up to {known}; read the lake with the newer \
         program"
    )]
    Newer {
        /// The file, relative to the lake.
        path: String,
        /// Its version.
        found: u32,
        /// The newest version that this program reads.
        known: u32,
    },
    /// A column was asked for that the table does not have.
    #[error("table `events` has no column `{name}`; it has {known}")]
    Column {
        /// The name asked for.
        name: String,
        /// All names, separated by commas.
        known: String,
    },
    /// The Parquet encoder failed on rows in memory.
    #[error("rows {first} to {last} cannot be encoded as Parquet: {why}")]
    Encode {
        /// The first number of the range.
        first: u64,
        /// The last number of the range.
        last: u64,
        /// What the encoder said.
        why: String,
    },
}
