//! The reports: each a fold, and what is told of its state.

pub mod activity;
pub mod denied;
pub mod deprecated;
pub mod detections;
pub mod first_seen;
pub mod gaps;
pub mod origins;
pub mod rbac_writes;
pub mod slow;
pub mod usage;
pub mod verify;
