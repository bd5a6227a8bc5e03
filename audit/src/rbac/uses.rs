//! What subjects did and wanted to do.
//!
//! Promises: bounded, whatever the log says: a use with more than `MOST_NAMES` names stands for all of them, and
//! what goes beyond `MOST_USES` uses is counted, not kept. Folding parts and merging equals folding the whole as
//! long as that bound is not met, and the order does not matter. A request counts once, by its last stage.

mod observe;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Request, Target, Via, Who};
pub use observe::{Left, Observation, observe};

/// The most names that a use is known by.
pub(crate) const MOST_NAMES: usize = 256;
/// The most uses that are kept.
pub(crate) const MOST_USES: usize = 200_000;
/// The most bindings that a use is known to have gone through.
const MOST_VIAS: usize = 64;

/// What a use is, but for the names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct What(Request);

impl What {
    /// The request of this use for an object of that name.
    #[must_use]
    pub fn named(&self, name: &str) -> Request {
        let mut request = self.0.clone();
        if let Target::Resource { name: own, .. } = &mut request.target {
            name.clone_into(own);
        }
        request
    }

    /// The request without a name.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.0
    }
}

/// How often, when, and by which names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// How many requests.
    pub count: u64,
    /// Requests by name; the empty name is that of requests without one.
    pub names: BTreeMap<String, u64>,
    /// There were more names than are kept; `names` is empty then.
    pub many: bool,
    /// The first one, in microseconds since the Unix epoch.
    pub first: i64,
    /// The last one.
    pub last: i64,
    /// The audit ID of the first one.
    pub sample: String,
}

/// A use that was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// What was allowed.
    pub allowed: Tally,
    /// What was refused.
    pub refused: Tally,
    /// How many requests were allowed and answered 403 all the same.
    pub forbidden_after: u64,
    /// By which bindings, as the API server's reasons name them.
    pub via: BTreeSet<Via>,
}

/// All uses of all subjects.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uses {
    of: BTreeMap<Who, BTreeMap<What, Seen>>,
    kept: usize,
    left: BTreeMap<Left, u64>,
    span: Option<(i64, i64)>,
}

impl Uses {
    /// Takes one request in.
    pub fn add(&mut self, observation: Observation) {
        let Observation { who, request, allowed, count, forbidden_after, first, last, sample, via } =
            observation;
        self.span = Some(self.span.map_or((first, last), |(from, to)| (from.min(first), to.max(last))));
        let name = match &request.target {
            Target::Resource { name, .. } => name.clone(),
            Target::Path(_) => String::new(),
        };
        let what = What(What(request).named(""));
        let mut seen = Seen { forbidden_after, via: via.into_iter().collect(), ..Seen::default() };
        let tally = Tally { count, names: [(name, count)].into(), many: false, first, last, sample };
        if allowed {
            seen.allowed = tally
        } else {
            seen.refused = tally
        }
        self.put(who, what, seen);
    }

    /// Counts what is no use.
    pub fn leave(&mut self, left: Left) {
        *self.left.entry(left).or_default() += 1;
    }

    /// Adds what another fold saw.
    pub fn merge(&mut self, other: Uses) {
        for (who, uses) in other.of {
            for (what, seen) in uses {
                self.put(who.clone(), what, seen);
            }
        }
        for (left, count) in other.left {
            *self.left.entry(left).or_default() += count;
        }
        self.span = match (self.span, other.span) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        };
    }

    fn put(&mut self, who: Who, what: What, seen: Seen) {
        let known = self.of.get(&who).is_some_and(|uses| uses.contains_key(&what));
        if !known && self.kept == MOST_USES {
            *self.left.entry(Left::TooMany).or_default() += (seen.allowed.count + seen.refused.count).max(1);
            return;
        }
        self.kept += usize::from(!known);
        self.of.entry(who).or_default().entry(what).or_default().merge(seen);
    }

    /// All uses, by subject.
    pub fn iter(&self) -> impl Iterator<Item = (&Who, &What, &Seen)> {
        self.of.iter().flat_map(|(who, uses)| uses.iter().map(move |(what, seen)| (who, what, seen)))
    }

    /// The subjects, each with the groups that it came with.
    pub fn subjects(&self) -> impl Iterator<Item = &Who> {
        self.of.keys()
    }

    /// Only the uses of those subjects that are wanted.
    #[must_use]
    pub fn only(&self, wanted: impl Fn(&Who) -> bool) -> Uses {
        let of: BTreeMap<_, _> = self
            .of
            .iter()
            .filter(|(who, _)| wanted(who))
            .map(|(who, uses)| (who.clone(), uses.clone()))
            .collect();
        Uses { kept: of.values().map(BTreeMap::len).sum(), of, left: self.left.clone(), span: self.span }
    }

    /// The times of the first and of the last request, in microseconds since the Unix epoch.
    #[must_use]
    pub fn span(&self) -> Option<(i64, i64)> {
        self.span
    }

    /// What was no use, and how often.
    #[must_use]
    pub fn left(&self) -> &BTreeMap<Left, u64> {
        &self.left
    }
}

impl Seen {
    fn merge(&mut self, other: Seen) {
        self.allowed.merge(other.allowed);
        self.refused.merge(other.refused);
        self.forbidden_after += other.forbidden_after;
        self.via.extend(other.via);
        while self.via.len() > MOST_VIAS {
            self.via.pop_last();
        }
    }
}

impl Tally {
    /// Whether there was none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && !self.many
    }

    fn merge(&mut self, other: Tally) {
        if other.is_empty() {
            return;
        }
        if self.is_empty() {
            *self = other;
            return;
        }
        self.count += other.count;
        // Of two at the same time the smaller one, so that the order does not matter.
        if (other.first, &other.sample) < (self.first, &self.sample) {
            (self.first, self.sample) = (other.first, other.sample);
        }
        self.last = self.last.max(other.last);
        self.many |= other.many;
        for (name, count) in other.names {
            *self.names.entry(name).or_default() += count;
        }
        self.many |= self.names.len() > MOST_NAMES;
        if self.many {
            self.names.clear();
        }
    }
}
