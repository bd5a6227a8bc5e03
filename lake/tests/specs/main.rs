//! What the lake promises, tried through its public surface with real audit events.

mod columns;
mod durability;
mod files;
mod round_trip;
mod sample;
mod strange_lines;
