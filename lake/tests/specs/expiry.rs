//! What is too old or too much goes, the oldest first.

use crate::sample::{Open, empty, numbered, rows};
use lake::{Expired, Keeping, Partition, Rows};

const HOUR: i64 = 3_600_000_000;

/// A lake with an event in each of four hours.
fn filled() -> Open {
    let open = empty();
    for hour in 3..7 {
        let line = format!(
            r#"{{"level":"Metadata","auditID":"a","stage":"Panic","stageTimestamp":"2026-11-23T0{hour}:30:00.000000Z"}}"#
        );
        let lines = [line];
        let lines = numbered(&lines, hour);
        open.lake.write(&Rows { received_us: 0, ..rows(&lines) }).unwrap();
    }
    open
}

fn hours(open: &Open) -> Vec<i64> {
    open.lake.files().unwrap().iter().map(|file| file.partition.hour()).collect()
}

fn end_of(hour: i64) -> i64 {
    Partition::parse(&format!("date=2026-11-23/hour={hour:02}")).unwrap().start_us() + HOUR
}

#[test]
fn hours_that_are_too_old_go_with_their_folders() {
    let open = filled();
    let keeping = Keeping { age_us: Some(2 * HOUR), bytes: None };
    assert_eq!(open.lake.expire(&keeping, end_of(3) + 2 * HOUR).unwrap(), Expired::default());
    let expired = open.lake.expire(&keeping, end_of(4) + 2 * HOUR + 1).unwrap();
    assert_eq!((expired.files, expired.hours, hours(&open)), (2, 2, vec![5, 6]));
    assert!(!open.directory.path().join("date=2026-11-23/hour=03").exists());
}

#[test]
fn the_oldest_hours_go_while_the_lake_is_too_large() {
    let open = filled();
    let sizes: Vec<u64> = open.lake.files().unwrap().iter().map(|file| file.bytes).collect();
    let keeping = Keeping { age_us: None, bytes: Some(sizes[2] + sizes[3]) };
    assert_eq!(open.lake.expire(&keeping, 0).unwrap().bytes, sizes[0] + sizes[1]);
    assert_eq!(hours(&open), [5, 6]);
    assert_eq!(open.lake.expire(&keeping, 0).unwrap(), Expired::default());
}

#[test]
fn the_newest_hour_never_goes() {
    let open = filled();
    open.lake.expire(&Keeping { age_us: Some(0), bytes: Some(0) }, i64::MAX).unwrap();
    assert_eq!(hours(&open), [6]);
}

#[test]
fn without_a_limit_everything_stays() {
    let open = filled();
    assert_eq!(open.lake.expire(&Keeping::default(), i64::MAX).unwrap(), Expired::default());
}
