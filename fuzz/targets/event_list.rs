//! A document: the reader of lists of events against its tree.
//!
//! Promise: `oracles::event_list` says what must hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| oracles::event_list::holds(bytes));
