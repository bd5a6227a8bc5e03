//! What is kept of refusals of one kind.
//!
//! Law: adding is commutative and associative: of names the smallest are kept, of examples the first in time.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::action::Kind;
use crate::clip::clip;
use crate::filter::Filter;
use crate::rows::Rows;
use crate::shares::Sum;
use crate::tally::Tally;

/// Most names that are told.
pub(super) const NAMES: usize = 32;
/// Most groups that are told.
pub(super) const GROUPS: usize = 16;

/// Refusals of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Refused {
    pub(super) tally: Tally,
    /// One more than is told, so that it is known whether there are more.
    pub(super) names: BTreeMap<String, Tally>,
    /// Of requests for no object of a certain name.
    pub(super) unnamed: Tally,
    pub(super) example: Option<Example>,
}

/// The first one. Fields are in the order that decides which comes first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Example {
    no_time: bool,
    time: Option<i64>,
    pub(super) audit_id: String,
    name: String,
    /// Who was authenticated, where they acted as somebody else.
    pub(super) by: String,
    pub(super) groups: Vec<String>,
    pub(super) reason: String,
    pub(super) message: String,
    pub(super) client: String,
    pub(super) source_ip: String,
}

impl Refused {
    /// So many, of these names; the empty one is that of requests without a name.
    pub(super) fn counted<'n>(tally: Tally, names: impl Iterator<Item = (&'n str, Tally)>) -> Refused {
        let mut refused = Refused { tally, ..Refused::default() };
        names.for_each(|(name, tally)| refused.name(clip(name), tally));
        refused
    }

    /// Of these only those whose name is asked for; None when there is none. Names that are not kept are not found.
    pub(super) fn named(&self, filter: &Filter) -> Option<Refused> {
        if filter.name.is_none() {
            return Some(self.clone());
        }
        let told = self.names.iter().take(NAMES).filter(|(name, _)| filter.name(name));
        let names: BTreeMap<String, Tally> =
            told.map(|(name, tally)| (name.clone(), tally.clone())).collect();
        let mut tally = Tally::default();
        names.values().for_each(|of_name| tally.add(of_name.clone()));
        let example = self.example.clone().filter(|example| filter.name(&example.name));
        (!names.is_empty()).then_some(Refused { tally, names, unnamed: Tally::default(), example })
    }

    /// What a closer look at a row tells; counts nothing.
    pub(super) fn example(rows: &Rows<'_>, row: usize, kind: Kind) -> Refused {
        let text = |column| clip(rows.words(column).at(row).unwrap_or_default());
        let acts_as = rows.words("impersonated_user").at(row).is_some();
        let groups = if acts_as { "impersonated_groups" } else { "groups" };
        let time = rows.times("time")(row);
        let example = Example {
            no_time: time.is_none(),
            time,
            audit_id: text("audit_id"),
            name: text("name"),
            by: if acts_as { text("user") } else { String::new() },
            groups: rows.lists(groups).at(row).take(GROUPS).map(clip).collect(),
            reason: text("authz_reason"),
            message: if kind.has_message() { text("message") } else { String::new() },
            client: text("client"),
            source_ip: text("source_ip"),
        };
        Refused { example: Some(example), ..Refused::default() }
    }

    fn name(&mut self, name: String, tally: Tally) {
        if name.is_empty() {
            return self.unnamed.add(tally);
        }
        self.names.entry(name).or_default().add(tally);
        while self.names.len() > NAMES + 1 {
            self.names.pop_last();
        }
    }
}

impl Sum for Refused {
    fn add(&mut self, other: Refused) {
        self.tally.add(other.tally);
        self.unnamed.add(other.unnamed);
        other.names.into_iter().for_each(|(name, tally)| self.name(name, tally));
        self.example = self.example.take().into_iter().chain(other.example).min();
    }
}

/// When something happened first and last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Moments {
    pub(super) first: Option<i64>,
    pub(super) last: Option<i64>,
}

impl Moments {
    pub(super) fn at(time: Option<i64>) -> Moments {
        Moments { first: time, last: time }
    }

    pub(super) fn any(self) -> bool {
        self.first.is_some()
    }
}

impl Sum for Moments {
    fn add(&mut self, other: Moments) {
        self.first = self.first.into_iter().chain(other.first).min();
        self.last = self.last.max(other.last);
    }
}
