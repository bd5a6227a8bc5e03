//! What became of the lines of one origin and queue at one destination.
//!
//! Invariant: `received = delivered + filtered + dead + shed + spooled`, after every [`Entry`]. An account says all
//! that must survive a crash; it is stored whole with each change.

use std::collections::BTreeMap;

use proto::{Count, NamedCount, Origin, v1};
use serde::{Deserialize, Serialize};

use crate::covered::Covered;
use crate::joins::{Joins, Told};

/// Bytes that the names of rules, or of causes, may take with their counts; further ones are counted as [`OTHER`].
const MOST_NAMES: usize = 16 << 10;
const LONGEST_NAME: usize = 100;
const OTHER: &str = "other";

/// What the cause of a dead letter ends with when an operator dropped it.
pub(crate) const DROPPED: &str = ", dropped";

/// Bytes of tags that are stored for display, and of source and service each.
const MOST_TEXT: usize = 2 << 10;

/// Events, and their bytes as read (each line with one newline).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    pub(crate) events: u64,
    pub(crate) bytes: u64,
}

impl Tally {
    pub(crate) fn one(bytes: u64) -> Tally {
        Tally { events: 1, bytes }
    }

    pub(crate) fn add(&mut self, other: Tally) {
        self.events += other.events;
        self.bytes += other.bytes;
    }

    /// Saturating: a damaged store must not make a shipper panic.
    pub(crate) fn take(&mut self, other: Tally) {
        self.events = self.events.saturating_sub(other.events);
        self.bytes = self.bytes.saturating_sub(other.bytes);
    }

    pub(crate) fn is_zero(self) -> bool {
        self == Tally::default()
    }
}

impl From<Tally> for Count {
    fn from(tally: Tally) -> Count {
        Count { events: tally.events, bytes: tally.bytes }
    }
}

/// Counts by the name of a rule or cause.
pub(crate) type Named = BTreeMap<String, Tally>;

/// One line of the books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A batch was taken: so much filtered before it came, so much spooled, so much shed.
    Taken { first: u64, last: u64, filtered: Named, spooled: Tally, shed: Tally },
    /// Where a batch that was taken stands among the origin's lines.
    Told(Told),
    /// This was no destination for a while, and is one again.
    Rejoined,
    /// A batch came that had been taken whole.
    Repeated,
    /// The intake took a body; of it so much was shrunk, and so much had its invalid UTF-8 replaced.
    Delivered { all: Tally, shrunk: Tally, replaced: Tally },
    /// Spooled events became dead letters, or were lost with a damaged record.
    Dead { cause: String, all: Tally },
    /// Spooled events were left out, by this name.
    LeftOut { by: String, all: Tally },
    /// A dead letter is on its way again, in the spool.
    Revived { cause: String, all: Tally },
    /// An operator removed a dead letter for good: it stays dead, by another name.
    Dropped { cause: String, all: Tally },
    /// The spool holds more than the account knew of (its newest state was lost with a disk).
    Found { spooled: Tally },
}

/// The account of one origin and queue.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) log: Log,
    pub(crate) queue: [u8; 16],
    pub(crate) covered: Covered,
    pub(crate) received: Tally,
    pub(crate) delivered: Tally,
    pub(crate) filtered: Named,
    pub(crate) dead: Named,
    pub(crate) shed: Tally,
    pub(crate) spooled: Tally,
    pub(crate) repeated: u64,
    pub(crate) shrunk: Tally,
    pub(crate) replaced: Tally,
    #[serde(default = "Joins::long_ago")]
    pub(crate) joins: Joins,
}

/// An origin as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Log {
    pub(crate) cluster: String,
    pub(crate) node: String,
    pub(crate) collector: String,
    pub(crate) path: String,
    source: String,
    service: String,
    tags: Vec<String>,
}

impl Account {
    pub(crate) fn new(origin: &Origin, queue: [u8; 16]) -> Account {
        Account { log: Log::from(origin), queue, ..Account::default() }
    }

