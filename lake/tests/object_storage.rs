//! A lake in a bucket does what a lake in a directory does, against a service that speaks the cloud's protocol.
//!
//! Runs where `AUDITRAIL_BUCKET` names a lake in a bucket that is there (the suite `object_storage.sh` starts one);
//! elsewhere it is ignored. Credentials and the service's address come from the cloud's own variables.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

#[path = "specs/sample.rs"]
mod sample;

use lake::{Lake, LakeError, Location};

/// A place of its own below the bucket that the environment names.
fn place(name: &str) -> Location {
    let bucket =
        std::env::var("AUDITRAIL_BUCKET").expect("AUDITRAIL_BUCKET names a bucket: s3://bucket/prefix");
    let own = format!("{}/{name}-{}", bucket.trim_end_matches('/'), std::process::id());
    Location { endpoint: std::env::var("AUDITRAIL_ENDPOINT").ok(), ..Location::of(&own) }
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
    assert_eq!(lake.files().unwrap(), files);

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
