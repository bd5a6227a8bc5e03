//! Why a collector does not open, or does not finish.

use std::io;
use std::path::PathBuf;

use chassis::ConfigError;

/// Why a collector was not opened. Nothing was read.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file of `conf_dir`, or the directory, is wrong.
    #[error(transparent)]
    ConfDir(#[from] ConfigError),
    /// An entry asks for what cannot be done.
    #[error("{place}: `{key}` {why}")]
    Entry {
        /// The file of the Agent that has the entry, or the list of our own.
        place: String,
        /// The key of the entry.
        key: &'static str,
        /// What is wrong, and what to do.
        why: String,
    },
    /// The queue cannot be opened.
    #[error(transparent)]
    Queue(#[from] queue::OpenError),
    /// The queue's state cannot be read.
    #[error("the checkpoints in {dir} cannot be read: {why}; choose another `queue.dir` to begin anew")]
    State {
        /// The queue's directory.
        dir: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The quarantine cannot be written.
    #[error("{path} cannot be written: {source}; check rights and free space")]
    Quarantine {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Why reading once did not come to its end. What was read stays queued for the next start.
#[derive(Debug, thiserror::Error)]
pub enum OnceError {
    /// Paths that do not exist, or cannot be read. Nothing was read.
    #[error("{}", .0.join("; "))]
    Missing(Vec<String>),
    /// Files that were there at the start and went away or broke before they were read.
    #[error("{}", .0.join("; "))]
    Unread(Vec<String>),
    /// Somebody asked to stop.
    #[error("stopped with {queued} events without a receipt; they stay queued for the next start")]
    Stopped {
        /// Events in the queue.
        queued: u64,
    },
    /// The queue was closed or the reader's thread cannot run.
    #[error("reading ended: {0}; what was read stays queued for the next start")]
    Ended(String),
}

/// Why following ended without being asked to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The queue was closed or the reader's thread cannot run.
    #[error("reading ended: {0}; what was read stays queued for the next start")]
    Ended(String),
    /// The webhook cannot be served.
    #[error("the webhook is not served: {0}")]
    Webhook(String),
}

/// What reading once found besides whole lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Once {
    /// Files whose last line has no newline; it was not read.
    pub half_lines: Vec<HalfLine>,
}

/// The end of a file that is no whole line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HalfLine {
    /// The file.
    pub path: PathBuf,
    /// Where the line begins, in (decompressed) bytes.
    pub offset: u64,
    /// How many bytes of it are there.
    pub bytes: u64,
}

impl std::fmt::Display for HalfLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let HalfLine { path, offset, bytes } = self;
        write!(
            f,
            "{}: the last line has no newline: {bytes} bytes from byte {offset} were not read",
            path.display()
        )
    }
}
