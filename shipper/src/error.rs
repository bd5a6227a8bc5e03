//! Why a shipper cannot start.
//!
//! Only what waiting would not mend is an error at start: a destination that is not reachable yet is none, its
//! spool takes the events meanwhile.

use std::path::PathBuf;

/// Why a shipper cannot start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The configuration cannot work.
    #[error("destination `{destination}`: {why}")]
    Configuration {
        /// The destination's name.
        destination: String,
        /// What is wrong and what to do.
        why: String,
    },
    /// A spool or a store of dead letters cannot be opened.
    #[error("the spool of destination `{destination}` cannot be opened: {source}")]
    Spool {
        /// The destination's name.
        destination: String,
        /// What the queue said.
        source: queue::OpenError,
    },
    /// A spool was opened and cannot be read.
    #[error("the spool of destination `{destination}` in {} cannot be read: {why}", dir.display())]
    State {
        /// The destination's name.
        destination: String,
        /// Its directory.
        dir: PathBuf,
        /// What was found.
        why: String,
    },
}
