//! A policy and requests, made of choices: the index against the rules one after the other.
//!
//! Promise: `oracles::decide` says what must hold.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| oracles::decide::holds(bytes));
