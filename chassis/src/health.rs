//! Whether this process can do its work: [`Ready`].
//!
//! Promise: a process is ready when at least one part has reported and every part that reported is ready;
//! otherwise each part that is not says why, in the order of their names.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::alive::Alive;

/// The name of a part of a process: `queue`, `next`, a destination of the configuration.
pub type Part = Cow<'static, str>;

/// What each part of a process last said about itself; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Ready {
    parts: Arc<RwLock<BTreeMap<Part, Option<String>>>>,
    alive: Alive,
}

impl Ready {
    /// Nobody has reported yet: not ready.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// `part` can do its work.
    pub fn set_ready(&self, part: impl Into<Part>) {
        self.set(part.into(), None);
    }

    /// `part` cannot do its work; `why` is read by operators, in one line.
    pub fn set_not_ready(&self, part: impl Into<Part>, why: impl Into<String>) {
        self.set(part.into(), Some(why.into()));
    }

    /// The process takes in nothing, by an operator's wish, or again.
    pub fn set_drained(&self, drained: bool) {
        match drained {
            true => self.set_not_ready(
                "drain",
                "an operator drains this process; Admin.Drain with `resume` ends that",
            ),
            false => self.forget("drain"),
        }
    }

    /// `part` no longer exists, as a destination that a reload removed.
    pub fn forget(&self, part: &str) {
        self.parts.write().unwrap_or_else(PoisonError::into_inner).remove(part);
    }

    /// Whether its work goes on, which is another question.
    #[must_use]
    pub fn alive(&self) -> &Alive {
        &self.alive
    }

    /// Empty when ready; otherwise one line `part: why` for each part that is not.
    #[must_use]
    pub fn reasons(&self) -> Vec<String> {
        let parts = self.parts.read().unwrap_or_else(PoisonError::into_inner);
        if parts.is_empty() {
            return vec!["starting: no part has reported yet".to_owned()];
        }
        let reason = |(part, why): (&Part, &Option<String>)| why.as_ref().map(|why| format!("{part}: {why}"));
        parts.iter().filter_map(reason).collect()
    }

    /// Whether all is well.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.reasons().is_empty()
    }

    fn set(&self, part: Part, why: Option<String>) {
        self.parts.write().unwrap_or_else(PoisonError::into_inner).insert(part, why);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_not_ready_before_a_part_has_reported() {
        assert!(!Ready::new().is_ready());
    }

    #[test]
    fn every_part_must_be_ready_and_the_others_say_why() {
        let ready = Ready::new();
        ready.set_ready("queue");
        assert!(ready.is_ready());
        ready.set_not_ready("next", "http://router:7102 refuses the connection");
        ready.set_not_ready(String::from("archive"), "full");
        assert_eq!(ready.reasons(), ["archive: full", "next: http://router:7102 refuses the connection"]);
        ready.set_ready("next");
        ready.forget("archive");
        assert!(ready.is_ready());
    }
}
