//! The reader of lists of events, taken out of the collector.
//!
//! Promise: it is the collector's own file; the crate around it, with its queue and its servers, is not needed here.

#[rustfmt::skip] // the collector formats it
#[path = "../../collector/src/event_list.rs"]
mod event_list;

pub use event_list::{is_event_list, split};
