//! A rule, compiled from its text.
//!
//! Invariant: a rule has passed validation, so its level and stages exist.

use super::matching::Conditions;
use crate::{Level, StageSet};

/// One rule of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Rule {
    pub(crate) level: Level,
    pub(crate) conditions: Conditions,
    pub(crate) omit_stages: StageSet,
    pub(crate) omit_managed_fields: Option<bool>,
}
