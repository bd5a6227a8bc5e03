//! What is appended survives a crash, in order, until it is removed.
//!
//! A queue is one directory: payloads in append-only segment files that describe themselves, and an index beside them
//! that can always be built anew from the segments. State (checkpoints, watermarks) is committed together with the
//! records that it speaks of.
//!
//! Promises: a confirmed operation is on the disk, segment and index; it is there as a whole or not at all; one
//! damaged record is set aside alone; one writer per directory; nothing grows beyond its bound.

mod catalogue;
mod census;
mod changes;
mod clean;
mod commit;
mod damage;
mod directory;
mod entry;
mod error;
mod files;
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

pub use crate::damage::Damaged;
pub use crate::entry::{Entry, MAX_HEADER, MAX_KEY, MAX_VALUE, Put, State};
pub use crate::error::{Failed, OpenError, ReadError, Refused};
pub use crate::options::Options;
pub use crate::queue::Queue;
pub use crate::ticket::Ticket;
pub use crate::usage::{Opened, Usage};
