//! What can go wrong, told apart only where the caller acts differently.
//!
//! No message holds a payload, a header or a state value.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why a queue directory was not opened. Nothing in it was changed for `Newer`, `InUse` and `TooSmall`.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process, or another handle of this one, writes there.
    #[error("queue directory {dir} is in use by another process; stop that one, or choose another directory")]
    InUse {
        /// The queue directory.
        dir: PathBuf,
    },
    /// Written by a newer version of the program.
    #[error(
        "{path} has format version {found}, and this program reads up to {known}; start the newer program, or choose another directory"
    )]
    Newer {
        /// The segment file that says so.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest version that this program reads.
        known: u32,
    },
    /// `max_bytes` is below what a queue needs.
    #[error("max_bytes is {bytes}, and a queue needs at least {least}; raise its limit")]
    TooSmall {
        /// What was set.
        bytes: u64,
        /// The least that works.
        least: u64,
    },
    /// The file system said no.
    #[error("queue: {doing} {path} failed: {source}; check rights and free space")]
    Io {
        /// What was being done, as a verb.
        doing: &'static str,
        /// To which file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The index could be neither opened nor built anew.
    #[error("the index in {path} could not be built: {why}; check rights and free space")]
    Index {
        /// The index directory.
        path: PathBuf,
        /// What its library said.
        why: String,
    },
}

impl OpenError {
    /// For `map_err`: what was being done to which path.
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl Fn(io::Error) -> OpenError {
        move |source| OpenError::Io { doing, path: path.to_owned(), source }
    }
}

/// Why an operation was not taken. Nothing of it was queued.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The queue holds as much as it may; wait in [`Queue::room`](crate::Queue::room) for `needed` bytes.
    #[error(
        "queue is full: {used} of {limit} bytes used, {needed} more needed; it takes more when its consumer removes some"
    )]
    Full {
        /// Bytes of segments, with what is on its way to them.
        used: u64,
        /// `max_bytes`.
        limit: u64,
        /// What this operation would add.
        needed: u64,
    },
    /// Too much waits for the disk, or a group failed less than a second ago; look at the tickets, then wait in [`Queue::room`](crate::Queue::room) for `needed` bytes.
    #[error("queue's disk is behind or failed: {waiting} bytes wait to be written; try again a little later")]
    Busy {
        /// Bytes handed over and not yet written.
        waiting: u64,
        /// What this operation would add.
        needed: u64,
    },
    /// It will never fit; divide it.
    #[error("{what} has {bytes} bytes, and the most is {limit}; divide it")]
    TooLarge {
        /// Which part is too large.
        what: &'static str,
        /// Its size.
        bytes: u64,
        /// The largest size.
        limit: u64,
    },
    /// The queue was closed.
    #[error("queue is closed; open it again")]
    Closed,
}

/// Why an operation that was taken is not durable. It can be handed in again.
///
/// Appends that waited behind a failed one fail with it, and for a second after it no append is taken. So a caller who
/// hands over several at a time keeps their order if it looks at its tickets before it goes on.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Failed {
    /// No room on the disk. The queue works again by itself when there is some.
    #[error("no room on the disk of {dir}: {why}; free some, the queue then works again by itself")]
    DiskFull {
        /// The queue directory.
        dir: PathBuf,
        /// What the system said.
        why: Arc<str>,
    },
    /// The disk or the index failed otherwise.
    #[error("writing to {dir} failed: {why}; what was handed over is not queued and can be handed in again")]
    Write {
        /// The queue directory.
        dir: PathBuf,
        /// What the system said.
        why: Arc<str>,
    },
    /// The queue was closed, or its writer ended, before this was written.
    #[error("queue stopped before this was written; open it again")]
    Stopped,
}

/// Why a record or state was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The record's bytes are not those that were written. It is set aside and will not be listed again.
    #[error(
        "record {position} is damaged in {path} at byte {offset}; it is set aside in the directory `damaged`"
    )]
    Damaged {
        /// Position of the record.
        position: u64,
        /// Segment file.
        path: PathBuf,
        /// Where the record begins in it.
        offset: u64,
    },
    /// The record was removed meanwhile.
    #[error("record {position} is no longer queued")]
    Gone {
        /// Position of the record.
        position: u64,
    },
    /// The file system said no; trying again may help.
    #[error("reading {path} failed: {source}")]
    Io {
        /// Segment file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The queue is closed, or its index failed; the writer rebuilds it, and trying again helps then.
    #[error("the index cannot be read: {why}; try again")]
    Index {
        /// What its library said.
        why: String,
    },
}
