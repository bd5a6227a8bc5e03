//! The audit policy: which requests are told of, and in how much detail.
//!
//! Promises: [`Policy::load`] accepts what kube-apiserver v0.36 accepts, with the same meaning, and refuses what it
//! refuses, with its words; [`Policy::decide`] gives the first matching rule, as the server's checker does, and
//! allocates nothing. A policy never changes once loaded.

pub(crate) mod decision;
pub(crate) mod document;
mod index;
mod kind;
pub(crate) mod load;
pub(crate) mod matching;
mod rule;
pub(crate) mod spec;
mod target;
mod typed;
mod validate;
mod why;

pub use decision::Decision;
pub use load::{Loaded, PolicyError};
pub use target::{BadTarget, TargetVersion};
pub(crate) use validate::{is_dns_subdomain, url_faults};
pub use why::Reason;

use crate::{Attributes, Level, StageSet};
use index::Index;
use rule::Rule;
use std::hash::{Hash, Hasher};

/// A loaded policy.
#[derive(Debug, Clone)]
pub struct Policy {
    rules: Vec<Rule>,
    index: Index,
    lines: Vec<usize>,
    omit_stages: StageSet,
    omit_managed_fields: bool,
}

impl Policy {
    /// Reads a policy as kube-apiserver reads its `--audit-policy-file`.
    ///
    /// # Errors
    /// [`PolicyError`] has the server's own message, and the place in the text as far as it is known.
    pub fn load(text: &str) -> Result<Loaded, PolicyError> {
        Policy::load_for(text, TargetVersion::default())
    }

    /// Reads a policy as the kube-apiserver of this version reads it; [`Policy::load`] takes the default.
    ///
    /// # Errors
    /// [`PolicyError`] has the server's own message, and the place in the text as far as it is known.
    pub fn load_for(text: &str, target: TargetVersion) -> Result<Loaded, PolicyError> {
        load::load(text, target)
    }

    /// What this policy decides about a request.
    #[must_use]
    pub fn decide(&self, attributes: &Attributes<'_>) -> Decision {
        match self.index.first(&self.rules, attributes) {
            Some(index) => self.decision(index),
            None => Decision {
                rule: None,
                level: Level::None,
                omit_stages: self.omit_stages,
                omit_managed_fields: self.omit_managed_fields,
            },
        }
    }

    /// Why the rules before the deciding one did not match: the first failed condition of each.
    #[must_use]
    pub fn why(&self, attributes: &Attributes<'_>) -> Vec<Reason> {
        let unmet = self.rules.iter().enumerate().map_while(|(index, rule)| {
            let unmet = rule.conditions.unmet(attributes)?;
            Some(Reason { rule: index, why: why::sentence(unmet, &rule.conditions, attributes) })
        });
        unmet.collect()
    }

    /// How many rules there are.
    #[must_use]
    pub fn rules(&self) -> usize {
        self.rules.len()
    }

    /// The level of a rule.
    #[must_use]
    pub fn rule_level(&self, rule: usize) -> Option<Level> {
        self.rules.get(rule).map(|rule| rule.level)
    }

    /// The line of the text, counted from 1, in which a rule begins.
    #[must_use]
    pub fn rule_line(&self, rule: usize) -> Option<usize> {
        self.lines.get(rule).copied()
    }

    /// A number that is the same for two policies with the same rules in the same order, whatever their layout;
    /// stable across runs and machines.
    #[must_use]
    pub fn hash(&self) -> u64 {
        let mut hasher = Fnv::default();
        (&self.rules, self.omit_stages, self.omit_managed_fields).hash(&mut hasher);
        hasher.finish()
    }

    fn decision(&self, index: usize) -> Decision {
        let rule = &self.rules[index];
        Decision {
            rule: Some(index),
            level: rule.level,
            omit_stages: self.omit_stages.union(rule.omit_stages),
            omit_managed_fields: rule.omit_managed_fields.unwrap_or(self.omit_managed_fields),
        }
    }
}

/// FNV-1a, which unlike the standard hasher is the same everywhere. Integers are fed as 64 bits, little end first.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Fnv {
        Fnv(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn write_usize(&mut self, number: usize) {
        self.write(&(number as u64).to_le_bytes());
    }

    fn write_isize(&mut self, number: isize) {
        self.write(&(number as i64).to_le_bytes());
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
