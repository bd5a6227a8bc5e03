//! The words in which the specs are written: an API server that writes its audit log, an intake that takes
//! requests, and a cluster of our services between the two; or a collector alone between a log that rotates in
//! every way that is known and a stage that answers in every way that is allowed.
//!
//! Promise: nothing here knows more of the services than a user does: their command lines, their
//! configuration, their files, their ports.

#![allow(clippy::unwrap_used, reason = "the whole crate is test code")]

pub mod account;
pub mod answering;
pub mod apiserver;
pub mod cluster;
pub mod dice;
pub mod eventually;
pub mod fixture;
pub mod intake;
pub mod lake;
pub mod lone_collector;
pub mod next_stage;
pub mod numbered;
pub mod otlp;
pub mod port;
pub mod probe;
pub mod process;
pub mod rotating;
pub mod usage;
