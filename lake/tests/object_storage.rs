//! A lake in a bucket does what a lake in a directory does, against a service that speaks the cloud's protocol.
//!
//! Runs where `AUDITRAIL_BUCKET` names a lake in a bucket that is there (the suite `object_storage.sh` starts one);
//! elsewhere it is ignored. The service's address is in `AUDITRAIL_ENDPOINT`, credentials are in the file that
//! `AUDITRAIL_CREDENTIALS` names, else (it is empty or not set) in the cloud's own variables.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

#[path = "specs/sample.rs"]
mod sample;

use lake::{File, Keeping, Lake, LakeError, Location, Merging};

const HOUR_US: i64 = 3_600_000_000;

/// A place of its own below the bucket that the environment names.
fn place(name: &str) -> Location {
    let bucket =
        std::env::var("AUDITRAIL_BUCKET").expect("AUDITRAIL_BUCKET names a bucket: s3://bucket/prefix");
    let own = format!("{}/{name}-{}", bucket.trim_end_matches('/'), std::process::id());
    let credentials_file =
        std::env::var_os("AUDITRAIL_CREDENTIALS").filter(|file| !file.is_empty()).map(Into::into);
    let endpoint = std::env::var("AUDITRAIL_ENDPOINT").ok();
    Location { endpoint, credentials_file, ..Location::of(&own) }
}

/// Paths and sizes; when a file was written is the service's to say.
fn named(files: &[File]) -> Vec<(&str, u64)> {
    files.iter().map(|file| (file.path.as_str(), file.bytes)).collect()
}

#[test]
#[ignore = "needs a bucket: see tests/suites/object_storage.sh"]
fn a_bucket_gives_back_every_line_and_writing_again_changes_nothing() {
    let lines = sample::lines();
    let numbered = sample::numbered(&lines, 100);
    let lake = Lake::at(&place("round trip")).unwrap();
    assert_eq!(lake.files().unwrap(), []);
    let written = lake.write(&sample::rows(&numbered)).unwrap();
    let files = lake.files().unwrap();
    assert_eq!(
        written.iter().map(|file| &file.path).collect::<Vec<_>>(),
        files.iter().map(|f| &f.path).collect::<Vec<_>>()
    );
    lake.write(&sample::rows(&numbered)).unwrap();
    assert_eq!(named(&lake.files().unwrap()), named(&files));

    let again = Lake::existing(&place("round trip")).unwrap();
    let mut back: Vec<_> = files.iter().flat_map(|file| sample::raw(&again, file)).collect();
    back.sort();
    let expected: Vec<_> = numbered.iter().map(|(seq, line)| (*seq, line.to_vec())).collect();
    assert!(back == expected, "{} lines came back for {}", back.len(), expected.len());

    let local = sample::filled(&lines);
    assert_eq!(again.summary().unwrap(), local.lake.summary().unwrap());
}

#[test]
#[ignore = "needs a bucket: see tests/suites/object_storage.sh"]
fn a_file_that_left_the_bucket_is_missing_and_not_damaged() {
    let lines = sample::lines();
    let lake = Lake::at(&place("missing")).unwrap();
    lake.write(&sample::rows(&sample::numbered(&lines, 100))).unwrap();
    let mut file = lake.files().unwrap().remove(0);
    file.path = file.path.replace(".parquet", "0.parquet");
    let error = lake.footer(&file).unwrap_err();
    assert!(matches!(error, LakeError::Storage { missing: true, .. }), "{error}");
}

#[test]
#[ignore = "needs a bucket: see tests/suites/object_storage.sh"]
fn files_in_a_bucket_are_merged_without_a_row_changing_and_old_hours_go() {
    let lines = sample::lines();
    let numbered = sample::numbered(&lines, 100);
    let lake = Lake::at(&place("order")).unwrap();
    for part in numbered.chunks(numbered.len().div_ceil(4)) {
        lake.write(&sample::rows(part)).unwrap();
    }
    let (before, summary) = (lake.files().unwrap(), lake.summary().unwrap());
    let now_us = before.iter().map(|file| file.modified_us).max().unwrap() + 1000 * HOUR_US;
    let merging = Merging { after_us: HOUR_US, quiet_us: HOUR_US, target: 64 << 20 };
    let hours = lake.to_merge(&merging, now_us).unwrap();
    assert!(!hours.is_empty());
    for hour in &hours {
        lake.merge(*hour, &merging, now_us, &|| true).unwrap();
    }
    let after = lake.files().unwrap();
    assert!(after.len() < before.len(), "{} files became {}", before.len(), after.len());
    assert_eq!(lake.to_merge(&merging, now_us).unwrap(), []);
    assert_eq!(Lake::existing(&place("order")).unwrap().summary().unwrap().rows, summary.rows);
    lake.write(&sample::rows(&numbered[..numbered.len().div_ceil(4)])).unwrap();
    assert_eq!(lake.files().unwrap(), after, "what is merged already is not written once more");
    let mut back: Vec<_> = after.iter().flat_map(|file| sample::raw(&lake, file)).collect();
    back.sort();
    let expected: Vec<_> = numbered.iter().map(|(seq, line)| (*seq, line.to_vec())).collect();
    assert!(back == expected, "{} lines came back for {}", back.len(), expected.len());

    let keeping = Keeping { age_us: Some(HOUR_US), bytes: None };
    assert!(lake.expire(&keeping, now_us).unwrap().hours > 0);
    let left = lake.files().unwrap();
    let newest = after.iter().map(|file| file.partition).max().unwrap();
    assert!(!left.is_empty() && left.iter().all(|file| file.partition == newest), "{left:?}");
}
