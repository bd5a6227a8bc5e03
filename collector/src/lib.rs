//! From the log file, or from what API servers post, to the queue; from the queue to the next stage. The collector
//! knows bytes and lines, not Kubernetes.
//!
//! The way of a line: the `reader` looks at the files of every `source` (which `find`s them, and tells them
//! apart by `identity`), reads a `chunk` of one, judges its `lines`, and hands the batch together with the
//! `checkpoint` behind it to the queue (`append`). What is posted to the `webhook` becomes lines (`event_list`) that
//! go the same way. `canary` makes requests to see their lines arrive. The sender (`send`) takes batches from there, pushes them, and removes what has its receipt.
//!
//! Promises: every line of every log arrives once or is accounted for, byte for byte, whatever happens to the file,
//! this process or the next stage; a batch that is sent again is the same batch; memory does not depend on the
//! length of files, lines or the backlog.

mod append;
mod books;
mod calls;
mod canary;
mod checkpoint;
mod chunk;
mod clock;
mod collector;
mod config;
mod content;
mod entry;
mod error;
mod event_list;
mod find;
mod gap;
mod host;
mod identity;
mod import;
mod lines;
mod metrics;
mod opened;
mod orders;
mod pattern;
mod platform;
mod problem;
mod quarantine;
mod reader;
mod record;
mod recover;
mod send;
mod sibling;
mod source;
mod sources;
mod survey;
mod tally;
mod tracked;
mod watch;
mod webhook;

pub use crate::canary::{Canary, NoAnswer, call_canary, canary_run};
pub use crate::collector::Collector;
pub use crate::config::{Config, Storage};
pub use crate::entry::check;
pub use crate::error::{HalfLine, Once, OnceError, OpenError, RunError};
pub use crate::event_list::{NoEventList, is_event_list, split as split_event_list};
pub use crate::import::{ImportError, Imported, Taken, import_registry};
pub use crate::metrics::described_metrics;
pub use crate::sibling::{Age, in_rotation};
pub use crate::survey::{Surveyed, survey};
pub use crate::webhook::{Webhook, WebhookTls};

mod serve;

pub use crate::serve::{serve, serve_from};
