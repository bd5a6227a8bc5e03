//! The router through its public surface, in front of a stand-in for the shipper.

#![allow(clippy::unwrap_used)]

mod account;
mod forwarding;
mod given;
mod model;
mod policies;
mod refusals;
mod routes;
mod served;
mod start;
mod twins;
