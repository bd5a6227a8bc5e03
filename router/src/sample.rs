//! A share of the events of a route.
//!
//! Promises: all stages of a request stay together, since their `auditID` decides; refusals, writes and what runs
//! commands in containers are always kept; a client that chooses its `auditID` cannot know what becomes of it.

use std::hash::{DefaultHasher, Hash, Hasher};

use audit::{Attributes, Event, matters};

/// How much of a route is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample(f64);

impl Sample {
    /// This share, between 0 and 1.
    pub(crate) fn new(share: f64) -> Self {
        Sample(share)
    }

    /// The share.
    pub(crate) fn share(self) -> f64 {
        self.0
    }

    /// Whether an event is kept; `salt` makes the choice another one for each deployment.
    pub(crate) fn keeps(self, event: &Event<'_>, attributes: &Attributes<'_>, salt: &[u8]) -> bool {
        if matters(event, attributes) {
            return true;
        }
        let mut hasher = DefaultHasher::new();
        salt.hash(&mut hasher);
        event.audit_id().hash(&mut hasher);
        // 53 bits are what a float holds exactly.
        ((hasher.finish() >> 11) as f64) < self.0 * (1_u64 << 53) as f64
    }
}
