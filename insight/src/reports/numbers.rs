//! Which numbers of lines are in the lake, of each origin.
//!
//! Promises: every row counts once; what is missing between the first number and the last is told as ranges, and what is
//! there more than once is counted; files that were counted before are not read again. A number that is missing is no
//! proof of a loss: a policy may have left the line out, it may be on its way, or a dead letter.

mod ranges;

use std::collections::BTreeMap;

use lake::{Lake, LakeError};
use serde::{Deserialize, Serialize};

use crate::ask::{Answer, ask};
use crate::fold::{Closer, Fold};
use crate::kept::Kept;
use crate::overview::Unreadable;
use crate::rows::Rows;
pub(super) use ranges::Ranges;

/// Holes that are named, of each origin.
const MOST_HOLES: usize = 20;

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

/// The numbers of rows of the lake, by origin; lines elsewhere have none. Origins are few: whoever runs the collectors
/// names them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbers(BTreeMap<String, Ranges>);

impl Fold for Numbers {
    const NAME: &'static str = "numbers-1";
    const COLUMNS: &'static [&'static str] = &["origin", "seq"];

    fn take(&mut self, rows: &Rows<'_>, _: &mut Closer) {
        let (origin, number) = (rows.text("origin"), rows.numbers("seq"));
        let mut by_key: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
        for row in 0..rows.len() {
            let number = number(row).and_then(|number| u64::try_from(number).ok()).unwrap_or(0);
            by_key.entry(origin.key(row)).or_default().push(number);
        }
        for (key, numbers) in by_key {
            let origin = origin.of_key(key).unwrap_or_default();
            self.0.entry(origin.to_owned()).or_default().add(numbers);
        }
    }

    fn merge(&mut self, other: Self) {
        other.0.into_iter().for_each(|(origin, ranges)| self.0.entry(origin).or_default().merge(ranges));
    }
}

/// The numbers of all rows of the lake, with so many threads.
///
/// # Errors
/// [`LakeError::Storage`] when the lake cannot be listed.
pub fn numbers(lake: &Lake, kept: &Kept, threads: usize) -> Result<Numbered, LakeError> {
    let Answer { fold, unreadable, .. } = ask::<Numbers>(lake, kept, None, threads)?;
    let origins = fold.0.into_iter().map(|(origin, ranges)| ranges.told(origin)).collect();
    Ok(Numbered { origins, unreadable })
}

impl Ranges {
    pub(super) fn told(self, origin: String) -> Origin {
        let (first, last) = self.ends().unwrap_or_default();
        Origin {
            origin,
            rows: self.rows,
            first,
            last,
            missing: self.holes().map(|(from, to)| to - from + 1).sum(),
            holes: self.holes().take(MOST_HOLES).collect(),
            repeated: self.repeated(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws;
    use crate::reports::verify::verify;

    fn filled() -> (tempfile::TempDir, Lake) {
        let directory = tempfile::tempdir().unwrap();
        let lake = Lake::open(directory.path().join("lake").to_str().unwrap()).unwrap();
        laws::write(&lake, &laws::recording());
        (directory, lake)
    }

    #[test]
    fn the_numbers_are_those_that_verifying_the_lake_finds_kept_or_not() {
        let (directory, lake) = filled();
        let verified = verify(&lake, &|| true).unwrap();
        assert!(verified.origins[0].rows > 100);
        let kept = Kept::in_directory(&directory.path().join("states"));
        for _ in 0..2 {
            let numbered = numbers(&lake, &kept, 2).unwrap();
            assert_eq!((&numbered.origins, numbered.unreadable), (&verified.origins, vec![]));
        }
        assert_eq!(ask::<Numbers>(&lake, &kept, None, 1).unwrap().opened, 0);
    }

    #[test]
    fn of_a_file_that_left_the_lake_the_numbers_are_missing_also_when_they_were_known() {
        let (directory, lake) = filled();
        let kept = Kept::in_directory(&directory.path().join("states"));
        let before = numbers(&lake, &kept, 2).unwrap().origins.remove(0);
        // Neither the first number nor the last one is in it.
        let files = lake.files().unwrap();
        let rows = |name: &str| {
            let mut ends =
                name.trim_end_matches(".parquet").rsplit('-').map(|end| end.parse::<u64>().unwrap());
            let (last, first) = (ends.next().unwrap(), ends.next().unwrap());
            (first, last)
        };
        let middle = files.iter().find(|file| {
            let (first, last) = rows(&file.path);
            first > before.first && last < before.last
        });
        std::fs::remove_file(directory.path().join("lake").join(&middle.unwrap().path)).unwrap();
        let after = numbers(&lake, &kept, 2).unwrap().origins.remove(0);
        assert!(after.missing > 0 && after.missing == before.rows - after.rows, "{after:?}");
        assert_eq!(verify(&lake, &|| true).unwrap().origins, [after]);
    }
}
