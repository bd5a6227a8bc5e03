//! A map that attackers cannot fill: bounded, with a fair share of the room for everybody.
//!
//! Requests name what they like (resources, namespaces, names, paths), so that a map of what was asked for grows
//! without end under one busy or malicious subject. Here every key has an owner (the subject, which must authenticate
//! to be another one); when there are too many keys, the owners with the most lose theirs first.
//!
//! Laws: what is kept depends on the set of keys alone, not on their order or on how parts were merged; the value of a
//! kept key is exact; what is not kept apart is summed up with its owner, so that the sum of all values is exact.
//!
//! How: of each owner the keys with the smallest hashes are kept, as many as a share has; when all shares together are
//! too many keys, the share is halved for everybody. Both only ever shrink, and both are functions of the set.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

/// Most keys of one owner, before there are too many in all; halved until one is left.
const SHARE: usize = 1 << 15;
/// Most keys of all owners, and so most owners.
const ALL: usize = 1 << 17;

/// A key that belongs to somebody.
pub trait Owned: Clone + Ord + Hash {
    /// What owners are told apart by.
    type Owner: Clone + Ord + Hash;

    /// Who it belongs to.
    fn owner(&self) -> &Self::Owner;
}

/// What adds up, in any order.
pub trait Sum: Default {
    /// Adds another one.
    fn add(&mut self, other: Self);
}

impl Sum for u64 {
    fn add(&mut self, other: u64) {
        *self += other;
    }
}

/// The map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(
    serialize = "K: Serialize, K::Owner: Serialize, V: Serialize",
    deserialize = "K: Deserialize<'de>, K::Owner: Deserialize<'de>, V: Deserialize<'de>"
))]
pub struct Shares<K: Owned, V> {
    owners: BTreeMap<(u64, K::Owner), Share<K, V>>,
    /// How many keys are kept.
    kept: usize,
    /// How often the share was halved.
    halved: u32,
    /// Of owners who are not kept apart.
    others: V,
    /// Whether there are such owners.
    has_others: bool,
}

/// What one owner has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(deserialize = "K: Ord + Deserialize<'de>, V: Deserialize<'de>"))]
struct Share<K: Ord, V> {
    keys: BTreeMap<(u64, K), V>,
    /// Of keys that are not kept apart.
    rest: V,
    /// Whether there are such keys.
    has_rest: bool,
}

impl<K: Ord, V: Sum> Default for Share<K, V> {
    fn default() -> Self {
        Share { keys: BTreeMap::new(), rest: V::default(), has_rest: false }
    }
}

impl<K: Owned, V: Sum> Default for Shares<K, V> {
    fn default() -> Self {
        Shares { owners: BTreeMap::new(), kept: 0, halved: 0, others: V::default(), has_others: false }
    }
}

impl<K: Owned, V: Sum> Shares<K, V> {
    /// Adds a value to a key.
    pub fn add(&mut self, key: K, value: V) {
        let owner = (hash(key.owner()), key.owner().clone());
        let most = self.share();
        let share = self.owners.entry(owner).or_default();
        self.kept += share.add((hash(&key), key), value, most);
        self.make_room();
    }

    /// Adds what another map holds.
    pub fn merge(&mut self, mut other: Shares<K, V>) {
        if other.kept > self.kept {
            std::mem::swap(self, &mut other); // the fewer keys move
        }
        self.has_others |= other.has_others;
        self.others.add(other.others);
        if other.halved > self.halved {
            self.halved = other.halved;
            self.shrink();
        }
        for (owner, theirs) in other.owners {
            let most = self.share();
            let share = self.owners.entry(owner).or_default();
            self.kept -= share.keys.len();
            share.merge(theirs, most);
            self.kept += share.keys.len();
            self.make_room();
        }
    }

    /// The value of a key, if it is kept.
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        let share = self.owners.get(&(hash(key.owner()), key.owner().clone()))?;
        share.keys.get(&(hash(key), key.clone()))
    }

    /// Every kept key with its value, by owner; owners and their keys are in no meaningful order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.owners.values().flat_map(|share| share.keys.iter().map(|((_, key), value)| (key, value)))
    }

    /// Owners that have more than the keys that are kept, with what is beyond.
    pub fn rest(&self) -> impl Iterator<Item = (&K::Owner, &V)> {
        let with_rest = self.owners.iter().filter(|(_, share)| share.has_rest);
        with_rest.map(|((_, owner), share)| (owner, &share.rest))
    }

    /// What owners have who are not kept apart, if there are any.
    pub fn others(&self) -> Option<&V> {
        self.has_others.then_some(&self.others)
    }

    /// How many keys are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kept
    }

    /// Whether nothing was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }

    fn share(&self) -> usize {
        (SHARE >> self.halved).max(1)
    }

    fn make_room(&mut self) {
        while self.kept > ALL {
            if self.share() > 1 {
                self.halved += 1;
                self.shrink();
            } else if let Some((_, share)) = self.owners.pop_last() {
                self.kept -= share.keys.len();
                self.has_others = true;
                self.others.add(share.sum());
            }
        }
    }

    fn shrink(&mut self) {
        let most = self.share();
        self.kept = self.owners.values_mut().map(|share| share.shrink(most)).sum();
    }
}

