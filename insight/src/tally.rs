//! How often something happened, when first and last, and one request as a sample.
//!
//! Law: adding is commutative and associative: the sample is the first one in time (of several at once, the one with
//! the smallest audit ID). One that was counted without its audit ID is no sample beside one of the same moment with it.

use serde::{Deserialize, Serialize, Serializer};

use crate::moment;
use crate::shares::Sum;

/// Most bytes that are kept of an audit ID, which clients choose.
const MOST_ID: usize = 128;

/// How often, from when to when.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// How often.
    pub count: u64,
    /// When first, in microseconds since 1970 (UTC); for people in RFC 3339. None when no event told its time.
    #[serde(serialize_with = "written")]
    pub first: Option<i64>,
    /// When last.
    #[serde(serialize_with = "written")]
    pub last: Option<i64>,
    /// The audit ID of the first one.
    pub sample: String,
}

impl Tally {
    /// One request.
    #[must_use]
    pub fn of(time: Option<i64>, audit_id: Option<&str>) -> Tally {
        let id = audit_id.unwrap_or_default();
        let mut end = id.len().min(MOST_ID);
        while !id.is_char_boundary(end) {
            end -= 1;
        }
        Tally { count: 1, first: time, last: time, sample: id[..end].to_owned() }
    }
}

impl Tally {
    /// Of two, the sample of the smaller one is kept.
    fn order(&self) -> (bool, bool, Option<i64>, bool, &str) {
        (self.count == 0, self.first.is_none(), self.first, self.sample.is_empty(), &self.sample)
    }
}

impl Sum for Tally {
    fn add(&mut self, other: Tally) {
        if other.order() < self.order() {
            self.sample = other.sample;
        }
        self.count += other.count;
        self.first = self.first.into_iter().chain(other.first).min();
        self.last = self.last.max(other.last);
    }
}

/// Kept states hold numbers, answers for people hold times.
fn written<S: Serializer>(time: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
    match (serializer.is_human_readable(), time) {
        (true, Some(time)) => serializer.serialize_some(&moment::written(*time)),
        _ => time.serialize(serializer),
    }
}
