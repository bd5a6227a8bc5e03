//! The promises of the queue, each under a name that says it, through the public surface alone.

#![allow(clippy::unwrap_used)] // helpers of tests, which clippy does not take for tests

mod check;
mod damage;
mod disk_full;
mod full;
mod harness;
mod kill;
mod model;
mod order;
mod power_cut;
mod torn;
mod volume;
