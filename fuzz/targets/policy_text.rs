//! A text: loading, lint and its corrections.
//!
//! Promise: `oracles::policy_text` says what must hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| oracles::policy_text::holds(bytes));
