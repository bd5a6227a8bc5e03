//! The first fold: how many events, of which verbs and codes.
//!
//! Laws: counts of parts merge to the counts of the whole, in any order; nothing is lost in a merge, so the
//! verbs add up to the events, and so do the codes. Bounded: a client may invent verbs (any HTTP method is
//! one), so that after [`MOST_VERBS`] distinct ones further ones are counted together.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use serde::Serialize;

/// Distinct verbs that are counted apart.
pub const MOST_VERBS: usize = 64;
/// Where further verbs are counted.
pub const OTHER: &str = "other";
/// Where events are counted that tell no verb or no code (a request that has only been received has none).
pub const UNTOLD: &str = "none";

/// Counts of some events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// How many events.
    pub events: u64,
    /// Their size as lines of the log, in bytes.
    pub bytes: u64,
    /// Events by verb; [`UNTOLD`], and [`OTHER`] beyond [`MOST_VERBS`].
    pub verbs: BTreeMap<String, u64>,
    /// Events by HTTP status code; [`UNTOLD`] before the response.
    pub codes: BTreeMap<String, u64>,
}

impl Counts {
    /// The columns that [`Counts::add`] reads.
    pub(crate) const COLUMNS: [&'static str; 3] = ["verb", "code", "bytes"];

    /// Takes a batch of rows in, which has at least [`Counts::COLUMNS`].
    pub(crate) fn add(&mut self, rows: &RecordBatch) {
        self.events += rows.num_rows() as u64;
        let bytes = rows["bytes"].as_primitive::<Int64Type>().values();
        self.bytes += bytes.iter().filter_map(|bytes| u64::try_from(*bytes).ok()).sum::<u64>();
        for verb in rows["verb"].as_string::<i32>() {
            self.count_verb(verb.unwrap_or(UNTOLD), 1);
        }
        let mut codes: BTreeMap<Option<i32>, u64> = BTreeMap::new();
        rows["code"].as_primitive::<Int32Type>().iter().for_each(|code| *codes.entry(code).or_default() += 1);
        for (code, events) in codes {
            let code = code.map_or(UNTOLD.to_owned(), |code| code.to_string());
            *self.codes.entry(code).or_default() += events;
        }
    }

    /// Takes the counts of other events in.
    pub fn merge(&mut self, other: &Counts) {
        self.events += other.events;
        self.bytes += other.bytes;
        other.verbs.iter().for_each(|(verb, events)| self.count_verb(verb, *events));
        other.codes.iter().for_each(|(code, events)| *self.codes.entry(code.clone()).or_default() += events);
    }

    fn count_verb(&mut self, verb: &str, events: u64) {
        if let Some(count) = self.verbs.get_mut(verb) {
            *count += events;
            return;
        }
        let apart = self.verbs.len() - usize::from(self.verbs.contains_key(OTHER));
        let verb = if apart < MOST_VERBS { verb } else { OTHER };
        *self.verbs.entry(verb.to_owned()).or_default() += events;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of_verbs(verbs: &[String]) -> Counts {
        let mut counts = Counts { events: verbs.len() as u64, ..Counts::default() };
        verbs.iter().for_each(|verb| counts.count_verb(verb, 1));
        counts
    }

    #[test]
    fn invented_verbs_are_counted_together_and_none_is_lost() {
        let verbs: Vec<String> = (0..1000).map(|number| format!("verb{number}")).collect();
        let counts = of_verbs(&verbs);
        assert_eq!(counts.verbs.len(), MOST_VERBS + 1);
        assert_eq!(counts.verbs[OTHER], 1000 - MOST_VERBS as u64);
    }

    #[test]
    fn merging_full_counts_into_none_changes_nothing() {
        let verbs: Vec<String> = (0..1000).map(|number| format!("verb{number}")).collect();
        let counts = of_verbs(&verbs);
        let mut merged = Counts::default();
        merged.merge(&counts);
        assert_eq!(merged, counts);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn the_order_of_merging_does_not_matter(parts in prop::collection::vec(prop::collection::vec("[a-e]", 0..9), 0..9)) {
            let parts: Vec<Counts> = parts.iter().map(|verbs| of_verbs(verbs)).collect();
            let merged = |parts: &mut dyn Iterator<Item = &Counts>| {
                parts.fold(Counts::default(), |mut sum, part| { sum.merge(part); sum })
            };
            let sum = merged(&mut parts.iter());
            prop_assert_eq!(&sum, &merged(&mut parts.iter().rev()));
            prop_assert_eq!(sum.events, sum.verbs.values().sum::<u64>());
        }

        #[test]
        fn merging_loses_no_event_however_many_verbs(parts in prop::collection::vec(prop::collection::vec("[a-z]{2}", 0..200), 0..9)) {
            let mut sum = Counts::default();
            parts.iter().for_each(|verbs| sum.merge(&of_verbs(verbs)));
            prop_assert_eq!(sum.events, sum.verbs.values().sum::<u64>());
            prop_assert!(sum.verbs.len() <= MOST_VERBS + 1);
        }
    }
}
