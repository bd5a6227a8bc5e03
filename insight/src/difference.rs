//! What two multisets differ in, in fixed room: which requests began and did not end, among any number that did both.
//!
//! Law: adding and merging are sums, so order and parts change nothing, and what was added on both sides leaves no
//! trace. Up to some thousand differences can be listed; when there are more, that is said and none is made up.
//!
//! How: an invertible Bloom lookup table. Each element is added to three cells; a cell that only one element is left in
//! tells it, and taking that one out of its other cells clears more of them.

use std::hash::Hasher;

use serde::{Deserialize, Serialize};

use crate::shares::Fnv;

/// Cells of each of the three parts.
const CELLS: usize = 1024;

/// A request: its audit ID (a UUID, or the hash of what is none), when it began, and what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Element {
    pub(crate) time: i64,
    pub(crate) id: u128,
    pub(crate) what: u64,
}

/// Begun less ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Difference {
    cells: Vec<Cell>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Cell {
    count: i64,
    id: u128,
    time: i64,
    what: u64,
    check: u64,
}

impl Default for Difference {
    fn default() -> Self {
        Difference { cells: vec![Cell::default(); 3 * CELLS] }
    }
}

impl Difference {
    /// Adds so many of an element; less than none to take it away.
    pub(crate) fn add(&mut self, element: Element, count: i64) {
        let hash = hash(&element);
        for (part, at) in places(hash).into_iter().enumerate() {
            self.cells[part * CELLS + at].add(element, hash, count);
        }
    }

    /// Adds what another one holds.
    pub(crate) fn merge(&mut self, other: &Difference) {
        for (cell, other) in self.cells.iter_mut().zip(&other.cells) {
            cell.count = cell.count.wrapping_add(other.count);
            cell.id = cell.id.wrapping_add(other.id);
            cell.time = cell.time.wrapping_add(other.time);
            cell.what = cell.what.wrapping_add(other.what);
            cell.check = cell.check.wrapping_add(other.check);
        }
    }

    /// Every element with how many more of it there are on one side; None when they are too many to be told.
    pub(crate) fn list(&self) -> Option<Vec<(Element, i64)>> {
        let (mut left, mut listed) = (self.clone(), Vec::new());
        loop {
            let single = left.cells.iter().find_map(Cell::single);
            let Some((element, count)) = single else { break };
            left.add(element, -count);
            listed.push((element, count));
            if listed.len() > 3 * CELLS {
                return None;
            }
        }
        listed.sort_unstable();
        left.cells.iter().all(|cell| *cell == Cell::default()).then_some(listed)
    }
}

impl Cell {
    fn add(&mut self, element: Element, hash: u64, count: i64) {
        self.count = self.count.wrapping_add(count);
        self.id = self.id.wrapping_add(element.id.wrapping_mul(i128::from(count).cast_unsigned()));
        self.time = self.time.wrapping_add(element.time.wrapping_mul(count));
        self.what = self.what.wrapping_add(element.what.wrapping_mul(count.cast_unsigned()));
        self.check = self.check.wrapping_add(hash.wrapping_mul(count.cast_unsigned()));
    }

    /// The element, when the cell holds nothing else. (The same one more than once is not told.)
    fn single(&self) -> Option<(Element, i64)> {
        let element = match self.count {
            1 => Element { id: self.id, time: self.time, what: self.what },
            -1 => Element {
                id: self.id.wrapping_neg(),
                time: self.time.wrapping_neg(),
                what: self.what.wrapping_neg(),
            },
            _ => return None,
        };
        let mut same = Cell::default();
        same.add(element, hash(&element), self.count);
        (same == *self).then_some((element, self.count))
    }
}

fn hash(element: &Element) -> u64 {
    let mut hasher = Fnv::default();
    hasher.write(&element.id.to_le_bytes());
    hasher.write(&element.time.to_le_bytes());
    hasher.write(&element.what.to_le_bytes());
    let hash = hasher.finish();
    let hash = (hash ^ hash >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    hash ^ hash >> 29
}

fn places(hash: u64) -> [usize; 3] {
    [0, 20, 40].map(|shift| (hash >> shift) as usize % CELLS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(number: u64) -> Element {
        let id = u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        Element {
            time: 1_700_000_000_000_000 + number as i64,
            id,
            what: number.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        }
    }

    #[test]
    fn what_began_and_did_not_end_is_listed_among_many_that_did_both() {
        let mut difference = Difference::default();
        (0..50_000).for_each(|number| difference.add(element(number), 1));
        (0..50_000)
            .rev()
            .filter(|number| number % 50 != 7)
            .for_each(|number| difference.add(element(number), -1));
        difference.add(element(60_000), -1);
        let listed = difference.list().unwrap();
        let expected: Vec<_> =
            (0..1000).map(|n| (element(n * 50 + 7), 1)).chain([(element(60_000), -1)]).collect();
        assert_eq!(listed, expected);
    }

    #[test]
    fn too_many_differences_are_said_to_be_too_many() {
        let mut difference = Difference::default();
        (0..10_000).for_each(|number| difference.add(element(number), 1));
        assert_eq!(difference.list(), None);
    }

    #[test]
    fn parts_in_any_order_are_the_whole() {
        let of = |numbers: &mut dyn Iterator<Item = u64>| {
            let mut difference = Difference::default();
            numbers.for_each(|number| difference.add(element(number), if number % 3 == 0 { -1 } else { 1 }));
            difference
        };
        let mut merged = of(&mut (500..900));
        merged.merge(&of(&mut (0..500)));
        assert!(merged == of(&mut (0..900).rev()));
    }
}
