//! A question to the lake: a fold over a span of time.
//!
//! Promises: whole hours, and days, come from kept states where they are known, only the edges are always read; a file that left
//! the lake while it was read (merged, expired) makes its hour be looked at again, so that no event is missing or
//! counted twice.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use lake::{File, Lake, LakeError, Partition};

use crate::fold::Fold;
use crate::kept::Kept;
use crate::overview::Unreadable;
use crate::scan::{self, Folded, GoesOn, Hour};

/// How often the lake is listed again because files left it.
const TRIES: usize = 4;

/// What a question gives.
#[derive(Debug)]
pub struct Answer<F> {
    /// The state.
    pub fold: F,
    /// How many files are behind it.
    pub files: u64,
    /// How many of them were opened; the others were known.
    pub opened: u64,
    /// Files for which there was no time; their events are missing.
    pub missing: u64,
    /// Files that could not be read; their events are missing.
    pub unreadable: Vec<Unreadable>,
}

/// The fold over all events of the lake, or over those from `times.start` to before `times.end` (microseconds since
/// 1970, UTC), with so many threads.
///
/// # Errors
/// [`LakeError::Storage`] when the lake cannot be listed.
pub fn ask<F: Fold>(
    lake: &Lake,
    kept: &Kept,
    times: Option<&Range<i64>>,
    threads: usize,
) -> Result<Answer<F>, LakeError> {
    ask_while(lake, kept, times, threads, &|| true)
}

/// As [`ask`], but opens no further file of whole hours when it does not go on: the answer is of those that were read
/// until then, which are kept, so that who asks again comes further.
pub(crate) fn ask_while<F: Fold>(
    lake: &Lake,
    kept: &Kept,
    times: Option<&Range<i64>>,
    threads: usize,
    goes_on: GoesOn<'_>,
) -> Result<Answer<F>, LakeError> {
    for left in (0..TRIES).rev() {
        let hours = hours(lake.files()?, times);
        let files = hours.iter().map(|hour| hour.files.len() as u64).sum();
        let Folded { fold, failed, opened, missing } = scan::hours::<F>(lake, kept, hours, threads, goes_on);
        let left_the_lake =
            failed.iter().any(|(_, error)| matches!(error, LakeError::Storage { missing: true, .. }));
        if !left_the_lake || left == 0 {
            let unreadable = failed
                .into_iter()
                .map(|(file, error)| Unreadable { path: file.path, why: error.to_string() });
            return Ok(Answer { fold, files, opened, missing, unreadable: unreadable.collect() });
        }
    }
    unreachable!("the last try gives an answer")
}

/// The hours that may hold an event of these times.
fn hours(files: Vec<File>, times: Option<&Range<i64>>) -> Vec<Hour> {
    let hours = by_hour(files);
    let newest = hours.keys().next_back().copied();
    let cut_days: BTreeSet<i64> = hours
        .keys()
        .filter(|hour| Some(**hour) != newest && asked(**hour, times) != Asked::Whole)
        .map(|hour| scan::day(*hour))
        .collect();
    let asked = hours.into_iter().filter_map(|(partition, files)| {
        let times = match asked(partition, times) {
            Asked::Not => return None,
            Asked::Whole => None,
            Asked::Partly => times.cloned(),
        };
        // The newest hour still grows; and the same day is not kept once with and once without some of its hours.
        let in_day = Some(partition) != newest && !cut_days.contains(&scan::day(partition));
        Some(Hour { partition, files, times, in_day })
    });
    asked.collect()
}

/// The files of each hour.
pub(crate) fn by_hour(files: Vec<File>) -> BTreeMap<Partition, Vec<File>> {
    let mut hours: BTreeMap<Partition, Vec<File>> = BTreeMap::new();
    for file in files {
        hours.entry(file.partition).or_default().push(file);
    }
    hours
}

/// How much of an hour is asked for.
#[derive(PartialEq, Eq)]
enum Asked {
    Not,
    Partly,
    Whole,
}

fn asked(hour: Partition, times: Option<&Range<i64>>) -> Asked {
    let hour = hour.start_us()..hour.start_us() + HOUR_US;
    match times {
        Some(times) if times.start >= hour.end || times.end <= hour.start => Asked::Not,
        Some(times) if times.start > hour.start || hour.end > times.end => Asked::Partly,
        _ => Asked::Whole,
    }
}

const HOUR_US: i64 = 3_600_000_000;

#[cfg(test)]
mod tests;