impl<K: Ord, V: Sum> Share<K, V> {
    /// Adds to a key; says how many keys more are kept.
    fn add(&mut self, key: (u64, K), value: V, most: usize) -> usize {
        if let Some(kept) = self.keys.get_mut(&key) {
            kept.add(value);
            return 0;
        }
        if self.keys.len() >= most && self.keys.last_key_value().is_some_and(|(last, _)| *last < key) {
            self.has_rest = true;
            self.rest.add(value);
            return 0;
        }
        let before = self.keys.len();
        self.keys.insert(key, value);
        self.shrink(most) - before
    }

    fn merge(&mut self, other: Share<K, V>, most: usize) {
        self.has_rest |= other.has_rest;
        self.rest.add(other.rest);
        for (key, value) in other.keys {
            self.add(key, value, most);
        }
    }

    /// Keeps at most so many keys; says how many there are then.
    fn shrink(&mut self, most: usize) -> usize {
        while self.keys.len() > most {
            if let Some((_, value)) = self.keys.pop_last() {
                self.has_rest = true;
                self.rest.add(value);
            }
        }
        self.keys.len()
    }

    fn sum(self) -> V {
        self.keys.into_values().fold(self.rest, |mut sum, value| {
            sum.add(value);
            sum
        })
    }
}

/// A hash that is the same in every process, since states are kept. Whoever finds keys with small hashes keeps out
/// other keys of his own.
pub(crate) fn hash<T: Hash + ?Sized>(value: &T) -> u64 {
    let mut hasher = Fnv::default();
    value.hash(&mut hasher);
    let hash = hasher.finish();
    (hash ^ hash >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// FNV-1a, which is the same everywhere.
pub(crate) struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Fnv(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Map = Shares<Key, u64>;

    #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
    struct Key(String, u32);

    impl Owned for Key {
        type Owner = String;

        fn owner(&self) -> &String {
            &self.0
        }
    }

    fn of(keys: impl IntoIterator<Item = (String, u32)>) -> Map {
        let mut map = Map::default();
        keys.into_iter().for_each(|(owner, key)| map.add(Key(owner, key), 1));
        map
    }

    fn total(map: &Map) -> u64 {
        let kept: u64 = map.iter().map(|(_, value)| value).sum();
        kept + map.rest().map(|(_, value)| value).sum::<u64>() + map.others().copied().unwrap_or(0)
    }

    /// More keys than there is room for: two greedy owners, many small ones.
    fn crowd() -> Vec<(String, u32)> {
        let greedy = (0..2 * ALL as u32).map(|key| (format!("greedy-{}", key % 3), key));
        let small = (0..30_000).map(|key| (format!("small-{}", key % 6_000), key));
        greedy.chain(small).collect()
    }

    #[test]
    fn who_asks_for_little_keeps_everything_while_the_greedy_are_summed_up() {
        let map = of(crowd());
        assert!(map.len() <= ALL);
        let small = map.iter().filter(|(key, _)| key.0.starts_with("small")).count();
        assert_eq!(small, 30_000);
        assert_eq!(map.rest().map(|(owner, _)| owner).filter(|owner| owner.starts_with("greedy")).count(), 3);
        assert_eq!(total(&map), crowd().len() as u64);
    }

    #[test]
    fn the_order_and_the_parts_change_nothing_also_when_there_is_not_room_for_all() {
        let map = of(crowd());
        assert!(map == of(crowd().into_iter().rev()), "another order gives another map");
        let mut parts: Vec<Map> = (0..5).map(|part| of(crowd().into_iter().skip(part).step_by(5))).collect();
        let mut merged = parts.pop().unwrap();
        parts.into_iter().for_each(|part| merged.merge(part));
        assert!(map == merged, "merged parts are another map");
    }

    #[test]
    fn more_owners_than_there_is_room_for_are_summed_up_in_any_order() {
        let owners = || (0..ALL as u32 + 5_000).map(|owner| (owner.to_string(), 0));
        let map = of(owners());
        assert_eq!((map.len(), total(&map)), (ALL, ALL as u64 + 5_000));
        assert!(map == of(owners().rev()), "another order gives another map");
    }

    proptest! {
        #[test]
        fn folding_parts_and_merging_them_is_folding_the_whole(
            keys in prop::collection::vec(("[a-c]", 0u32..40), 0..200), cut in 0usize..200,
        ) {
            let (one, other) = keys.split_at(cut.min(keys.len()));
            let (mut merged, other) = (of(one.to_vec()), of(other.to_vec()));
            let mut turned = other.clone();
            turned.merge(merged.clone());
            merged.merge(other);
            prop_assert_eq!(&merged, &of(keys));
            prop_assert_eq!(merged, turned);
        }
    }
}
