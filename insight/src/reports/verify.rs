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

use super::origins::Ranges;

pub use super::origins::Origin;

/// Findings that are named.
pub const MOST_FINDINGS: usize = 100;

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

/// Looks at every file; `goes_on` is asked between two of them.
///
/// # Errors
/// [`LakeError::Storage`] when the lake cannot be listed.
pub fn verify(lake: &Lake, goes_on: &dyn Fn() -> bool) -> Result<Verified, LakeError> {
    let mut verified = Verified::default();
    let mut origins: BTreeMap<String, Ranges> = BTreeMap::new();
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
    verified.origins = origins.into_iter().map(|(origin, ranges)| ranges.told(origin)).collect();
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
    origins: &mut BTreeMap<String, Ranges>,
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

#[cfg(test)]
mod tests {
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
}
