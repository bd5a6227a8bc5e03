//! All accounts of one destination, as they are durable.
//!
//! Invariant: what a ledger says lies on the disk. A change is first made on a [`Draft`], and the draft becomes the
//! ledger only after its commit; so a receipt, a status or a repeated batch never rests on what a crash could take.

use std::collections::{BTreeMap, HashMap};

use proto::Origin;
use queue::Put;

use crate::account::{Account, Entry, Tally};

const PREFIX: &str = "account/";

/// What identifies an account: the origin's key and the queue's id.
pub(crate) type Key = (String, [u8; 16]);

/// All accounts of one destination by their numbers, which records carry.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    accounts: BTreeMap<u32, Account>,
    numbers: HashMap<Key, u32>,
}

impl Ledger {
    /// From stored state; names the key that cannot be read.
    pub(crate) fn load(stored: Vec<(Vec<u8>, Vec<u8>)>) -> Result<Ledger, String> {
        let mut ledger = Ledger::default();
        for (key, value) in stored {
            let shown = || String::from_utf8_lossy(&key).into_owned();
            let number = std::str::from_utf8(&key).ok().and_then(|key| key.strip_prefix(PREFIX));
            let number = number.and_then(|number| u32::from_str_radix(number, 16).ok()).ok_or_else(shown)?;
            let account = serde_json::from_slice(&value).map_err(|error| format!("{}: {error}", shown()))?;
            ledger.install(number, account);
        }
        Ok(ledger)
    }

    /// The prefix of the state keys that [`Ledger::load`] takes.
    pub(crate) fn prefix() -> &'static [u8] {
        PREFIX.as_bytes()
    }

    /// What of `first..=last` was not taken yet.
    pub(crate) fn missing(&self, key: &Key, first: u64, last: u64) -> Vec<(u64, u64)> {
        match self.numbers.get(key).and_then(|number| self.accounts.get(number)) {
            Some(account) => account.covered.missing(first, last),
            None => vec![(first, last)],
        }
    }

    /// The number of an account.
    pub(crate) fn number(&self, key: &Key) -> Option<u32> {
        self.numbers.get(key).copied()
    }

    /// The account with this number.
    pub(crate) fn account(&self, number: u32) -> Option<&Account> {
        self.accounts.get(&number)
    }

    /// The numbers of all accounts.
    pub(crate) fn numbers(&self) -> Vec<u32> {
        self.accounts.keys().copied().collect()
    }

    /// All accounts, in the order in which they were opened.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.values()
    }

    /// Changes that make the books agree with what the spool really holds, by account.
    pub(crate) fn reconcile(&self, held: &BTreeMap<u32, Tally>) -> Vec<(u32, Entry)> {
        let numbers = self.accounts.keys().chain(held.keys()).copied();
        let numbers: std::collections::BTreeSet<u32> = numbers.collect();
        let mut entries = Vec::new();
        for number in numbers {
            let known = self.account(number).map(|account| account.spooled).unwrap_or_default();
            let there = held.get(&number).copied().unwrap_or_default();
            let (lost, found) = (less(known, there), less(there, known));
            if !lost.is_zero() {
                entries.push((number, Entry::Dead { cause: crate::dead::DAMAGED.to_owned(), all: lost }));
            }
            if !found.is_zero() {
                entries.push((number, Entry::Found { spooled: found }));
            }
        }
        entries
    }

    fn install(&mut self, number: u32, account: Account) {
        self.numbers.insert((account.log.origin().key(), account.queue), number);
        self.accounts.insert(number, account);
    }
}

fn less(one: Tally, other: Tally) -> Tally {
    Tally { events: one.events.saturating_sub(other.events), bytes: one.bytes.saturating_sub(other.bytes) }
}

/// Changes on the way to the disk: the accounts that they touch, as they will be.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    touched: BTreeMap<u32, Account>,
    opened: HashMap<Key, u32>,
}

impl Draft {
    /// The number of the account of `origin` and `queue`, opened if there is none yet.
    pub(crate) fn number_of(&mut self, ledger: &Ledger, origin: &Origin, queue: [u8; 16]) -> u32 {
        let key = (origin.key(), queue);
        if let Some(&number) = ledger.numbers.get(&key).or_else(|| self.opened.get(&key)) {
            return number;
        }
        let highest = ledger.accounts.keys().next_back().max(self.touched.keys().next_back());
        let number = highest.map_or(0, |highest| highest + 1);
        self.opened.insert(key, number);
        self.touched.insert(number, Account::new(origin, queue));
        number
    }

