//! The kinds of requests in a recording, counted.
//!
//! Promises: bounded, and what does not fit is never suggested for leaving out; the order of events does not matter
//! as long as everything fits, and parts merged in order are the whole.

use std::collections::{BTreeMap, BTreeSet};

use super::kind::{Kind, Who, is_health, resource};
use super::{BEFORE, HEAD, LAST, Proposal, proposal};
use crate::simulate::{Amount, Recorded};
use crate::{Attributes, Event, Lowered, Policy, lower};

/// How many kinds are counted, and how many refusals remembered.
const MOST: usize = 1 << 16;

/// What was recorded, and what would be written of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) seen: Amount,
    pub(super) written: Amount,
}

impl Count {
    pub(super) fn add(&mut self, other: Count) {
        self.seen.add(other.seen);
        self.written.add(other.written);
    }
}

/// Whom something was refused, and what: a resource with its group.
pub(super) type Refused = (Who, String, String);

/// What a recording is made of, as far as a suggestion needs it.
#[derive(Debug, Clone)]
pub struct Census {
    pub(super) recorded: Recorded,
    /// Per rule of the policy without anything left out.
    pub(super) rules: [Count; BEFORE.len() + 1],
    pub(super) kinds: BTreeMap<Kind, Count>,
    pub(super) refused: BTreeSet<Refused>,
    /// Something did not fit.
    pub(super) overflowed: bool,
    keeps_all: Policy,
    written: Vec<u8>,
}

impl Default for Census {
    fn default() -> Census {
        let rules: String = BEFORE.iter().chain([&LAST]).map(|(_, rule)| *rule).collect();
        let policy = Policy::load(&format!("{HEAD}{rules}")).expect("a policy of constant text loads");
        Census {
            recorded: Recorded::default(),
            rules: Default::default(),
            kinds: BTreeMap::new(),
            refused: BTreeSet::new(),
            overflowed: false,
            keeps_all: policy.policy,
            written: Vec::new(),
        }
    }
}

impl Census {
    /// Counts an event.
    pub fn add(&mut self, event: &Event<'_>) {
        self.recorded.add(event);
        let attributes = Attributes::of(event);
        if was_refused(event) {
            self.refuse(&attributes);
        }
        let decision = self.keeps_all.decide(&attributes);
        let seen = Amount { events: 1, bytes: event.line().len() as u64 + 1 };
        self.written.clear();
        let written = match lower(event, &decision, &mut self.written) {
            Lowered::Dropped(_) => Amount::default(),
            Lowered::Whole => seen,
            Lowered::Spliced => Amount { events: 1, bytes: self.written.len() as u64 + 1 },
        };
        let (count, last) = (Count { seen, written }, BEFORE.len());
        let rule = decision.rule.unwrap_or(last);
        self.rules[rule].add(count);
        if let Some(kind) = Kind::of(&attributes).filter(|_| rule == last) {
            self.count(kind, count);
        }
    }

    /// Adds what was counted of the part that follows.
    pub fn merge(&mut self, after: Census) {
        self.recorded.merge(&after.recorded);
        self.rules.iter_mut().zip(after.rules).for_each(|(count, more)| count.add(more));
        after.kinds.into_iter().for_each(|(kind, count)| self.count(kind, count));
        after.refused.into_iter().for_each(|refused| self.remember(refused));
        self.overflowed |= after.overflowed;
    }

    /// What was counted.
    #[must_use]
    pub fn recorded(&self) -> &Recorded {
        &self.recorded
    }

    /// The policy that follows from it.
    #[must_use]
    pub fn proposal(&self) -> Proposal {
        proposal::of(self)
    }

    fn count(&mut self, kind: Kind, count: Count) {
        if self.kinds.len() >= MOST && !self.kinds.contains_key(&kind) {
            self.overflowed = true;
            return;
        }
        self.kinds.entry(kind).or_default().add(count);
    }

    /// A subject is kept both as itself and as one of its group, since a rule may name it either way.
    fn refuse(&mut self, attributes: &Attributes<'_>) {
        if is_health(attributes) {
            self.remember((Who::Anybody, String::new(), String::new()));
        }
        let whose = [Who::of(attributes), Who::alone(attributes)];
        let what = (attributes.api_group.to_string(), resource(attributes));
        for who in whose.into_iter().flatten().filter(|_| attributes.resource_request) {
            self.remember((who, what.0.clone(), what.1.clone()));
        }
    }

    fn remember(&mut self, refused: Refused) {
        if self.refused.len() >= MOST && !self.refused.contains(&refused) {
            self.overflowed = true;
            return;
        }
        self.refused.insert(refused);
    }
}

/// Whether nobody was let in, or somebody was told no.
fn was_refused(event: &Event<'_>) -> bool {
    matches!(event.code(), Some(401 | 403))
        || event.annotation("authorization.k8s.io/decision").is_some_and(|decision| decision == "forbid")
}
