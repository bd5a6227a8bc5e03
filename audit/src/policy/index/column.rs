//! One attribute: which rules accept which of its values.
//!
//! Promises: a value that no rule names is accepted by the rules that accept everything, and by no other; values are
//! compared byte by byte. The hash is made for short texts: only the policy's author chooses what is in the table, so
//! nobody else can make it slow.

use super::set::{Set, WORD};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// What one rule accepts of an attribute: these values, or everything.
pub(super) type Accepted<'r> = Option<Vec<&'r str>>;

/// The rules by value.
#[derive(Debug, Clone)]
pub(super) struct Column {
    /// The rules that accept everything.
    open: Set,
    /// Where the row of a value begins in `rows`.
    places: HashMap<Box<[u8]>, usize, BuildHasherDefault<Words>>,
    /// For each named value the rules that accept it, `open` included.
    rows: Vec<u64>,
}

impl Column {
    pub(super) fn new(accepted: &[Accepted<'_>]) -> Column {
        let open = Set::of(accepted.iter().map(Option::is_none));
        let mut column = Column { open, places: HashMap::default(), rows: Vec::new() };
        for (rule, values) in accepted.iter().enumerate() {
            for value in values.iter().flatten() {
                column.accept(value.as_bytes(), rule);
            }
        }
        column
    }

    fn accept(&mut self, value: &[u8], rule: usize) {
        let place = self.places.get(value).copied().unwrap_or_else(|| {
            self.places.insert(value.into(), self.rows.len());
            self.rows.extend_from_slice(self.open.words());
            self.rows.len() - self.open.words().len()
        });
        self.rows[place + rule / WORD] |= 1 << (rule % WORD);
    }

    /// Whether some rule names a value.
    pub(super) fn names_values(&self) -> bool {
        !self.places.is_empty()
    }

    /// The rules that accept this value.
    #[inline]
    pub(super) fn accepting(&self, value: &[u8]) -> &[u64] {
        match self.places.get(value) {
            Some(place) => &self.rows[*place..*place + self.open.words().len()],
            None => self.open.words(),
        }
    }

    /// The rules that accept everything.
    pub(super) fn open(&self) -> &Set {
        &self.open
    }
}

/// Eight bytes at a time, each word multiplied in.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Words(u64);

impl Words {
    #[inline]
    fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0xf135_7aea_2e62_a9c5);
    }
}

impl Hasher for Words {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.add(u64::from_le_bytes(*word));
        }
        if let (false, Some(last)) = (rest.is_empty(), bytes.last_chunk::<8>()) {
            self.add(u64::from_le_bytes(*last));
        } else if let (Some(first), Some(last)) = (rest.first_chunk::<4>(), rest.last_chunk::<4>()) {
            self.add(u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last)));
        } else if let (Some(first), Some(last)) = (rest.first(), rest.last()) {
            let middle = rest[rest.len() / 2];
            self.add(u64::from(*first) << 16 | u64::from(middle) << 8 | u64::from(*last));
        }
    }

    #[inline]
    fn write_usize(&mut self, length: usize) {
        self.add(length as u64);
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0.rotate_left(26)
    }
}
