//! When in the life of a request an event is written, and sets of such moments.
//!
//! Invariant: a [`StageSet`] holds only the four stages that exist.

use std::fmt;

/// The stage of an audit event, as `audit.k8s.io/v1` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Before the request is handled.
    RequestReceived,
    /// The response header is out; long-running requests, and every failed authentication.
    ResponseStarted,
    /// The request has ended.
    ResponseComplete,
    /// The request has ended in a panic, or was aborted by the timeout.
    Panic,
}

impl Stage {
    /// All stages, in the order in which they can follow each other.
    pub const ALL: [Stage; 4] =
        [Stage::RequestReceived, Stage::ResponseStarted, Stage::ResponseComplete, Stage::Panic];

    /// The stage with exactly this name (case-sensitive).
    #[must_use]
    pub fn from_name(name: &[u8]) -> Option<Stage> {
        Stage::ALL.into_iter().find(|stage| stage.name().as_bytes() == name)
    }

    /// The name as written in events and policies.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Stage::RequestReceived => "RequestReceived",
            Stage::ResponseStarted => "ResponseStarted",
            Stage::ResponseComplete => "ResponseComplete",
            Stage::Panic => "Panic",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A set of stages; `omitStages` of a policy, a rule, or both together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct StageSet(u8);

impl StageSet {
    /// The set without any stage.
    pub const EMPTY: StageSet = StageSet(0);

    /// Whether the stage is in the set.
    #[must_use]
    pub fn contains(self, stage: Stage) -> bool {
        self.0 & (1 << stage as u8) != 0
    }

    /// This set and the stage.
    #[must_use]
    pub fn with(self, stage: Stage) -> StageSet {
        StageSet(self.0 | 1 << stage as u8)
    }

    /// The stages of both sets.
    #[must_use]
    pub fn union(self, other: StageSet) -> StageSet {
        StageSet(self.0 | other.0)
    }

    /// Whether no stage is in the set.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The stages in the set, in the order of [`Stage::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Stage> {
        Stage::ALL.into_iter().filter(move |stage| self.contains(*stage))
    }
}

impl FromIterator<Stage> for StageSet {
    fn from_iter<I: IntoIterator<Item = Stage>>(stages: I) -> StageSet {
        stages.into_iter().fold(StageSet::EMPTY, StageSet::with)
    }
}

#[cfg(test)]
mod tests {
    use super::{Stage, StageSet};

    #[test]
    fn names_are_read_back() {
        for stage in Stage::ALL {
            assert_eq!(Stage::from_name(stage.name().as_bytes()), Some(stage));
        }
        assert_eq!(Stage::from_name(b"requestReceived"), None);
    }

    #[test]
    fn a_set_holds_what_was_put_in_and_nothing_else() {
        let set: StageSet = [Stage::Panic, Stage::RequestReceived, Stage::Panic].into_iter().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), [Stage::RequestReceived, Stage::Panic]);
        assert!(!set.contains(Stage::ResponseComplete));
        assert!(StageSet::EMPTY.is_empty() && !set.is_empty());
        assert_eq!(set.union(StageSet::EMPTY.with(Stage::ResponseStarted)).iter().count(), 3);
    }
}
