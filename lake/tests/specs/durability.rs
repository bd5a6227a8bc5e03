//! What is half written, damaged or gone.

use crate::sample::{filled, lines, numbered, raw, rows};
use lake::{Lake, LakeError};
use std::fs;

/// Path and size of files: when they were written may differ.
fn listed(files: &[lake::File]) -> Vec<(&str, u64)> {
    files.iter().map(|file| (file.path.as_str(), file.bytes)).collect()
}

#[test]
fn a_torn_file_of_a_crashed_writer_is_never_seen() {
    let lines = lines();
    let open = filled(&lines);
    let files = open.lake.files().unwrap();
    let whole = fs::read(open.directory.path().join(&files[0].path)).unwrap();
    for path in ["_staging/4711-0.partial".into(), format!("{}#1", files[0].path)] {
        let path = open.directory.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, &whole[..whole.len() / 2]).unwrap();
    }
    let again = Lake::open(open.lake.url()).unwrap();
    assert_eq!(listed(&again.files().unwrap()), listed(&files));
    assert_eq!(again.summary().unwrap().rows, lines.len() as u64);
    again.write(&rows(&numbered(&lines, 100))).unwrap();
    assert_eq!(listed(&again.files().unwrap()), listed(&files));
}

#[test]
fn a_writer_that_died_between_two_hours_is_completed_by_writing_again() {
    let lines = lines();
    let open = filled(&lines);
    let files = open.lake.files().unwrap();
    fs::remove_file(open.directory.path().join(&files[1].path)).unwrap();
    open.lake.write(&rows(&numbered(&lines, 100))).unwrap();
    assert_eq!(listed(&open.lake.files().unwrap()), listed(&files));
}

#[test]
fn a_damaged_file_is_named_and_the_others_are_still_read() {
    let open = filled(&lines());
    let files = open.lake.files().unwrap();
    let path = open.directory.path().join(&files[0].path);
    let whole = fs::read(&path).unwrap();
    for damaged in [&whole[..whole.len() - 9], b"", b"PAR1", &[0; 5000]] {
        fs::write(&path, damaged).unwrap();
        let file = open.lake.files().unwrap().remove(0);
        let error = open.lake.read(&file, &["raw"]).unwrap_err();
        assert!(matches!(error, LakeError::Damaged { ref path, .. } if *path == file.path), "{error}");
        assert!(open.lake.footer(&file).is_err());
    }
    assert!(!raw(&open.lake, &files[1]).is_empty());
}

/// Parquet pages carry no checksum here, so damage among the rows need not be seen; it must do no harm.
#[test]
fn damage_anywhere_in_a_file_is_an_error_or_other_rows_and_never_a_panic() {
    let open = filled(&lines()[..40]);
    let file = open.lake.files().unwrap().remove(0);
    let path = open.directory.path().join(&file.path);
    let whole = fs::read(&path).unwrap();
    let mut errors = 0;
    for at in (0..whole.len()).step_by(whole.len() / 200) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        fs::write(&path, damaged).unwrap();
        let rows = open.lake.read(&file, &["raw", "seq", "annotations", "verb"]);
        errors += usize::from(rows.and_then(|rows| rows.collect::<Result<Vec<_>, _>>()).is_err());
    }
    assert!(errors > 0, "nothing was damaged");
}

#[test]
fn a_file_that_went_away_is_told_apart_from_a_damaged_one() {
    let open = filled(&lines());
    let files = open.lake.files().unwrap();
    fs::remove_file(open.directory.path().join(&files[0].path)).unwrap();
    for error in [open.lake.footer(&files[0]).unwrap_err(), open.lake.read(&files[0], &["raw"]).unwrap_err()]
    {
        assert!(matches!(error, LakeError::Storage { missing: true, .. }), "{error}");
    }
}

#[test]
fn a_lake_that_went_away_is_an_error_and_not_an_empty_lake() {
    let open = filled(&lines());
    fs::remove_dir_all(open.directory.path()).unwrap();
    assert!(matches!(open.lake.files(), Err(LakeError::Storage { .. })));
    assert!(matches!(open.lake.summary(), Err(LakeError::Storage { .. })));
}

#[test]
fn who_only_reads_makes_no_lake() {
    let directory = tempfile::tempdir().unwrap();
    let absent = directory.path().join("absent");
    let error = Lake::open_existing(absent.to_str().unwrap()).unwrap_err();
    assert!(matches!(&error, LakeError::Absent { directory, .. } if *directory == absent), "{error}");
    assert!(!absent.exists());
    assert!(Lake::open_existing(directory.path().to_str().unwrap()).unwrap().files().unwrap().is_empty());
}

#[test]
fn a_lake_that_cannot_be_is_refused_with_the_reason() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("taken");
    fs::write(&file, "not a directory").unwrap();
    let error = Lake::open(file.to_str().unwrap()).unwrap_err();
    assert!(matches!(error, LakeError::Storage { .. }), "{error}");
    assert!(matches!(Lake::open("ftp://host/lake").unwrap_err(), LakeError::Url { .. }));
}
