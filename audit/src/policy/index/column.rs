//! One attribute: which rules accept which of its values.
//!
//! Promises: a value that no rule names is accepted by the rules that accept everything, and by no other; values are
//! compared byte by byte. The table is made for short texts and leaves half of its places free: only the policy's
//! author chooses what is in it, so nobody else can make it slow.

use super::set::{Set, WORD};

/// What one rule accepts of an attribute: these values, or everything.
pub(super) type Accepted<'r> = Option<Vec<&'r str>>;

/// The rules by value.
#[derive(Debug, Clone)]
pub(super) struct Column {
    /// The rules that accept everything.
    open: Set,
    /// Values at the places that their hashes name, or at the next free ones; a power of two of them.
    slots: Vec<Slot>,
    values: usize,
    /// For each named value the rules that accept it, `open` included.
    rows: Vec<u64>,
}

/// A named value, and where its row begins; free where there is none.
#[derive(Debug, Clone, Default)]
struct Slot {
    hash: u64,
    value: Box<[u8]>,
    row: Option<usize>,
}

impl Column {
    pub(super) fn new(accepted: &[Accepted<'_>]) -> Column {
        let open = Set::of(accepted.iter().map(Option::is_none));
        let most = accepted.iter().flatten().map(Vec::len).sum::<usize>();
        let slots = vec![Slot::default(); (2 * most).next_power_of_two().max(2)];
        let mut column = Column { open, slots, values: 0, rows: Vec::new() };
        for (rule, values) in accepted.iter().enumerate() {
            for value in values.iter().flatten() {
                column.accept(value.as_bytes(), rule);
            }
        }
        column
    }

    fn accept(&mut self, value: &[u8], rule: usize) {
        let hash = hash(value);
        let at = self.place(hash, value);
        let row = self.slots[at].row.unwrap_or_else(|| {
            let row = self.rows.len();
            self.rows.extend_from_slice(self.open.words());
            self.slots[at] = Slot { hash, value: value.into(), row: Some(row) };
            self.values += 1;
            row
        });
        self.rows[row + rule / WORD] |= 1 << (rule % WORD);
    }

    /// Where the value is, or would be. There always is a free place.
    #[inline]
    fn place(&self, hash: u64, value: &[u8]) -> usize {
        let last = self.slots.len() - 1;
        let mut at = hash as usize & last;
        loop {
            let slot = &self.slots[at];
            if slot.row.is_none() || (slot.hash == hash && same(&slot.value, value)) {
                return at;
            }
            at = (at + 1) & last;
        }
    }

    /// Whether some rule names a value.
    pub(super) fn names_values(&self) -> bool {
        self.values > 0
    }

    /// The rules that accept this value.
    #[inline]
    pub(super) fn accepting(&self, value: &[u8]) -> &[u64] {
        match self.slots[self.place(hash(value), value)].row {
            Some(row) => &self.rows[row..row + self.open.words().len()],
            None => self.open.words(),
        }
    }

    /// The rules that accept everything.
    pub(super) fn open(&self) -> &Set {
        &self.open
    }
}

/// Eight bytes at a time, each word multiplied in.
#[inline]
fn hash(value: &[u8]) -> u64 {
    let add = |hash: u64, word: u64| (hash.rotate_left(5) ^ word).wrapping_mul(0xf135_7aea_2e62_a9c5);
    let (words, rest) = value.as_chunks::<8>();
    let whole = words.iter().fold(value.len() as u64, |hash, word| add(hash, u64::from_le_bytes(*word)));
    add(whole, if rest.is_empty() { 0 } else { ending(value) }).rotate_left(26)
}

/// The last eight bytes, or all of fewer, as a number: with the length it tells every such text from every other.
#[inline]
fn ending(value: &[u8]) -> u64 {
    if let Some(last) = value.last_chunk::<8>() {
        return u64::from_le_bytes(*last);
    }
    if let (Some(first), Some(last)) = (value.first_chunk::<4>(), value.last_chunk::<4>()) {
        return u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last));
    }
    match value {
        [] => 0,
        [first, .., last] => {
            u64::from(*first) << 16 | u64::from(value[value.len() / 2]) << 8 | u64::from(*last)
        }
        [only] => u64::from(*only) << 16 | u64::from(*only) << 8 | u64::from(*only),
    }
}

/// Whether two texts are the same. Texts are short, and a call of the system's own comparison costs more than this.
#[inline]
fn same(one: &[u8], other: &[u8]) -> bool {
    let words = |value: &'_ [u8]| value.as_chunks::<8>().0.len();
    one.len() == other.len()
        && ending(one) == ending(other)
        && (0..words(one)).all(|word| one.as_chunks::<8>().0[word] == other.as_chunks::<8>().0[word])
}

#[cfg(test)]
mod tests {
    use super::{Column, same};
    use proptest::prelude::*;
    use std::collections::HashMap;

    proptest! {
        #[test]
        fn a_value_is_accepted_by_the_rules_that_name_it_and_by_those_that_accept_everything(
            rules in proptest::collection::vec(proptest::option::of(proptest::collection::vec("[ab]{0,20}", 0..6)), 1..150),
            asked in proptest::collection::vec("[ab]{0,20}", 0..20),
        ) {
            let accepted: Vec<_> =
                rules.iter().map(|rule| rule.as_ref().map(|names| names.iter().map(String::as_str).collect())).collect();
            let column = Column::new(&accepted);
            let named = rules.iter().flatten().flatten();
            for value in named.chain(&asked) {
                let row = column.accepting(value.as_bytes());
                for (rule, names) in rules.iter().enumerate() {
                    let accepts = names.as_ref().is_none_or(|names| names.contains(value));
                    prop_assert_eq!(row[rule / 64] >> (rule % 64) & 1 == 1, accepts);
                }
            }
        }

        #[test]
        fn texts_are_the_same_when_all_their_bytes_are(
            one in proptest::collection::vec(0u8..2, 0..20), other in proptest::collection::vec(0u8..2, 0..20)) {
            prop_assert_eq!(same(&one, &other), one == other);
            prop_assert!(same(&one, &one.clone()));
        }
    }

    #[test]
    fn texts_that_differ_have_different_hashes_as_far_as_a_policy_goes() {
        let mut seen = HashMap::new();
        for length in 0..6 {
            for bits in 0..1u32 << length {
                let text: Vec<u8> = (0..length).map(|at| b'a' + (bits >> at & 1) as u8).collect();
                assert_eq!(seen.insert(super::hash(&text), text.clone()), None, "{text:?}");
            }
        }
    }
}
