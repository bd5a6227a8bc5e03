//! A line and eight bytes of choices: lowering, redaction and shrinking against the line's tree.
//!
//! Promise: `oracles::splice` says what must hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| oracles::splice::holds(bytes));
