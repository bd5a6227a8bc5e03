//! A set of numbers as ranges, with how many rows they are of.
//!
//! Laws: a function of the rows alone, whatever their order and parts; a range takes a few bytes where it is kept.
//! There are at most as many ranges as rows: where a policy leaves out every other line, there are many.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

/// Rows by their numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ranges {
    pub(crate) rows: u64,
    /// In their order, with at least one number between two of them; both ends included.
    #[serde(with = "coded")]
    ranges: Vec<(u64, u64)>,
}

impl Ranges {
    /// Adds the numbers of some rows, in any order.
    pub(crate) fn add(&mut self, mut numbers: Vec<u64>) {
        numbers.sort_unstable();
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        numbers.iter().for_each(|number| push(&mut ranges, (*number, *number)));
        self.merge(Ranges { rows: numbers.len() as u64, ranges });
    }

    /// Adds the rows of another set.
    pub(crate) fn merge(&mut self, other: Ranges) {
        self.rows += other.rows;
        let follows = match (self.ranges.last(), other.ranges.first()) {
            (Some((_, last)), Some((first, _))) => last < first,
            _ => true,
        };
        if follows {
            other.ranges.into_iter().for_each(|range| push(&mut self.ranges, range));
            return;
        }
        let mut merged = Vec::with_capacity(self.ranges.len() + other.ranges.len());
        let (mut one, mut two) = (self.ranges.iter().peekable(), other.ranges.iter().peekable());
        loop {
            let next = match (one.peek(), two.peek()) {
                (Some(a), Some(b)) if a.cmp(b) == Ordering::Greater => two.next(),
                (Some(_), _) => one.next(),
                (None, _) => two.next(),
            };
            let Some(next) = next else { break };
            push(&mut merged, *next);
        }
        self.ranges = merged;
    }

    /// The smallest number and the largest one.
    pub(crate) fn ends(&self) -> Option<(u64, u64)> {
        Some((self.ranges.first()?.0, self.ranges.last()?.1))
    }

    /// What is missing between them.
    pub(crate) fn holes(&self) -> impl Iterator<Item = (u64, u64)> {
        self.ranges.windows(2).map(|pair| (pair[0].1 + 1, pair[1].0 - 1))
    }

    /// How many rows have a number that another one has too.
    pub(crate) fn repeated(&self) -> u64 {
        let distinct = |(first, last): &(u64, u64)| (last - first).saturating_add(1);
        self.rows.saturating_sub(self.ranges.iter().map(distinct).sum())
    }
}

/// Adds a range that begins no earlier than the last one does; ranges that touch become one.
fn push(ranges: &mut Vec<(u64, u64)>, (first, last): (u64, u64)) {
    match ranges.last_mut() {
        Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
        _ => ranges.push((first, last)),
    }
}

/// Kept as the length of each range and of what lies before it.
mod coded {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(ranges: &[(u64, u64)], serializer: S) -> Result<S::Ok, S::Error> {
        let mut next = 0;
        serializer.collect_seq(ranges.iter().map(|(first, last)| {
            let lengths = (first - next, last - first);
            next = *last;
            lengths
        }))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<(u64, u64)>, D::Error> {
        let lengths = Vec::<(u64, u64)>::deserialize(deserializer)?;
        let mut next = 0_u64;
        let range = |(before, length): (u64, u64)| {
            let first = next.checked_add(before)?;
            next = first.checked_add(length)?;
            Some((first, next))
        };
        let ranges: Option<Vec<(u64, u64)>> = lengths.into_iter().map(range).collect();
        ranges.ok_or_else(|| Error::custom("ranges reach beyond what numbers do"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_are_counted_as_they_are_whatever_the_order_and_the_parts(
            parts in prop::collection::vec(prop::collection::vec(1u64..60, 0..20), 0..8),
        ) {
            let mut added = Ranges::default();
            parts.iter().for_each(|part| added.add(part.clone()));
            let mut merged = Ranges::default();
            for part in parts.iter().rev() {
                let mut one = Ranges::default();
                one.add(part.clone());
                merged.merge(one);
            }
            prop_assert_eq!(&merged, &added);
            let kept = postcard::to_stdvec(&added).unwrap();
            prop_assert_eq!(&postcard::from_bytes::<Ranges>(&kept).unwrap(), &added);
            let all: Vec<u64> = parts.into_iter().flatten().collect();
            let distinct: BTreeSet<u64> = all.iter().copied().collect();
            prop_assert_eq!(added.rows, all.len() as u64);
            prop_assert_eq!(added.repeated(), (all.len() - distinct.len()) as u64);
            prop_assert_eq!(added.ends(), distinct.first().copied().zip(distinct.last().copied()));
            let holes: BTreeSet<u64> = added.holes().flat_map(|(from, to)| from..=to).collect();
            let between = added.ends().map_or(0..=0, |(first, last)| first..=last);
            let missing: BTreeSet<u64> = between.filter(|n| !distinct.contains(n) && !distinct.is_empty()).collect();
            prop_assert_eq!(holes, missing);
        }
    }

    #[test]
    fn what_is_kept_of_many_ranges_is_small_and_the_greatest_number_is_one_too() {
        let mut ranges = Ranges::default();
        ranges.add((0..100_000).map(|number| 1_000_000_000_000 + number * 2).collect());
        assert!(postcard::to_stdvec(&ranges).unwrap().len() < 2 * 100_000 + 20);
        ranges.add(vec![u64::MAX, 0, u64::MAX]);
        let kept = postcard::to_stdvec(&ranges).unwrap();
        assert_eq!(postcard::from_bytes::<Ranges>(&kept).unwrap(), ranges);
        assert_eq!((ranges.ends(), ranges.repeated()), (Some((0, u64::MAX)), 1));
    }
}
