//! What is written is what is read.

use crate::sample::{RECEIVED_US, empty, filled, lines, numbered, raw, rows, tree};
use lake::{Partition, Rows};
use proptest::prelude::*;

#[test]
fn every_line_comes_back_byte_for_byte() {
    let lines = lines();
    assert!(lines.iter().any(|line| std::str::from_utf8(line).is_err()), "the sample lost its odd line");
    let open = filled(&lines);
    let mut back: Vec<_> = open.lake.files().unwrap().iter().flat_map(|file| raw(&open.lake, file)).collect();
    back.sort();
    let expected: Vec<_> =
        numbered(&lines, 100).into_iter().map(|(seq, line)| (seq, line.to_vec())).collect();
    assert!(back == expected, "{} lines came back for {}", back.len(), expected.len());
}

#[test]
fn each_hour_of_event_time_has_a_file_of_its_own() {
    let lines = lines();
    let open = filled(&lines);
    let files = open.lake.files().unwrap();
    let hours: Vec<String> = files.iter().map(|file| file.partition.to_string()).collect();
    assert_eq!(hours, ["date=2026-11-23/hour=05", "date=2026-11-23/hour=06"]);
    for file in &files {
        for (_, line) in raw(&open.lake, file) {
            let line = String::from_utf8_lossy(&line);
            let stage = line.split(r#""stageTimestamp":"2026-11-23T"#).nth(1).unwrap();
            assert_eq!(file.partition.to_string(), format!("date=2026-11-23/hour={}", &stage[..2]));
        }
    }
}

#[test]
fn writing_says_what_it_wrote() {
    let lines = lines();
    let open = empty();
    let numbered = numbered(&lines, 100);
    let written = open.lake.write(&rows(&numbered)).unwrap();
    let files = open.lake.files().unwrap();
    assert_eq!(written.iter().map(|file| file.rows).sum::<u64>(), lines.len() as u64);
    for (written, file) in written.iter().zip(&files) {
        assert_eq!((&written.path, written.bytes), (&file.path, file.bytes));
        assert_eq!(open.lake.footer(file).unwrap().rows, written.rows);
    }
}

#[test]
fn writing_the_same_rows_again_changes_no_byte() {
    let lines = lines();
    let open = filled(&lines);
    let before = tree(open.directory.path());
    open.lake.write(&rows(&numbered(&lines, 100))).unwrap();
    assert!(before == tree(open.directory.path()));
    assert_eq!(open.lake.summary().unwrap().rows, lines.len() as u64);
}

#[test]
fn two_writers_of_the_same_rows_leave_one_set_of_files() {
    let lines = lines();
    let open = filled(&lines);
    let before = tree(open.directory.path());
    let numbered = numbered(&lines, 100);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| open.lake.write(&rows(&numbered)).unwrap());
        }
    });
    assert!(before == tree(open.directory.path()));
}

#[test]
fn other_numbers_another_queue_and_another_origin_are_other_files() {
    let line = lines().remove(0);
    let open = empty();
    let (first, second) = ([(1, &line[..])], [(2, &line[..])]);
    open.lake.write(&rows(&first)).unwrap();
    open.lake.write(&rows(&second)).unwrap();
    open.lake.write(&Rows { queue: [8; 16], ..rows(&first) }).unwrap();
    open.lake.write(&Rows { origin: "prod/cp-2", ..rows(&first) }).unwrap();
    assert_eq!(open.lake.files().unwrap().len(), 4);
    assert_eq!(open.lake.summary().unwrap().rows, 4);
}

#[test]
fn rows_are_in_the_order_of_time_and_then_of_their_numbers() {
    let event = |us: u32| {
        format!(r#"{{"level":"Metadata","stage":"Panic","stageTimestamp":"2026-11-23T06:00:00.{us:06}Z"}}"#)
    };
    let open = filled(&[event(7), event(5), "{}".into(), event(7), event(5)]);
    let files = open.lake.files().unwrap();
    let order = |index: usize| raw(&open.lake, &files[index]).iter().map(|row| row.0).collect::<Vec<_>>();
    assert_eq!(order(0), [101, 104, 100, 103]);
    assert_eq!(files[1].partition, Partition::of(RECEIVED_US));
    assert_eq!(order(1), [102]);
}

#[test]
fn no_lines_make_no_file() {
    let open = empty();
    assert_eq!(open.lake.write(&rows(&[])).unwrap(), []);
    assert_eq!(tree(open.directory.path()), []);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_bytes_come_back_as_they_were(
        lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..20),
        first in 0u64..1 << 40,
        received_us in -62_135_596_800_000_000i64..253_402_300_800_000_000,
    ) {
        let open = empty();
        let numbered = numbered(&lines, first);
        open.lake.write(&Rows { received_us, ..rows(&numbered) }).unwrap();
        let files = open.lake.files().unwrap();
        prop_assert_eq!(files.len(), 1);
        prop_assert_eq!(files[0].partition, Partition::of(received_us));
        let expected: Vec<_> = numbered.iter().map(|(seq, line)| (*seq, line.to_vec())).collect();
        prop_assert_eq!(raw(&open.lake, &files[0]), expected);
    }
}
