//! What a policy decides about a request.
//!
//! Invariant: without a matching rule the level is `None`, and the policy's own stages and setting stand.

use crate::{Level, StageSet};

/// The answer of [`super::Policy::decide`]; the same for all stages of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Decision {
    /// The index of the first rule that matches.
    pub rule: Option<usize>,
    /// The rule's level; `None` when no rule matches.
    pub level: Level,
    /// The stages that the policy or the rule omits.
    pub omit_stages: StageSet,
    /// Whether managed fields are left out of the objects.
    pub omit_managed_fields: bool,
}
