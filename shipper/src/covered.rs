//! Which numbers of one origin and queue were taken already.
//!
//! Invariant: ranges are sorted, disjoint and do not touch. At most [`MOST_RANGES`] are remembered; beyond that the
//! lowest is forgotten, so that a line can at worst be taken twice, never be taken for one that was taken.

use serde::{Deserialize, Serialize};

/// How many ranges are remembered. A shipper that gets all batches of an origin needs one, and one more for each
/// batch that overtook another.
pub(crate) const MOST_RANGES: usize = 256;

/// Ranges of numbers, inclusive at both ends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Covered(Vec<(u64, u64)>);

impl Covered {
    /// Takes `first..=last` in.
    pub(crate) fn add(&mut self, first: u64, last: u64) {
        let from = self.0.partition_point(|&(_, end)| end.saturating_add(1) < first);
        let to = self.0.partition_point(|&(start, _)| start <= last.saturating_add(1));
        let joined = self.0[from..to]
            .iter()
            .fold((first, last), |(low, high), &(start, end)| (low.min(start), high.max(end)));
        self.0.splice(from..to, [joined]);
        if self.0.len() > MOST_RANGES {
            self.0.remove(0);
        }
    }

    /// The parts of `first..=last` that were not taken, ascending.
    pub(crate) fn missing(&self, first: u64, last: u64) -> Vec<(u64, u64)> {
        let mut missing = Vec::new();
        let mut next = first;
        let from = self.0.partition_point(|&(_, end)| end < first);
        for &(start, end) in self.0[from..].iter().take_while(|&&(start, _)| start <= last) {
            if start > next {
                missing.push((next, start - 1));
            }
            if end >= last {
                return missing;
            }
            next = end + 1;
        }
        missing.push((next, last));
        missing
    }

    /// The beginning of the range that `number` is in; itself where it is in none.
    pub(crate) fn run_of(&self, number: u64) -> u64 {
        let at = self.0.partition_point(|&(_, end)| end < number);
        self.0.get(at).map_or(number, |&(start, _)| start.min(number))
    }

    /// The end of the lowest range, 0 when there is none.
    pub(crate) fn watermark(&self) -> u64 {
        self.0.first().map_or(0, |&(_, end)| end)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranges_that_touch_become_one_and_the_watermark_rises() {
        let mut covered = Covered::default();
        covered.add(1, 10);
        covered.add(21, 30);
        assert_eq!((covered.watermark(), covered.missing(5, 25)), (10, vec![(11, 20)]));
        covered.add(11, 20);
        assert_eq!((covered.watermark(), covered.missing(1, 30)), (30, vec![]));
        assert_eq!(covered.missing(29, 32), [(31, 32)]);
        covered.add(41, 50);
        assert_eq!([30, 31, 35, 45, 51].map(|number| covered.run_of(number)), [1, 31, 35, 41, 51]);
    }

    #[test]
    fn memory_is_bounded_and_what_is_forgotten_is_missing_never_covered() {
        let mut covered = Covered::default();
        (0..2 * MOST_RANGES as u64).for_each(|n| covered.add(n * 10 + 1, n * 10 + 5));
        assert_eq!(covered.0.len(), MOST_RANGES);
        assert_eq!(covered.missing(1, 5), [(1, 5)]);
        let newest = (2 * MOST_RANGES as u64 - 1) * 10;
        assert!(covered.missing(newest + 1, newest + 5).is_empty());
    }

    #[test]
    fn the_greatest_numbers_do_not_overflow() {
        let mut covered = Covered::default();
        covered.add(u64::MAX, u64::MAX);
        covered.add(0, 0);
        assert_eq!(covered.missing(0, u64::MAX), [(1, u64::MAX - 1)]);
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_set_of_numbers(ranges in prop::collection::vec((0u64..200, 0u64..30), 0..40)) {
            let (mut covered, mut model) = (Covered::default(), BTreeSet::new());
            for (first, length) in ranges {
                let last = first + length;
                let missing: Vec<u64> =
                    covered.missing(first, last).into_iter().flat_map(|(first, last)| first..=last).collect();
                let expected: Vec<u64> = (first..=last).filter(|n| !model.contains(n)).collect();
                prop_assert_eq!(missing, expected);
                covered.add(first, last);
                model.extend(first..=last);
            }
            prop_assert!(covered.0.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0));
        }
    }
}
