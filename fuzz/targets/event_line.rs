//! A line: the reader of events against serde_json.
//!
//! Promise: `oracles::event_line` says what must hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| oracles::event_line::holds(bytes));