    pub(crate) fn apply(&mut self, entry: &Entry) {
        match entry {
            Entry::Taken { first, last, filtered, spooled, shed } => {
                self.covered.add(*first, *last);
                for (name, tally) in filtered {
                    self.received.add(*tally);
                    add_named(&mut self.filtered, name, *tally);
                }
                self.received.add(*spooled);
                self.received.add(*shed);
                self.spooled.add(*spooled);
                self.shed.add(*shed);
            }
            Entry::Told(told) => self.joins.told(*told),
            Entry::Rejoined => self.joins.again(),
            Entry::Repeated => self.repeated += 1,
            Entry::Delivered { all, shrunk, replaced } => {
                self.spooled.take(*all);
                self.delivered.add(*all);
                self.shrunk.add(*shrunk);
                self.replaced.add(*replaced);
            }
            Entry::Dead { cause, all } => {
                self.spooled.take(*all);
                add_named(&mut self.dead, cause, *all);
            }
            Entry::LeftOut { by, all } => {
                self.spooled.take(*all);
                add_named(&mut self.filtered, by, *all);
            }
            Entry::Revived { cause, all } => {
                // What the books do not know as dead comes from before they were lost, and is new to them.
                let mut unknown = *all;
                unknown.take(take_named(&mut self.dead, cause, *all));
                self.received.add(unknown);
                self.spooled.add(*all);
            }
            Entry::Dropped { cause, all } => {
                let known = take_named(&mut self.dead, cause, *all);
                if !known.is_zero() {
                    let kept = beginning(cause, LONGEST_NAME - DROPPED.len());
                    add_named(&mut self.dead, &format!("{kept}{DROPPED}"), known);
                }
            }
            Entry::Found { spooled } => {
                self.received.add(*spooled);
                self.spooled.add(*spooled);
            }
        }
    }

    /// Whether the books are in order.
    #[cfg(test)]
    pub(crate) fn balances(&self) -> bool {
        let mut sum = self.delivered;
        self.filtered.values().chain(self.dead.values()).for_each(|tally| sum.add(*tally));
        sum.add(self.shed);
        sum.add(self.spooled);
        sum == self.received
    }

    /// Whose lines these are: the origin as text, and the queue.
    pub(crate) fn identity(&self) -> (String, [u8; 16]) {
        (self.log.origin().to_string(), self.queue)
    }

    pub(crate) fn to_proto(&self) -> v1::Account {
        v1::Account {
            origin: Some(self.log.origin()),
            queue: self.queue.to_vec(),
            received: Some(self.received.into()),
            delivered: Some(self.delivered.into()),
            filtered: named_counts(&self.filtered),
            dead: named_counts(&self.dead),
            shed: Some(self.shed.into()),
            spooled: Some(self.spooled.into()),
            repeated_batches: self.repeated,
            watermark: self.covered.watermark(),
            shrunk: Some(self.shrunk.into()),
            replaced_utf8: Some(self.replaced.into()),
            missed: Some(self.joins.missed().into()),
            rejoins: self.joins.waits_from().map(Count::from),
        }
    }
}

impl Log {
    pub(crate) fn origin(&self) -> Origin {
        let Log { cluster, node, collector, path, source, service, tags } = self.clone();
        Origin { cluster, node, collector, path, source, service, tags }
    }
}

impl From<&Origin> for Log {
    fn from(origin: &Origin) -> Log {
        let Origin { cluster, node, collector, path, source, service, tags } = origin.clone();
        let mut room = MOST_TEXT;
        let fits = |tag: &String| {
            room = room.saturating_sub(tag.len());
            room > 0
        };
        let tags = tags.into_iter().take_while(fits).collect();
        let (source, service) = (beginning(&source, MOST_TEXT), beginning(&service, MOST_TEXT));
        Log { cluster, node, collector, path, source, service, tags }
    }
}

/// The first characters of a text, so many bytes at most.
fn beginning(text: &str, most: usize) -> String {
    let end = (0..=most.min(text.len())).rev().find(|&end| text.is_char_boundary(end));
    text[..end.unwrap_or(0)].to_owned()
}

fn add_named(names: &mut Named, name: &str, tally: Tally) {
    let name = beginning(name, LONGEST_NAME);
    let size = |name: &str| name.len() + 64;
    let known = names.contains_key(&name)
        || names.keys().map(|known| size(known)).sum::<usize>() + size(&name) <= MOST_NAMES;
    names.entry(if known { name } else { OTHER.to_owned() }).or_default().add(tally);
}

