//! Kubernetes' role-based access control: who may do what, by which binding, and what it would take.
//!
//! Promises: pure; [`Rbac::allowed`] answers as the API server's RBAC authorizer does; what [`suggest`] proposes
//! allows every use that it was made from, which [`replay`] shows with the same evaluator, and nothing else unless
//! the caller chose so; what is written is taken by `kubectl apply`.

mod aggregate;
mod check;
mod danger;
mod document;
mod evaluate;
mod history;
mod known;
mod manifest;
mod objects;
mod permission;
mod read;
mod reason;
mod request;
mod suggest;
mod unused;
mod uses;

pub use check::{Replay, replay};
pub use danger::{Danger, dangers};
pub use document::{Document, documents};
pub use evaluate::{Rbac, Verdict};
pub use history::{History, Then};
pub use known::{is_namespaced, is_resource, meant};
pub use manifest::to_yaml;
pub use objects::{
    Aggregation, Binding, Expression, Objects, Operator, Role, RoleKind, Rule, Selector, Subject,
};
pub use permission::{Names, Permission, Permissions, Scope};
pub use read::BadObjects;
pub use reason::{BadReason, Via};
pub use request::{Request, Target, Who, in_full, of_full};
pub use suggest::{Mode, Options, Proposal, Replaced, Verbs, allowing, audit2rbac, discovery, suggest};
pub use unused::{BindingUse, CAVEAT, Part, RuleUse, State, unused};
pub use uses::{
    By, Left, MOST_NAMES, MOST_USES, MOST_VIAS, Observation, Seen, Tally, Uses, What, impersonations,
    observe, refused_impersonation,
};
