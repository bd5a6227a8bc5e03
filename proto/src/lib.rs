//! What stages say to each other: a [`Batch`] goes forward, a [`Receipt`] or a [`Refusal`] comes back.
//!
//! Every stage is one [`Stage`]; gRPC is an adapter ([`connect`], [`serve`]), not an architecture: stages in
//! one process are joined by calls, stages in several by [`connect`], and nothing else differs.

mod batch;
mod block;
pub mod canary;
mod connect;
mod context;
mod gate;
mod limit;
mod origin;
mod refusal;
mod serve;
mod service_status;
mod shown;
mod stage;
mod tls;
mod trace;

/// The messages and services of package `auditrail.v1`, as generated from `auditrail/v1/*.proto`.
#[expect(missing_docs, reason = "generated: rpc methods and getters carry no comments")]
#[allow(clippy::unwrap_used, clippy::too_many_lines, unreachable_pub)]
pub mod v1 {
    tonic::include_proto!("auditrail.v1");

    /// The descriptors of this package, for reflection.
    pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/auditrail.bin"));
}

pub use batch::Line;
pub use block::{decode_block, encode_block};
pub use connect::{
    BadAddress, Caller, Health, NotAsked, ShipperCaller, Spread, connect, connect_admin, connect_router,
    connect_shipper, is_serving,
};
pub use gate::Gate;
pub use limit::{MAX_BLOCK_BYTES, MAX_LINE_BYTES, MAX_MESSAGE_BYTES};
pub use opentelemetry::KeyValue;
pub use refusal::Refusal;
pub use serve::{
    CollectorCalls, Drain, LogLevel, NotDone, ReloadSource, RouterCalls, Server, ShipperCalls, StatusSource,
};
pub use stage::{Stage, stage};
pub use tls::Tls;
pub use trace::Trace;
pub use v1::{Batch, Count, Encoding, Filtered, NamedCount, Origin, Receipt};
