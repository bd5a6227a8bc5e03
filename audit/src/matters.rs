//! Which events are kept where not all can be: when a share is sampled, and when a budget is used up.
//!
//! Promise: refusals, writes, and what runs commands in containers always matter.

use crate::{Attributes, Event, Stage};

/// What changes something; the last two are those of requests that are not about a resource.
const WRITES: [&str; 7] = ["create", "update", "patch", "delete", "deletecollection", "post", "put"];

/// What reads by its verb, and does more.
const COMMANDS: [&str; 4] = ["exec", "attach", "portforward", "proxy"];

/// Whether an event is a refusal, a write, or does more than read.
#[must_use]
pub fn matters(event: &Event<'_>, attributes: &Attributes<'_>) -> bool {
    WRITES.contains(&&*attributes.verb)
        || COMMANDS.contains(&&*attributes.subresource)
        || event.stage() == Stage::Panic
        || event.code().is_some_and(|code| code >= 400)
        || event.annotation("authorization.k8s.io/decision").is_some_and(|decision| decision == "forbid")
}
