//! How many different requests of a subject were refused, minute by minute.
//!
//! Law: adding is commutative and associative; of each minute the smallest hashes are kept.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::catalogue::{MANY, MINUTES};
use crate::shares::{Owned, Shares, Sum};
use crate::tally::Tally;

/// Most different requests that are told apart in a minute.
const MOST: usize = 64;

/// A subject's minute.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Minute {
    subject: String,
    minute: i64,
}

impl Owned for Minute {
    type Owner = String;

    fn owner(&self) -> &String {
        &self.subject
    }
}

/// What was refused in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Refused {
    tally: Tally,
    /// Hashes of what was asked for.
    different: BTreeSet<u64>,
}

impl Sum for Refused {
    fn add(&mut self, other: Refused) {
        self.tally.add(other.tally);
        self.different.extend(other.different);
        while self.different.len() > MOST {
            self.different.pop_last();
        }
    }
}

/// All of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Refusals(Shares<Minute, Refused>);

/// A subject that had many.
pub(super) struct Many<'r> {
    pub(super) subject: &'r str,
    /// All of its refusals at those times.
    pub(super) tally: Tally,
    /// Most different ones within [`MINUTES`].
    pub(super) different: usize,
}

impl Refusals {
    pub(super) fn add(&mut self, subject: String, time: i64, what: u64, tally: Tally) {
        let minute = Minute { subject, minute: time.div_euclid(60_000_000) };
        self.0.add(minute, Refused { tally, different: BTreeSet::from([what]) });
    }

    pub(super) fn merge(&mut self, other: Refusals) {
        self.0.merge(other.0);
    }

    /// Refusals beyond those that could be told apart.
    pub(super) fn more(&self) -> u64 {
        let rest = self.0.rest().map(|(_, refused)| refused.tally.count).sum::<u64>();
        rest + self.0.others().map_or(0, |refused| refused.tally.count)
    }

    /// The subjects that had more than [`MANY`] different ones within [`MINUTES`].
    pub(super) fn many(&self) -> Vec<Many<'_>> {
        let mut subjects: BTreeMap<&str, BTreeMap<i64, &Refused>> = BTreeMap::new();
        for (minute, refused) in self.0.iter() {
            subjects.entry(&minute.subject).or_default().insert(minute.minute, refused);
        }
        subjects.iter().filter_map(|(subject, minutes)| many(subject, minutes)).collect()
    }
}

fn many<'r>(subject: &'r str, minutes: &BTreeMap<i64, &Refused>) -> Option<Many<'r>> {
    let (mut most, mut told) = (0, BTreeSet::new());
    for first in minutes.keys() {
        let within = || minutes.range(*first..first.saturating_add(MINUTES));
        let different: BTreeSet<u64> =
            within().flat_map(|(_, refused)| refused.different.iter().copied()).collect();
        most = most.max(different.len());
        if different.len() > MANY {
            told.extend(within().map(|(minute, _)| *minute));
        }
    }
    let mut tally = Tally::default();
    told.iter().for_each(|minute| tally.add(minutes[minute].tally.clone()));
    (most > MANY).then_some(Many { subject, tally, different: most })
}
