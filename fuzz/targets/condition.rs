//! The `match` of a route, as JSON: its parts against the whole.
//!
//! Promise: `oracles::condition` says what must hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| oracles::condition::holds(bytes));
