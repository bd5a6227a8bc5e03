//! Batch to request to receipt.
//!
//! The way of a batch: the stage looks which of its lines were taken before, packs the others into ready-made request
//! bodies, and commits bodies, books and covered numbers to the destination's spool as one; then it gives the receipt.
//! Behind the spool each destination has its own delivery, which sends the oldest bodies, follows the one table of
//! verdicts, and commits what became of them together with the books.
//!
//! Promises: a receipt means durable; a line is taken once; `received = delivered + filtered + dead + shed + spooled`
//! at every moment, across kill -9; one sick destination harms no other; nothing is dropped, and memory is bounded.

mod account;
mod apart;
mod attempt;
mod backlog;
mod block;
mod budget;
mod canary;
mod change;
mod commit;
mod config;
mod covered;
mod dead;
mod deliver;
mod destination;
mod encode;
mod error;
mod escape;
mod gone;
mod hands;
mod hold;
mod housekeeping;
mod in_order;
mod intake;
mod joins;
mod kept_going;
mod ledger;
mod letters;
mod manifest;
mod metrics;
mod pace;
mod parcel;
mod rate;
mod receipts;
mod record;
mod repack;
mod retry_after;
mod service;
mod shipper;
mod sink;
mod spool;
mod standing;
mod take;
mod verdict;
mod width;
mod workbench;

pub use config::*;
pub use error::OpenError;
pub use intake::validate::Validated;
pub use metrics::described_metrics;
pub use receipts::receipts_in;
pub use retry_after::http_date;
pub use service::{serve, serve_from};
pub use shipper::{Progress, Shipper, Stuck};
