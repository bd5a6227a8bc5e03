//! `shipper.limits`: what a destination may be given, by choice.

use chassis::{ByteSize, Invalid};
use serde::{Deserialize, Serialize};

/// Most requests to one destination at a time that can be asked for.
const MOST_IN_FLIGHT: usize = 256;

/// Limits of one destination that takes requests.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limit {
    /// Most requests at a time; below it the number that the intake can use is found. Default: 32.
    pub max_in_flight: usize,
    /// Most bytes of bodies, before compression, in a second. Default: none.
    pub bytes_per_second: Option<ByteSize>,
    /// Most bytes of bodies, before compression, on a day of UTC; refusals and writes go beyond it. Default: none.
    pub bytes_per_day: Option<ByteSize>,
    /// What becomes of the rest when a day's budget is used up. Default: wait.
    pub over_budget: OverBudget,
}

/// What becomes of events for which no budget is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OverBudget {
    /// They wait in the spool for the next day.
    #[default]
    Wait,
    /// They are left out here, and counted as filtered by `daily budget`; other destinations get them.
    LeaveOut,
}

impl Default for Limit {
    fn default() -> Self {
        Limit {
            max_in_flight: 32,
            bytes_per_second: None,
            bytes_per_day: None,
            over_budget: OverBudget::default(),
        }
    }
}

impl Limit {
    pub(super) fn validate(&self, key: &str) -> Result<(), Invalid> {
        let refuse = |field: &str, why: &str| Err(Invalid::new(format!("{key}.{field}"), why));
        if self.max_in_flight == 0 || self.max_in_flight > MOST_IN_FLIGHT {
            return refuse("max_in_flight", "is 1 to 256");
        }
        if self.bytes_per_second.is_some_and(|rate| rate < ByteSize::kib(1)) {
            return refuse("bytes_per_second", "is too small; write 1KiB or more, or leave it out");
        }
        Ok(())
    }
}
