//! What counts towards service level objectives: requests by five minutes, against every threshold that is in use.
//!
//! Promise: exact. Whether a percentile is within a threshold needs no sketch, only how many requests were over it.

use serde::{Deserialize, Serialize};

use crate::shares::{Owned, Sum};

/// Thresholds in microseconds: those of Kubernetes' objective and of the mixin.
pub(super) const THRESHOLDS_US: [u64; 3] = [1_000_000, 5_000_000, 30_000_000];

/// Requests that have one objective.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Subject {
    pub(super) verb: String,
    pub(super) api_group: String,
    pub(super) resource: String,
    pub(super) subresource: String,
    pub(super) scope: String,
}

impl Owned for Subject {
    type Owner = String;

    fn owner(&self) -> &String {
        &self.api_group
    }
}

/// Requests in one window; counts stay at their largest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Met {
    pub(super) count: u32,
    /// Over each threshold.
    pub(super) over: [u32; 3],
    /// Within each threshold, but answered with 5xx.
    pub(super) failed: [u32; 3],
}

impl Met {
    /// One request.
    pub(super) fn of(us: u64, code: Option<i32>) -> Met {
        let over = THRESHOLDS_US.map(|threshold| u32::from(us > threshold));
        let failed = over.map(|over| u32::from(over == 0 && code.is_some_and(|code| code >= 500)));
        Met { count: 1, over, failed }
    }
}

impl Sum for Met {
    fn add(&mut self, other: Met) {
        self.count = self.count.saturating_add(other.count);
        for at in 0..3 {
            self.over[at] = self.over[at].saturating_add(other.over[at]);
            self.failed[at] = self.failed[at].saturating_add(other.failed[at]);
        }
    }
}

/// Whether a request with this answer counts: what the API server refuses before it looks (401, 429, 403 by the
/// authorizer) is not in its own metric either, nor are resources that do not exist, which 404 may mean. A 403 of
/// admission (a quota, a webhook) counts.
pub(super) fn counts(code: Option<i32>, decision: &str, scope: &str) -> bool {
    match code {
        _ if scope == "nonresource" => false,
        Some(401 | 404 | 429) => false,
        Some(403) => decision == "allow",
        _ => true,
    }
}
