//! The binary that people download: all services in one process, and the operator's commands.
//!
//! The rest of this page is the map of the whole.
#![doc = include_str!("../../ARCHITECTURE.md")]

pub mod account;
mod again;
mod apply;
mod check;
mod chosen;
pub mod cli;
mod credentials;
mod data;
mod dead_letters;
mod demo;
mod denied;
mod deprecated;
mod detections;
mod doctor;
mod documents;
mod embedded;
mod exit;
mod explain;
mod filter;
mod first_seen;
mod gaps;
mod hold;
mod import;
mod kubeconfig;
mod lake;
mod layout;
mod lint;
mod manual;
mod moment;
mod placed;
mod plan;
mod policy_file;
mod price;
mod print;
mod progress;
mod prove;
mod rbac;
mod recorded;
mod recording;
mod replay;
mod report;
mod resend;
mod say;
mod shippers;
mod short;
mod simulate;
mod slow;
mod sql;
mod status;
mod suggest;
mod table;
mod tap;
mod up;
mod who;
