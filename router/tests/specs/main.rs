//! The router through its public surface, in front of a stand-in for the shipper.

#![allow(clippy::unwrap_used)]

mod account;
mod calls;
mod forwarding;
mod given;
mod model;
mod policies;
mod refusals;
mod reload;
mod routes;
mod served;
mod start;
mod twins;
