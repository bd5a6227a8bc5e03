//! What is counted for a rule, and for a difference between two policies.
//!
//! Promise: sums, a bounded top of users and the first few events; merging in order keeps that.

use super::sample::{Sample, Samples};
use super::{bytes_recorded, is_below};
use crate::top::Top;
use crate::{Attributes, Decision, Event, Level, StageSet};

/// Whose requests are counted where nobody was authenticated.
const NOBODY: &str = "(nobody)";

/// A number of events, and how many bytes their lines have, newlines included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amount {
    /// How many events.
    pub events: u64,
    /// How many bytes.
    pub bytes: u64,
}

impl Amount {
    /// Adds another amount.
    pub fn add(&mut self, other: Amount) {
        self.events += other.events;
        self.bytes += other.bytes;
    }

    /// What is left without another amount that is a part of this one.
    #[must_use]
    pub fn without(self, part: Amount) -> Amount {
        Amount {
            events: self.events.saturating_sub(part.events),
            bytes: self.bytes.saturating_sub(part.bytes),
        }
    }
}

/// What a rule made of the events that it matched.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// The events that it matched, as they were recorded.
    pub seen: Amount,
    /// What would have been written of them.
    pub written: Amount,
    /// How many are not written because their stage is omitted.
    pub stage_omitted: u64,
    /// The stages that the rule, or its policy, omits; known once it has matched.
    pub omits: StageSet,
    /// How many are written, and were recorded at a lower level than the rule asks for.
    pub below: u64,
    /// Whose requests the matched events are, by the bytes that were recorded.
    pub users: Top,
    samples: Samples,
}

impl Tally {
    /// The first few events that it matched.
    #[must_use]
    pub fn samples(&self) -> &[Sample] {
        self.samples.as_slice()
    }

    pub(super) fn add(
        &mut self,
        event: &Event<'_>,
        attributes: &Attributes<'_>,
        decision: &Decision,
        written: u64,
    ) {
        let seen = Amount { events: 1, bytes: bytes_recorded(event) };
        self.seen.add(seen);
        self.written.add(Amount { events: u64::from(written > 0), bytes: written });
        self.stage_omitted += u64::from(written == 0 && decision.level != Level::None);
        self.omits = decision.omit_stages;
        self.below += u64::from(is_below(event, decision));
        self.users.add(attributes.user.as_deref().unwrap_or(NOBODY), seen.bytes);
        self.samples.add(event, attributes);
    }

    pub(super) fn merge(&mut self, after: Tally) {
        self.seen.add(after.seen);
        self.written.add(after.written);
        self.stage_omitted += after.stage_omitted;
        self.omits = self.omits.union(after.omits);
        self.below += after.below;
        self.users.merge(after.users);
        self.samples.merge(after.samples);
    }
}

/// Events that two policies write differently.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// What the first policy writes of them.
    pub before: Amount,
    /// What the second policy writes of them.
    pub after: Amount,
    /// Whose requests they are, by the bytes that the policy writes which writes more.
    pub users: Top,
    samples: Samples,
}

impl Change {
    /// The first few of the events.
    #[must_use]
    pub fn samples(&self) -> &[Sample] {
        self.samples.as_slice()
    }

    pub(super) fn add(&mut self, event: &Event<'_>, attributes: &Attributes<'_>, before: u64, after: u64) {
        self.before.add(Amount { events: u64::from(before > 0), bytes: before });
        self.after.add(Amount { events: u64::from(after > 0), bytes: after });
        self.users.add(attributes.user.as_deref().unwrap_or(NOBODY), before.max(after));
        self.samples.add(event, attributes);
    }

    pub(super) fn merge(&mut self, after: Change) {
        self.before.add(after.before);
        self.after.add(after.after);
        self.users.merge(after.users);
        self.samples.merge(after.samples);
    }
}
