//! What the lake promises, tried through its public surface with real audit events.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod columns;
mod durability;
mod expiry;
mod files;
mod merging;
mod round_trip;
mod sample;
mod scanning;
mod strange_lines;