/// Takes so much from a name, or from [`OTHER`] where it was counted there; what was taken.
fn take_named(names: &mut Named, name: &str, tally: Tally) -> Tally {
    let name = beginning(name, LONGEST_NAME);
    let name = if names.contains_key(&name) { name } else { OTHER.to_owned() };
    let Some(left) = names.get_mut(&name) else { return Tally::default() };
    let taken = Tally { events: tally.events.min(left.events), bytes: tally.bytes.min(left.bytes) };
    left.take(taken);
    if left.is_zero() {
        names.remove(&name);
    }
    taken
}

fn named_counts(names: &Named) -> Vec<NamedCount> {
    names.iter().map(|(name, &tally)| NamedCount { name: name.clone(), count: Some(tally.into()) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(events: u64) -> Tally {
        Tally { events, bytes: events * 100 }
    }

    #[test]
    fn every_entry_keeps_the_books_in_order() {
        let mut account = Account::new(&Origin::default(), [1; 16]);
        for entry in [
            Entry::Taken {
                first: 1,
                last: 20,
                filtered: Named::from([("rule 1".into(), tally(5))]),
                spooled: tally(10),
                shed: Tally::default(),
            },
            Entry::Delivered { all: tally(6), shrunk: tally(1), replaced: tally(2) },
            Entry::Dead { cause: "too large".into(), all: tally(1) },
            Entry::LeftOut { by: "daily budget".into(), all: tally(1) },
            Entry::Dead { cause: "rejected (400)".into(), all: tally(2) },
            Entry::Dropped { cause: "rejected (400)".into(), all: tally(1) },
            Entry::Revived { cause: "rejected (400)".into(), all: tally(1) },
            Entry::Dropped { cause: "never heard of".into(), all: tally(1) },
            Entry::Revived { cause: "never heard of".into(), all: tally(1) },
            Entry::Dead { cause: "never heard of".into(), all: tally(1) },
            Entry::Repeated,
            Entry::Taken { first: 21, last: 30, filtered: Named::new(), spooled: tally(0), shed: tally(10) },
            Entry::Found { spooled: tally(2) },
        ] {
            account.apply(&entry);
            assert!(account.balances(), "{entry:?}: {account:?}");
        }
        assert_eq!((account.spooled, account.shed, account.received), (tally(3), tally(10), tally(28)));
        let dead: Vec<(&str, u64)> =
            account.dead.iter().map(|(cause, all)| (cause.as_str(), all.events)).collect();
        assert_eq!(dead, [("never heard of", 1), ("rejected (400), dropped", 1), ("too large", 1)]);
        assert_eq!(account.covered.watermark(), 30);
    }

    #[test]
    fn an_account_is_the_same_after_it_was_stored() {
        let origin = Origin { path: "/a".into(), tags: vec!["k:v".into()], ..Origin::default() };
        let mut account = Account::new(&origin, [9; 16]);
        account.apply(&Entry::Dead { cause: "rejected".into(), all: tally(0) });
        let stored = serde_json::to_vec(&account).unwrap();
        assert_eq!(serde_json::from_slice::<Account>(&stored).unwrap(), account);
        assert_eq!(account.log.origin(), origin);
    }

    #[test]
    fn names_are_bounded_and_nothing_is_lost_from_the_sum() {
        let mut names = Named::new();
        (0..1000).for_each(|n| add_named(&mut names, &format!("rule {n}"), tally(1)));
        assert!((100..300).contains(&names.len()), "{}", names.len());
        assert_eq!(names.values().map(|tally| tally.events).sum::<u64>(), 1000);
    }

    #[test]
    fn the_largest_account_fits_the_store() {
        let long = |length| "x".repeat(length);
        let origin = Origin {
            path: long(crate::take::MOST_ORIGIN),
            source: long(100_000),
            service: long(100_000),
            tags: (0..1000).map(|_| long(100)).collect(),
            ..Origin::default()
        };
        let mut account = Account::new(&origin, [255; 16]);
        let huge = Tally { events: u64::MAX / 4096, bytes: u64::MAX / 4096 };
        for n in 0..2000_u64 {
            let name = format!("{n}{}", long(n as usize % 200));
            add_named(&mut account.filtered, &name, huge);
            add_named(&mut account.dead, &name, huge);
            account.covered.add(u64::MAX - n * 10 - 5, u64::MAX - n * 10 - 3);
        }
        let stored = serde_json::to_vec(&account).unwrap();
        assert!(stored.len() <= queue::MAX_VALUE, "{} bytes", stored.len());
    }
}
