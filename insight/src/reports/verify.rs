//! Whether the lake is what it should be: readable, sorted, each row in its hour, no number twice.
//!
//! Promises: every file is read to its end but for the lines themselves, whose lengths are compared with `bytes`; what
//! is wrong is named with its file, at most [`MOST_FINDINGS`] of them, and all are counted. Numbers that are missing
//! are no fault of the lake: lines may be filtered, or be on their way; they are told as ranges.

use std::collections::BTreeMap;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use lake::{File, Lake, LakeError, Partition};
use serde::Serialize;

/// Findings that are named.
pub const MOST_FINDINGS: usize = 100;
/// Holes that are named, of each origin.
const MOST_HOLES: usize = 20;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Files that were read.
    pub files: u64,
    /// Rows in them.
    pub rows: u64,
    /// Their size on disk, in bytes.
    pub bytes: u64,
    /// How many things are wrong.
    pub wrong: u64,
    /// The first of them.
    pub findings: Vec<Finding>,
    /// What was found of each origin.
    pub origins: Vec<Origin>,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The file, relative to the lake.
    pub path: String,
    /// What is wrong with it.
    pub why: String,
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
#[derive(Default)]
struct Numbers {
    rows: u64,
    ranges: BTreeMap<u64, u64>,
    repeated: u64,
}

/// Looks at every file; `goes_on` is asked between two of them.
///
/// # Errors
/// [`LakeError::Storage`] when the lake cannot be listed.
pub fn verify(lake: &Lake, goes_on: &dyn Fn() -> bool) -> Result<Verified, LakeError> {
    let mut verified = Verified::default();
    let mut origins: BTreeMap<String, Numbers> = BTreeMap::new();
    for file in lake.files()? {
        if !goes_on() {
            break;
        }
        if let Err(error) = look(lake, &file, &mut verified, &mut origins) {
            if matches!(error, LakeError::Storage { missing: true, .. }) {
                continue; // merged or expired meanwhile
            }
            verified.find(&file, error.to_string());
        }
        verified.files += 1;
        verified.bytes += file.bytes;
    }
    verified.origins = origins.into_iter().map(|(origin, numbers)| numbers.told(origin)).collect();
    Ok(verified)
}

impl Verified {
    fn find(&mut self, file: &File, why: String) {
        self.wrong += 1;
        if self.findings.len() < MOST_FINDINGS {
            self.findings.push(Finding { path: file.path.clone(), why });
        }
    }
}

fn look(
    lake: &Lake,
    file: &File,
    verified: &mut Verified,
    origins: &mut BTreeMap<String, Numbers>,
) -> Result<(), LakeError> {
    let (mut last, mut unsorted, mut strayed, mut cut) = (None, 0u64, 0u64, 0u64);
    let mut found: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for batch in lake.read(file, &["time", "received", "bytes", "origin", "seq", "raw"])? {
        let batch = batch?;
        let times = batch["time"].as_primitive::<TimestampMicrosecondType>();
        let received = batch["received"].as_primitive::<TimestampMicrosecondType>();
        let (bytes, numbers) =
            (batch["bytes"].as_primitive::<Int64Type>(), batch["seq"].as_primitive::<Int64Type>());
        let (of, raw) = (batch["origin"].as_string::<i32>(), batch["raw"].as_binary::<i32>());
        verified.rows += batch.num_rows() as u64;
        for row in 0..batch.num_rows() {
            let time = times.is_valid(row).then(|| times.value(row));
            let key = (time.is_none(), time);
            unsorted += u64::from(last.is_some_and(|last| last > key));
            last = Some(key);
            strayed +=
                u64::from(Partition::of(time.unwrap_or_else(|| received.value(row))) != file.partition);
            cut += u64::from(usize::try_from(bytes.value(row)).ok() != Some(raw.value(row).len()));
            match found.get_mut(of.value(row)) {
                Some(seen) => seen.push(u64::try_from(numbers.value(row)).unwrap_or(0)),
                None => {
                    drop(found.insert(
                        of.value(row).to_owned(),
                        vec![u64::try_from(numbers.value(row)).unwrap_or(0)],
                    ))
                }
            }
        }
    }
    for (origin, numbers) in found {
        origins.entry(origin).or_default().add(numbers);
    }
    let wrong = [
        (unsorted, "rows are out of order"),
        (strayed, "rows belong to another hour"),
        (cut, "lines are not as long as they were"),
    ];
    wrong
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .for_each(|(count, what)| verified.find(file, format!("{count} {what}")));
    Ok(())
}

impl Numbers {
    fn add(&mut self, mut numbers: Vec<u64>) {
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

    fn told(self, origin: String) -> Origin {
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

    fn filled() -> (tempfile::TempDir, Lake) {
        let directory = tempfile::tempdir().unwrap();
        let lake = Lake::open(directory.path().to_str().unwrap()).unwrap();
        laws::write(&lake, &laws::recording());
        (directory, lake)
    }

    #[test]
    fn a_lake_that_is_well_has_no_finding_and_every_number() {
        let (_directory, lake) = filled();
        let lines = laws::recording().len() as u64;
        let verified = verify(&lake, &|| true).unwrap();
        assert_eq!((verified.rows, verified.wrong, &verified.findings[..]), (lines, 0, &[][..]));
        let expected =
            Origin { origin: "a.log".into(), rows: lines, first: 1, last: lines, ..Origin::default() };
        assert_eq!(verified.origins, [expected]);
    }

    #[test]
    fn what_is_damaged_strayed_missing_or_doubled_is_found() {
        let (directory, lake) = filled();
        let files = lake.files().unwrap();
        let at = |path: &str| directory.path().join(path);
        std::fs::create_dir_all(at("date=2020-01-01/hour=00")).unwrap();
        std::fs::rename(at(&files[0].path), at("date=2020-01-01/hour=00/strayed.parquet")).unwrap();
        std::fs::copy(at(&files[1].path), at(&files[1].path).with_file_name("doubled.parquet")).unwrap();
        std::fs::write(at(&files[2].path), "no parquet").unwrap();
        let verified = verify(&lake, &|| true).unwrap();
        let found = |what: &str| verified.findings.iter().any(|finding| finding.why.contains(what));
        assert!(found("belong to another hour") && found("cannot be read"), "{verified:#?}");
        assert!(verified.origins[0].repeated > 0, "{verified:#?}");
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