    /// What of `first..=last` is not taken, this draft's changes included.
    pub(crate) fn missing(&mut self, ledger: &Ledger, number: u32, first: u64, last: u64) -> Vec<(u64, u64)> {
        self.account(ledger, number).covered.missing(first, last)
    }

    /// Writes an entry into the books.
    pub(crate) fn apply(&mut self, ledger: &Ledger, number: u32, entry: &Entry) {
        self.account(ledger, number).apply(entry);
    }

    /// The state changes that store the touched accounts.
    pub(crate) fn puts(&self) -> impl Iterator<Item = Put> + '_ {
        self.touched.iter().map(|(number, account)| {
            let value = serde_json::to_vec(account).expect("an account's maps have strings as keys");
            Put::set(format!("{PREFIX}{number:08x}"), value)
        })
    }

    /// Makes the draft the ledger; to be called when its puts are durable.
    pub(crate) fn install(self, ledger: &mut Ledger) {
        for (number, account) in self.touched {
            ledger.install(number, account);
        }
    }

    fn account(&mut self, ledger: &Ledger, number: u32) -> &mut Account {
        self.touched.entry(number).or_insert_with(|| ledger.account(number).cloned().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(path: &str) -> Origin {
        Origin { path: path.into(), ..Origin::default() }
    }

    fn taken(first: u64, last: u64) -> Entry {
        let spooled = Tally { events: last - first + 1, bytes: 0 };
        Entry::Taken { first, last, filtered: Default::default(), spooled, shed: Tally::default() }
    }

    #[test]
    fn a_draft_is_invisible_until_it_is_installed_and_survives_being_stored() {
        let mut ledger = Ledger::default();
        let key = (origin("/a").key(), [1; 16]);
        let mut draft = Draft::default();
        let number = draft.number_of(&ledger, &origin("/a"), [1; 16]);
        draft.apply(&ledger, number, &taken(1, 5));
        assert_eq!(draft.missing(&ledger, number, 4, 6), [(6, 6)]);
        assert_eq!(ledger.missing(&key, 1, 5), [(1, 5)]);
        let stored: Vec<_> = draft.puts().map(|put| (put.key, put.value.unwrap())).collect();
        draft.install(&mut ledger);
        for ledger in [&ledger, &Ledger::load(stored).unwrap()] {
            assert_eq!(ledger.missing(&key, 1, 6), [(6, 6)]);
            assert_eq!(ledger.accounts().count(), 1);
        }
    }

    #[test]
    fn each_origin_and_queue_has_an_account_of_its_own() {
        let (mut ledger, mut draft) = (Ledger::default(), Draft::default());
        let number = |draft: &mut Draft, path, queue| draft.number_of(&ledger, &origin(path), [queue; 16]);
        let numbers = [number(&mut draft, "/a", 1), number(&mut draft, "/a", 2), number(&mut draft, "/b", 1)];
        assert_eq!(numbers, [0, 1, 2]);
        assert_eq!(number(&mut draft, "/a", 2), 1);
        draft.install(&mut ledger);
        assert_eq!(Draft::default().number_of(&ledger, &origin("/b"), [1; 16]), 2);
        assert_eq!(Draft::default().number_of(&ledger, &origin("/c"), [1; 16]), 3);
    }

    #[test]
    fn what_a_damaged_spool_lost_is_counted_as_dead() {
        let (mut ledger, mut draft) = (Ledger::default(), Draft::default());
        let number = draft.number_of(&ledger, &origin("/a"), [1; 16]);
        draft.apply(&ledger, number, &taken(1, 5));
        draft.install(&mut ledger);
        let held = BTreeMap::from([(number, Tally { events: 3, bytes: 0 }), (7, Tally::one(10))]);
        let mut draft = Draft::default();
        for (number, entry) in ledger.reconcile(&held) {
            draft.apply(&ledger, number, &entry);
        }
        draft.install(&mut ledger);
        assert!(ledger.accounts().all(Account::balances));
        assert_eq!(ledger.account(number).unwrap().dead[crate::dead::DAMAGED].events, 2);
        assert_eq!(ledger.account(7).unwrap().spooled, Tally::one(10));
    }

    #[test]
    fn state_that_cannot_be_read_is_named() {
        let refused = Ledger::load(vec![(b"account/0000000a".to_vec(), b"{".to_vec())]).unwrap_err();
        assert!(refused.contains("account/0000000a"), "{refused}");
    }
}
