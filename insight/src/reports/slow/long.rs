//! Requests that are meant to last: watches, exec, logs, proxies.

use serde::{Deserialize, Serialize};

use crate::latencies::Latencies;
use crate::shares::Sum;

/// A watch that ended before this was hardly worth its start, in microseconds: clients keep one for minutes.
pub(super) const SHORT_US: u64 = 10_000_000;

/// Long-running requests of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Long {
    /// That began to answer, where that stage is logged.
    pub(super) started: u64,
    /// How long those lasted that ended.
    pub(super) lasted: Latencies,
    /// Of those the watches that ended soon.
    pub(super) short: u64,
}

impl Sum for Long {
    fn add(&mut self, other: Long) {
        self.started += other.started;
        self.lasted.add(other.lasted);
        self.short += other.short;
    }
}
