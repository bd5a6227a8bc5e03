//! Which numbers of lines are in the lake, of each origin.
//!
//! Promises: every row counts once; what is missing between the first number and the last is told as ranges, and what is
//! there more than once is counted. A number that is missing is no proof of a loss: a policy may have left the line out,
//! it may be on its way, or a dead letter.

use std::collections::BTreeMap;

use lake::{File, Lake, LakeError, Reading};
use serde::Serialize;

use crate::overview::Unreadable;
use crate::rows::Rows;

/// Holes that are named, of each origin.
const MOST_HOLES: usize = 20;
/// Rows in a batch.
const ROWS: usize = 16 << 10;

/// The numbers of a lake.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Numbered {
    /// By origin.
    pub origins: Vec<Origin>,
    /// Files that could not be read; their numbers are missing.
    pub unreadable: Vec<Unreadable>,
}

/// The rows of one origin. Where its queue was made anew, numbers begin anew.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// Cluster, node and path.
    pub origin: String,
    /// How many rows.
    pub rows: u64,
    /// The smallest number.
    pub first: u64,
    /// The largest one.
    pub last: u64,
    /// How many numbers between them are not in the lake: filtered, dead, on their way, or lost.
    pub missing: u64,
    /// The first ranges of them, both ends included.
    pub holes: Vec<(u64, u64)>,
    /// How many rows have a number that another one has too: after the queue was made anew, or written twice.
    pub repeated: u64,
}

/// Ranges of numbers with gaps between them.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    rows: u64,
    ranges: BTreeMap<u64, u64>,
    repeated: u64,
}

/// The numbers of all rows of the lake; of its files only two columns are read.
///
/// # Errors
/// [`LakeError::Storage`] when the lake cannot be listed.
pub fn numbers(lake: &Lake) -> Result<Numbered, LakeError> {
    let (mut origins, mut unreadable) = (BTreeMap::<String, Numbers>::new(), Vec::new());
    for file in lake.files()? {
        match of_file(lake, &file) {
            Ok(found) => {
                found.into_iter().for_each(|(origin, found)| origins.entry(origin).or_default().add(found));
            }
            // Merged or expired meanwhile.
            Err(LakeError::Storage { missing: true, .. }) => {}
            Err(error) => unreadable.push(Unreadable { path: file.path, why: error.to_string() }),
        }
    }
    let origins = origins.into_iter().map(|(origin, numbers)| numbers.told(origin)).collect();
    Ok(Numbered { origins, unreadable })
}

fn of_file(lake: &Lake, file: &File) -> Result<BTreeMap<String, Vec<u64>>, LakeError> {
    let mut found: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let columns = ["origin", "seq"];
    let reading = Reading { dictionaries: &columns[..1], most_rows: ROWS, ..Reading::of(&columns) };
    for batch in lake.scan(file, &reading)? {
        let batch = batch?;
        let rows = Rows::new(&batch);
        let (origin, number) = (rows.text("origin"), rows.numbers("seq"));
        let mut by_key: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
        for row in 0..rows.len() {
            let number = number(row).and_then(|number| u64::try_from(number).ok()).unwrap_or(0);
            by_key.entry(origin.key(row)).or_default().push(number);
        }
        for (key, numbers) in by_key {
            let origin = origin.of_key(key).unwrap_or_default();
            found.entry(origin.to_owned()).or_default().extend(numbers);
        }
    }
    Ok(found)
}

impl Numbers {
    /// Adds the numbers of some rows, in any order.
    pub(super) fn add(&mut self, mut numbers: Vec<u64>) {
        numbers.sort_unstable();
        self.rows += numbers.len() as u64;
        let mut run: Option<(u64, u64)> = None;
        for number in numbers {
            match &mut run {
                Some((_, last)) if number == *last => self.repeated += 1,
                Some((_, last)) if number == *last + 1 => *last = number,
                _ => {
                    run.into_iter().for_each(|(first, last)| self.add_range(first, last));
                    run = Some((number, number));
                }
            }
        }
        run.into_iter().for_each(|(first, last)| self.add_range(first, last));
    }

    /// Adds a range, joined with those that it touches; what was there already is repeated.
    fn add_range(&mut self, mut first: u64, mut last: u64) {
        let touching: Vec<(u64, u64)> = self
            .ranges
            .range(..=last.saturating_add(1))
            .rev()
            .take_while(|(_, end)| **end >= first.saturating_sub(1))
            .map(|(start, end)| (*start, *end))
            .collect();
        let (new_first, new_last) = (first, last);
        for (start, end) in touching {
            let (from, to) = (start.max(new_first), end.min(new_last));
            self.repeated += if from <= to { to - from + 1 } else { 0 };
            self.ranges.remove(&start);
            (first, last) = (first.min(start), last.max(end));
        }
        self.ranges.insert(first, last);
    }

    pub(super) fn told(self, origin: String) -> Origin {
        let holes: Vec<(u64, u64)> = self
            .ranges
            .iter()
            .zip(self.ranges.iter().skip(1))
            .map(|((_, end), (start, _))| (end + 1, start - 1))
            .collect();
        Origin {
            origin,
            rows: self.rows,
            first: self.ranges.first_key_value().map_or(0, |(first, _)| *first),
            last: self.ranges.last_key_value().map_or(0, |(_, last)| *last),
            missing: holes.iter().map(|(from, to)| to - from + 1).sum(),
            holes: holes.into_iter().take(MOST_HOLES).collect(),
            repeated: self.repeated,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::laws;
    use crate::reports::verify::verify;

    #[test]
    fn the_numbers_are_those_that_verifying_the_lake_finds() {
        let directory = tempfile::tempdir().unwrap();
        let lake = Lake::open(directory.path().to_str().unwrap()).unwrap();
        laws::write(&lake, &laws::recording());
        let verified = verify(&lake, &|| true).unwrap();
        let numbered = numbers(&lake).unwrap();
        assert_eq!((numbered.origins, numbered.unreadable), (verified.origins, vec![]));
    }

    proptest! {
        #[test]
        fn numbers_are_counted_as_they_are_whatever_the_order(parts in prop::collection::vec(prop::collection::vec(1u64..60, 0..20), 0..8)) {
            let mut numbers = Numbers::default();
            parts.iter().for_each(|part| numbers.add(part.clone()));
            let told = numbers.told(String::new());
            let all: Vec<u64> = parts.into_iter().flatten().collect();
            let distinct: BTreeSet<u64> = all.iter().copied().collect();
            prop_assert_eq!(told.rows, all.len() as u64);
            prop_assert_eq!(told.repeated, (all.len() - distinct.len()) as u64);
            if let (Some(first), Some(last)) = (distinct.first(), distinct.last()) {
                prop_assert_eq!((told.first, told.last), (*first, *last));
                prop_assert_eq!(told.missing, last - first + 1 - distinct.len() as u64);
            }
        }
    }
}
