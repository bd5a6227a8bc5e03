//! The router through its public surface, in front of a stand-in for the shipper.

#![allow(clippy::unwrap_used)]

mod account;
mod calls;
mod dedupe;
mod forwarding;
mod given;
mod model;
mod policies;
mod processing;
mod redaction;
mod refusals;
mod reload;
mod routes;
mod sampling;
mod served;
mod start;
mod twins;
