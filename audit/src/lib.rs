//! What Kubernetes means by an audit event, and by an audit policy.
//!
//! Promises: pure, so no I/O, no clock, no task (`clippy.toml` beside `Cargo.toml` bans them); nothing recurses on
//! its input; bytes that are kept are kept as they are.
//!
//! - [`Event`] sees an event through its line; [`Attributes`] are what the API server's policy saw of the request.
//! - [`Policy`] decides, [`lower()`] gives what an API server with that policy would have written.
//! - [`lint`] finds what is wrong with a policy that loads, and why others do not.
//! - [`Simulation`] counts what policies would have made of recorded events.
//! - [`suggest`] writes a policy from recorded events.
//! - [`redact()`] puts fingerprints in the place of secrets.
//! - [`rbac`] answers who may do what, and proposes roles from what was done.
//! - [`Match`] chooses events for a route; [`shrink()`] makes an event fit.

mod attributes;
mod condition;
mod event;
mod go_text;
mod hidden;
mod json;
mod level;
pub mod lint;
mod lower;
mod matters;
mod metadata;
mod policy;
pub mod rbac;
mod redact;
mod scan;
mod shrink;
pub mod simulate;
mod splice;
mod stage;
pub mod suggest;
mod text;
mod timestamp;
mod top;

pub use attributes::{Attributes, Groups};
pub use condition::{BadMatch, Match};
pub use event::{Event, NotAnEvent, ObjectRef, User};
pub use hidden::is_hidden;
pub use json::is_json_object;
pub use level::Level;
pub use lower::{Dropped, Lowered, lower};
pub use matters::matters;
pub use policy::{BadTarget, Decision, Loaded, Policy, PolicyError, Reason, TargetVersion};
pub use redact::{BadRedaction, Key, Redactions, redact, redactions_found};
pub use shrink::{REMOVED, Shrunk, TooSmall, shrink};
pub use simulate::Simulation;
pub use stage::{Stage, StageSet};
pub use timestamp::unix_micros;
pub use top::{Place, Top};
