//! The Kubernetes version whose API server a policy is for.
//!
//! Promise: what a policy means is the same for all versions that can be named; what is accepted differs where the
//! servers differ: the API group `*` is refused before 1.36.

use std::fmt;
use std::str::FromStr;

/// A minor version of Kubernetes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetVersion {
    minor: u16,
}

/// The text is no version that can be targeted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no version from 1.24 (older ones read other policy versions as well) to 1.37")]
pub struct BadTarget(String);

impl TargetVersion {
    const OLDEST: u16 = 24;
    const NEWEST: u16 = 37;

    /// Whether `group: "*"` is a group, as it is from 1.36.
    #[must_use]
    pub fn has_group_wildcard(self) -> bool {
        self.minor >= 36
    }
}

impl Default for TargetVersion {
    fn default() -> TargetVersion {
        TargetVersion { minor: 36 }
    }
}

impl FromStr for TargetVersion {
    type Err = BadTarget;

    /// `1.36`, `v1.36` or `v1.36.3`.
    fn from_str(text: &str) -> Result<TargetVersion, BadTarget> {
        let numbers: Option<Vec<u16>> =
            text.strip_prefix('v').unwrap_or(text).split('.').map(|number| number.parse().ok()).collect();
        match numbers.as_deref() {
            Some([1, minor] | [1, minor, _])
                if (TargetVersion::OLDEST..=TargetVersion::NEWEST).contains(minor) =>
            {
                Ok(TargetVersion { minor: *minor })
            }
            _ => Err(BadTarget(text.to_owned())),
        }
    }
}

impl fmt::Display for TargetVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1.{}", self.minor)
    }
}
