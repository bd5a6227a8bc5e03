//! Where a search goes on behind another one.
//!
//! Promise: what is written is read back as the same; what is written is parameters of the next search.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::Hit;
use crate::moment;

/// The next search: its `to`, and its `past`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Next {
    /// Before which moment it looks.
    pub(crate) to: String,
    /// Behind which event of the newest moment it begins.
    pub(crate) past: Option<Past>,
}

impl Next {
    /// What is before a moment.
    pub(super) fn before(us: i64) -> Next {
        Next { to: moment::exact(us), past: None }
    }

    /// What is behind an event: at its moment too, which others may share.
    pub(super) fn behind(hit: &Hit) -> Next {
        let past = Past { seq: hit.seq, origin: hit.origin.clone() };
        Next { to: moment::exact(hit.time_us + 1), past: Some(past) }
    }
}

/// An event within its moment: `12,prod/cp-1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Past {
    /// Its number.
    seq: i64,
    /// Where it came from.
    origin: String,
}

impl Past {
    /// Whether what has this origin and number comes behind it, in the order of a search.
    pub(super) fn is_before(&self, origin: &str, seq: i64) -> bool {
        match self.origin.as_str().cmp(origin) {
            std::cmp::Ordering::Equal => seq < self.seq,
            order => order.is_lt(),
        }
    }
}

impl fmt::Display for Past {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.seq, self.origin)
    }
}

impl FromStr for Past {
    type Err = ();

    fn from_str(text: &str) -> Result<Past, ()> {
        let (seq, origin) = text.split_once(',').ok_or(())?;
        Ok(Past { seq: seq.parse().map_err(|_| ())?, origin: origin.to_owned() })
    }
}

impl Serialize for Past {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}
