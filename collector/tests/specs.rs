//! What the collector promises, through its public surface: real files, a stand-in for the next stage.
#![allow(clippy::unwrap_used)]

#[path = "specs/accounting.rs"]
mod accounting;
#[path = "specs/damage.rs"]
mod damage;
#[cfg(target_os = "linux")]
#[path = "specs/disk_full.rs"]
mod disk_full;
#[path = "specs/event_lists.rs"]
mod event_lists;
#[path = "specs/following.rs"]
mod following;
#[path = "specs/identity.rs"]
mod identity;
#[path = "specs/import.rs"]
mod import;
#[path = "specs/next.rs"]
mod next;
#[path = "specs/once.rs"]
mod once;
#[path = "specs/orders.rs"]
mod orders;
#[path = "specs/poster.rs"]
mod poster;
#[path = "specs/retention.rs"]
mod retention;
#[path = "specs/rotation.rs"]
mod rotation;
#[path = "specs/rules.rs"]
mod rules;
#[path = "specs/sending.rs"]
mod sending;
#[path = "specs/sources.rs"]
mod sources;
#[path = "specs/webhook.rs"]
mod webhook;
#[path = "specs/webhook_clients.rs"]
mod webhook_clients;
#[path = "specs/webhook_kill.rs"]
mod webhook_kill;
#[path = "specs/webhook_refusals.rs"]
mod webhook_refusals;
#[path = "specs/webhook_repeats.rs"]
mod webhook_repeats;
#[path = "specs/world.rs"]
mod world;
