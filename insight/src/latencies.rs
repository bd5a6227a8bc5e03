//! How long things took: percentiles, sum and maximum of any number of times, in a few hundred numbers.
//!
//! Laws: adding and merging are exact and in any order give the same state: buckets are whole numbers with fixed
//! bounds. (Sketches that move their bounds or hold fractions depend on the order, so that an hour that was kept would
//! tell something else than the hour read again.) Count, sum and maximum are exact; a percentile is off by at most
//! 1.6 %, half the width of its bucket.

use serde::{Deserialize, Serialize};

use crate::shares::Sum;

/// Buckets for each doubling, as a power of two.
const BITS: u32 = 5;
/// Times below this have a bucket each.
const EXACT: u64 = 1 << BITS;

/// Times, in microseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latencies {
    /// Buckets that hold something, sorted, with how much.
    buckets: Vec<(u16, u64)>,
    count: u64,
    sum: u64,
    max: u64,
}

impl Latencies {
    /// Adds a time.
    pub fn add_us(&mut self, us: u64) {
        self.put(bucket(us), 1);
        self.count += 1;
        self.sum = self.sum.saturating_add(us);
        self.max = self.max.max(us);
    }

    /// How many times.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// All of them together.
    #[must_use]
    pub fn sum_us(&self) -> u64 {
        self.sum
    }

    /// The longest.
    #[must_use]
    pub fn max_us(&self) -> u64 {
        self.max
    }

    /// The time that `per_mille` of a thousand do not exceed; 0 of no times.
    #[must_use]
    pub fn percentile_us(&self, per_mille: u64) -> u64 {
        let rank = (u128::from(self.count) * u128::from(per_mille)).div_ceil(1000).max(1);
        let mut below = 0_u128;
        for (index, count) in &self.buckets {
            below += u128::from(*count);
            if below >= rank {
                return middle(*index).min(self.max);
            }
        }
        self.max
    }

    fn put(&mut self, index: u16, count: u64) {
        match self.buckets.binary_search_by_key(&index, |(index, _)| *index) {
            Ok(at) => self.buckets[at].1 += count,
            Err(at) => self.buckets.insert(at, (index, count)),
        }
    }
}

impl Sum for Latencies {
    fn add(&mut self, other: Latencies) {
        other.buckets.into_iter().for_each(|(index, count)| self.put(index, count));
        self.count += other.count;
        self.sum = self.sum.saturating_add(other.sum);
        self.max = self.max.max(other.max);
    }
}

fn bucket(us: u64) -> u16 {
    if us < EXACT {
        return u16::try_from(us).unwrap_or(0);
    }
    let octave = us.ilog2();
    let within = (us >> (octave - BITS)) - EXACT;
    let index = u64::from(octave - BITS + 1) * EXACT + within;
    u16::try_from(index).expect("64 doublings have fewer than 2^16 buckets")
}

/// The middle of a bucket.
fn middle(index: u16) -> u64 {
    let index = u64::from(index);
    if index < EXACT {
        return index;
    }
    let shift = index / EXACT - 1;
    let low = (index % EXACT + EXACT) << shift;
    low + ((1_u64 << shift) - 1) / 2
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(times: &[u64]) -> Latencies {
        let mut latencies = Latencies::default();
        times.iter().for_each(|us| latencies.add_us(*us));
        latencies
    }

    proptest! {
        #[test]
        fn a_percentile_is_off_by_at_most_a_fraction_of_its_bucket(
            mut times in prop::collection::vec(0u64..1 << 40, 1..300), per_mille in 1u64..=1000,
        ) {
            let told = of(&times).percentile_us(per_mille);
            times.sort_unstable();
            let exact = times[(times.len() as u64 * per_mille).div_ceil(1000) as usize - 1];
            prop_assert!(told.abs_diff(exact) as f64 <= exact as f64 / 60.0, "{told} for {exact}");
        }

        #[test]
        fn parts_in_any_order_give_the_whole(times in prop::collection::vec(any::<u64>(), 0..100), cut in 0usize..100) {
            let (one, other) = times.split_at(cut.min(times.len()));
            let (mut merged, mut turned) = (of(one), of(other));
            merged.add(of(other));
            turned.add(of(one));
            prop_assert_eq!(&merged, &of(&times));
            prop_assert_eq!(merged, turned);
        }
    }

    #[test]
    fn sum_and_maximum_are_exact_and_the_largest_time_has_a_bucket() {
        let latencies = of(&[1, 2, 1_000_003, 3]);
        assert_eq!((latencies.count(), latencies.sum_us(), latencies.max_us()), (4, 1_000_009, 1_000_003));
        assert_eq!(
            (of(&[u64::MAX]).percentile_us(500), of(&[]).percentile_us(990)),
            (middle(bucket(u64::MAX)), 0)
        );
    }
}
