//! The reports: each a fold, and what is told of its state.

pub mod denied;
pub mod deprecated;
pub mod gaps;
pub mod first_seen;
pub mod rbac_writes;
pub mod slow;
pub mod usage;
pub mod verify;
