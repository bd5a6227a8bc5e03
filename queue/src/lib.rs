//! What is appended survives a crash, in order, until it is removed.
//!
//! A queue is one directory: payloads in append-only segment files that describe themselves, and an index beside them
//! that can always be built anew from the segments. State (checkpoints, watermarks) is committed together with the
//! records that it speaks of.
//!
//! ```text
//! lock              held while a process has the queue open
//! clean             where the last writer ended; not there while one runs, or after a crash
//! segments/N.seg    header with id and a snapshot of the state, then records and the marks of operations
//! index/            where each queued record is, and the state; may be deleted while the queue is closed
//! index.damaged-N   an index that was set aside
//! damaged/          bytes of records that were set aside
//! reserve           room for removals when the disk is full
//! ```
//!
//! Promises: a confirmed operation is on the disk, segment and index; it is there as a whole or not at all; one
//! damaged record is set aside alone; one writer per directory; nothing grows beyond its bound.

mod catalogue;
mod census;
mod changes;
mod check;
mod clean;
mod commit;
mod damage;
mod directory;
mod entry;
mod error;
mod files;
mod format;
mod handover;
mod index;
mod index_directory;
mod limits;
mod lock;
mod open;
mod options;
mod positional;
mod queue;
mod record;
mod replay;
mod reserve;
mod segment;
mod slot;
mod store;
mod ticket;
mod usage;
mod wire;
mod writer;

pub use crate::check::{Checked, Findings, check};
pub use crate::damage::Damaged;
pub use crate::directory::{create as create_private_directory, private as private_file};
pub use crate::entry::{Entry, MAX_HEADER, MAX_KEY, MAX_VALUE, Put, State};
pub use crate::error::{Failed, OpenError, ReadError, Refused};
pub use crate::format::Format;
pub use crate::options::Options;
pub use crate::queue::Queue;
pub use crate::ticket::Ticket;
pub use crate::usage::{Opened, Usage};
