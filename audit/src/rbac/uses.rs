//! What subjects did and wanted to do.
//!
//! Promises: bounded, whatever the log says: a use with more than `MOST_NAMES` names stands for all of them, and
//! what goes beyond `MOST_USES` uses is counted, not kept. Folding parts and merging equals folding the whole as
//! long as that bound is not met, and the order does not matter. A request counts once, by its last stage.

mod observe;
mod refused;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use super::{Request, Target, Via, Who};
pub use observe::{Left, Observation, impersonations, observe};
pub use refused::refused_impersonation;

/// The most names that a use is known by.
pub const MOST_NAMES: usize = 256;
/// The most uses that are kept.
pub const MOST_USES: usize = 200_000;
/// The most bindings that a use is known to have gone through.
pub const MOST_VIAS: usize = 64;

/// What a use is, but for the names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct What(Request);

impl What {
    fn of(mut request: Request) -> What {
        if let Target::Resource { name, .. } = &mut request.target {
            name.clear();
        }
        What(request)
    }

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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
}

/// A use that was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// What was allowed.
    pub allowed: Tally,
    /// What was refused.
    pub refused: Tally,
    /// How many requests were allowed and answered 403 all the same.
    pub forbidden_after: u64,
    /// By which bindings, as the API server's reasons name them.
    pub via: BTreeMap<Arc<Via>, By>,
}

/// What a binding allowed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct By {
    /// How many requests.
    pub count: u64,
    /// The last one, in microseconds since the Unix epoch.
    pub last: i64,
}

/// All uses of all subjects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uses {
    of: BTreeMap<Who, BTreeMap<What, Seen>>,
    kept: usize,
    left: BTreeMap<Left, u64>,
    /// Requests of users whose uses are not all kept, by user.
    beyond: BTreeMap<String, u64>,
    /// Requests of users of whom nothing is kept.
    others: Option<u64>,
    span: Option<(i64, i64)>,
}

impl Uses {
    /// Takes one request in.
    pub fn add(&mut self, observation: Observation) {
        let Observation { who, request, allowed, count, forbidden_after, first, last, via } = observation;
        self.spans(first, last);
        let name = match &request.target {
            Target::Resource { name, .. } => name.clone(),
            Target::Path(_) => String::new(),
        };
        let via = via.into_iter().map(|via| (Arc::new(via), By { count, last })).collect();
        let mut seen = Seen { forbidden_after, via, ..Seen::default() };
        let tally = Tally { count, names: [(name, count)].into(), many: false, first, last };
        if allowed {
            seen.allowed = tally
        } else {
            seen.refused = tally
        }
        self.put(who, [(request, seen)]);
    }

    /// Takes in what was seen of requests of one subject, whatever their names.
    pub fn put(&mut self, who: Who, seen: impl IntoIterator<Item = (Request, Seen)>) {
        let of = seen.into_iter().map(|(request, seen)| (What::of(request), seen));
        self.put_whats(who, of);
    }

    /// Counts what is no use, so many times.
    pub fn leave(&mut self, left: Left, count: u64) {
        *self.left.entry(left).or_default() += count;
    }

    /// So many requests of a user are of uses that are not kept.
    pub fn beyond(&mut self, user: String, count: u64) {
        *self.beyond.entry(user).or_default() += count;
        self.leave(Left::TooMany, count);
    }

    /// So many requests are of users of whom nothing is kept.
    pub fn beyond_all(&mut self, count: u64) {
        *self.others.get_or_insert_default() += count;
        self.leave(Left::TooMany, count);
    }

    /// Whether uses of this user are not kept.
    #[must_use]
    pub fn is_beyond(&self, user: &str) -> bool {
        self.beyond.contains_key(user)
    }

    /// The users whose uses are not all kept.
    pub fn all_beyond(&self) -> impl Iterator<Item = &str> {
        self.beyond.keys().map(String::as_str)
    }

    /// Whether there are users of whom nothing is kept.
    #[must_use]
    pub fn has_others(&self) -> bool {
        self.others.is_some()
    }

    /// There were requests from `first` to `last`.
    pub fn spans(&mut self, first: i64, last: i64) {
        self.span = Some(self.span.map_or((first, last), |(from, to)| (from.min(first), to.max(last))));
    }

    /// Adds what another fold saw.
    pub fn merge(&mut self, other: Uses) {
        for (who, uses) in other.of {
            self.put_whats(who, uses);
        }
        other.left.into_iter().for_each(|(left, count)| self.leave(left, count));
        for (user, count) in other.beyond {
            *self.beyond.entry(user).or_default() += count;
        }
        other.others.into_iter().for_each(|count| *self.others.get_or_insert_default() += count);
        other.span.into_iter().for_each(|(first, last)| self.spans(first, last));
    }

    fn put_whats(&mut self, who: Who, of: impl IntoIterator<Item = (What, Seen)>) {
        let mut of = of.into_iter().peekable();
        if of.peek().is_none() || self.kept >= MOST_USES && !self.of.contains_key(&who) {
            of.for_each(|(_, seen)| self.beyond_all(seen.requests()));
            return;
        }
        let mut beyond = None;
        let known = self.of.entry(who.clone()).or_default();
        for (what, seen) in of {
            match known.entry(what) {
                Entry::Occupied(mut known) => known.get_mut().merge(seen),
                Entry::Vacant(_) if self.kept >= MOST_USES => {
                    *beyond.get_or_insert_default() += seen.requests();
                }
                Entry::Vacant(new) => {
                    self.kept += 1;
                    new.insert(Seen::default()).merge(seen);
                }
            }
        }
        beyond.into_iter().for_each(|count: u64| self.beyond(who.user.clone(), count));
    }

    /// All uses, by subject.
    pub fn iter(&self) -> impl Iterator<Item = (&Who, &What, &Seen)> {
        self.of.iter().flat_map(|(who, uses)| uses.iter().map(move |(what, seen)| (who, what, seen)))
    }

    /// The same, subject by subject.
    pub fn by_subject(&self) -> impl Iterator<Item = (&Who, impl Iterator<Item = (&What, &Seen)>)> {
        self.of.iter().map(|(who, uses)| (who, uses.iter()))
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
        Uses { kept: of.values().map(BTreeMap::len).sum(), of, ..self.but_for_uses() }
    }

    fn but_for_uses(&self) -> Uses {
        let (left, beyond) = (self.left.clone(), self.beyond.clone());
        Uses { left, beyond, others: self.others, span: self.span, ..Uses::default() }
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
    /// How many requests; one that has not ended counts.
    fn requests(&self) -> u64 {
        (self.allowed.count + self.refused.count).max(1)
    }

    fn merge(&mut self, other: Seen) {
        self.allowed.merge(other.allowed);
        self.refused.merge(other.refused);
        self.forbidden_after += other.forbidden_after;
        for (via, by) in other.via {
            match self.via.entry(via) {
                Entry::Occupied(mut known) => known.get_mut().add(by),
                Entry::Vacant(new) => {
                    new.insert(by);
                }
            }
        }
        while self.via.len() > MOST_VIAS {
            self.via.pop_last();
        }
    }
}

impl By {
    /// Adds another one.
    pub fn add(&mut self, other: By) {
        self.count += other.count;
        self.last = self.last.max(other.last);
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
        self.first = self.first.min(other.first);
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
