//! A policy as it was decoded, before it is validated.
//!
//! Promise: every value keeps its place, so that whatever is wrong with it later can be shown in the text.

use super::document::Place;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spot<T> {
    pub(crate) value: T,
    pub(crate) place: Place,
}

impl<T: Default> Default for Spot<T> {
    fn default() -> Self {
        Spot { value: T::default(), place: Place::START }
    }
}

/// A list of strings and where they stand.
pub(crate) type Names = Spot<Vec<Spot<String>>>;

impl Names {
    /// The strings alone.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.value.iter().map(|name| name.value.clone()).collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.value.is_empty()
    }
}

/// A policy of `audit.k8s.io/v1`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PolicySpec {
    pub(crate) rules: Spot<Vec<Spot<RuleSpec>>>,
    pub(crate) omit_stages: Names,
    pub(crate) omit_managed_fields: bool,
}

/// A rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RuleSpec {
    pub(crate) level: Spot<String>,
    pub(crate) users: Names,
    pub(crate) user_groups: Names,
    pub(crate) verbs: Names,
    pub(crate) resources: Spot<Vec<Spot<ResourcesSpec>>>,
    pub(crate) namespaces: Names,
    pub(crate) non_resource_urls: Names,
    pub(crate) omit_stages: Names,
    pub(crate) omit_managed_fields: Option<bool>,
}

/// An entry of a rule's `resources`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ResourcesSpec {
    pub(crate) group: Spot<String>,
    pub(crate) resources: Names,
    pub(crate) resource_names: Names,
}
