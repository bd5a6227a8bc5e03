//! The lines of a batch that are to be packed, and how an intake packs them.

use std::io;

use bytes::Bytes;
use proto::{Line, Origin};

use crate::manifest::Listed;
use crate::record::Record;

/// Lines of one batch that were not taken before.
pub(crate) struct Parcel {
    pub(crate) origin: Origin,
    /// The collector's queue that the lines come from.
    pub(crate) queue: [u8; 16],
    pub(crate) read_at_us: i64,
    /// At least one.
    pub(crate) lines: Vec<Line>,
    /// The same lines as one zstd frame, where the batch came with it and all of its lines are here.
    pub(crate) block: Option<Bytes>,
}

/// How an intake wants its events. Called on a blocking thread.
pub(crate) trait Packer: Send + Sync {
    /// All lines of the parcel, in order, as records of exact size.
    ///
    /// # Errors
    /// Only when compression fails.
    fn pack(&self, parcel: &Parcel) -> io::Result<Vec<Record>>;
}

/// A line as a record lists it, when nothing had to be done to it.
pub(crate) fn listed(line: &Line) -> Listed {
    Listed { number: line.number, read_bytes: line.read_bytes, shrunk: false, replaced: false }
}
