//! Small files become large ones, and nobody who reads sees anything of it but their number.

use crate::sample::{Open, age, empty, lines, numbered, raw, rows};
use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use lake::{Lake, LakeError, Merged, Merging, Partition, Rows};
use parquet::file::reader::{FileReader, SerializedFileReader};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const ALL: Merging = Merging { after_us: 0, quiet_us: 0, target: 64 << 20 };
/// Far later than every event and every file.
const LATER: i64 = 4_000_000_000_000_000;

/// The sample in files of so many lines each.
fn filled(each: usize) -> Open {
    let open = empty();
    write(&open.lake, each);
    open
}

fn write(lake: &Lake, each: usize) {
    let lines = lines();
    for lines in numbered(&lines, 100).chunks(each) {
        lake.write(&rows(lines)).unwrap();
    }
}

/// Number and line of every row that is read, sorted.
fn all(lake: &Lake) -> Vec<(u64, Vec<u8>)> {
    let mut all: Vec<_> = lake.files().unwrap().iter().flat_map(|file| raw(lake, file)).collect();
    all.sort();
    all
}

fn merge_all(lake: &Lake, merging: &Merging) -> Merged {
    let mut done = Merged::default();
    for hour in lake.to_merge(merging, LATER).unwrap() {
        done.add(lake.merge(hour, merging, LATER, &|| true).unwrap());
    }
    done
}

/// Every data file, with its content.
fn on_disk(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files = crate::sample::tree(directory).into_iter().filter(|(name, _)| name.ends_with(".parquet"));
    files.map(|(name, bytes)| (directory.join(name), bytes)).collect()
}

#[test]
fn merging_changes_the_files_and_no_row() {
    let open = filled(10);
    let before = all(&open.lake);
    let files = open.lake.files().unwrap().len() as u64;
    let done = merge_all(&open.lake, &ALL);
    let hours: Vec<Partition> = open.lake.files().unwrap().iter().map(|file| file.partition).collect();
    assert_eq!((hours.len(), done.into, done.files), (2, 2, files));
    assert!(all(&open.lake) == before, "rows changed");
    assert_eq!(on_disk(open.directory.path()).len(), 2, "what was merged is still there");
    assert_eq!(merge_all(&open.lake, &ALL), Merged::default(), "there is nothing left to merge");
}

#[test]
fn the_queue_of_a_row_is_known_also_after_a_merge() {
    let open = filled(10);
    let origin = "prod/cp-1:/var/log/kubernetes/apiserver/audit.log";
    for merged in [false, true] {
        if merged {
            merge_all(&open.lake, &ALL);
        }
        for file in open.lake.files().unwrap() {
            let (number, _) = raw(&open.lake, &file).remove(0);
            assert_eq!(open.lake.queue_of(&file, origin, number).unwrap(), Some([7; 16]));
            assert_eq!(open.lake.queue_of(&file, "another", number).unwrap(), None);
        }
    }
}

#[test]
fn merged_rows_are_in_the_order_of_time() {
    use arrow_array::Array;
    use arrow_array::cast::AsArray;
    use arrow_array::types::TimestampMicrosecondType;
    let open = filled(7);
    merge_all(&open.lake, &ALL);
    for file in open.lake.files().unwrap() {
        let mut times = Vec::new();
        for batch in open.lake.read(&file, &["time"]).unwrap() {
            let batch = batch.unwrap();
            let column = batch["time"].as_primitive::<TimestampMicrosecondType>();
            times.extend((0..column.len()).map(|row| (column.is_null(row), column.value(row))));
        }
        assert!(times.is_sorted(), "{}", file.path);
        let footer = open.lake.footer(&file).unwrap();
        assert_eq!(footer.rows, times.len() as u64);
    }
}

#[test]
fn only_hours_that_ended_long_enough_ago_and_are_quiet_are_merged() {
    let open = filled(10);
    let hour = open.lake.files().unwrap()[0].partition;
    let end = hour.start_us() + 3_600_000_000;
    let late = Merging { after_us: 60, ..ALL };
    assert_eq!(open.lake.to_merge(&late, end + 59).unwrap(), []);
    let of_hour = |file: &&lake::File| file.partition == hour;
    let files = open.lake.files().unwrap();
    let newest = files.iter().filter(of_hour).map(|file| file.modified_us).max().unwrap();
    let quiet = Merging { quiet_us: 1_000_000, ..ALL };
    assert!(!open.lake.to_merge(&quiet, newest + 999_999).unwrap().contains(&hour));
    assert!(open.lake.to_merge(&quiet, LATER).unwrap().contains(&hour));
}

#[test]
fn files_that_are_large_enough_stay_and_none_becomes_too_large() {
    let open = filled(40);
    let target = 2 * open.lake.files().unwrap().iter().map(|file| file.bytes).max().unwrap();
    merge_all(&open.lake, &Merging { target, ..ALL });
    let sizes: Vec<u64> = open.lake.files().unwrap().iter().map(|file| file.bytes).collect();
    assert!(sizes.iter().all(|bytes| *bytes <= target + target / 8), "{sizes:?} for {target}");
}

#[test]
fn what_a_crash_left_behind_is_not_read_and_is_removed_by_the_next_merge() {
    let open = filled(10);
    let (before, originals) = (all(&open.lake), on_disk(open.directory.path()));
    merge_all(&open.lake, &ALL);
    for (path, bytes) in &originals[..originals.len() / 2] {
        std::fs::write(path, bytes).unwrap();
    }
    assert!(all(&open.lake) == before, "rows are doubled");
    let reopened = Lake::open(open.lake.url()).unwrap();
    assert!(all(&reopened) == before, "rows are doubled for who opens the lake anew");
    for hour in [5, 6].map(|hour| Partition::parse(&format!("date=2026-11-23/hour=0{hour}")).unwrap()) {
        reopened.merge(hour, &ALL, LATER, &|| true).unwrap();
    }
    assert_eq!(on_disk(open.directory.path()).len(), 2);
    assert!(all(&reopened) == before);
}

#[test]
fn a_batch_that_is_written_again_after_it_was_merged_changes_nothing() {
    let open = filled(10);
    let before = all(&open.lake);
    merge_all(&open.lake, &ALL);
    write(&open.lake, 10);
    assert!(all(&open.lake) == before);
    assert_eq!(on_disk(open.directory.path()).len(), 2, "a file that is covered was written");
}

#[test]
fn two_who_merge_the_same_hour_lose_and_double_nothing() {
    let open = filled(3);
    let before = all(&open.lake);
    let hours = open.lake.to_merge(&ALL, LATER).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let lake = Lake::open(open.lake.url()).unwrap();
                for hour in &hours {
                    match lake.merge(*hour, &Merging { target: 20_000, ..ALL }, LATER, &|| true) {
                        // A file that another one merged meanwhile is found missing; the next merge goes on.
                        Ok(_) | Err(LakeError::Storage { missing: true, .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            });
        }
    });
    assert!(all(&open.lake) == before);
    merge_all(&open.lake, &ALL);
    assert!(all(&open.lake) == before);
}

/// Number and line of every row, unless a file that was listed was merged meanwhile.
fn all_unless_merged_meanwhile(lake: &Lake) -> Option<Vec<u64>> {
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;
    let mut numbers = Vec::new();
    for file in lake.files().unwrap() {
        match lake.read(&file, &["seq"]) {
            Err(LakeError::Storage { missing: true, .. }) => return None,
            batches => {
                for batch in batches.unwrap() {
                    let batch = match batch {
                        Err(LakeError::Storage { missing: true, .. }) => return None,
                        batch => batch.unwrap(),
                    };
                    let found = batch["seq"].as_primitive::<Int64Type>().values();
                    numbers.extend(found.iter().map(|seq| u64::try_from(*seq).unwrap()));
                }
            }
        }
    }
    numbers.sort_unstable();
    Some(numbers)
}

#[test]
fn whoever_reads_while_files_are_merged_reads_each_row_once() {
    let open = filled(2);
    let expected: Vec<u64> = all(&open.lake).into_iter().map(|(number, _)| number).collect();
    let hours = open.lake.to_merge(&ALL, LATER).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for hour in hours {
                for target in [5_000, 20_000, 64 << 20] {
                    open.lake.merge(hour, &Merging { target, ..ALL }, LATER, &|| true).unwrap();
                }
            }
            done.store(true, std::sync::atomic::Ordering::Release);
        });
        let reader = Lake::open(open.lake.url()).unwrap();
        let mut read = 0;
        loop {
            let last = done.load(std::sync::atomic::Ordering::Acquire);
            if let Some(numbers) = all_unless_merged_meanwhile(&reader) {
                assert!(numbers == expected, "{} rows of {}", numbers.len(), expected.len());
                read += 1;
            }
            if last {
                break;
            }
        }
        assert!(read > 0);
    });
}

#[test]
fn an_hour_that_somebody_else_merges_is_left_alone_until_the_lock_is_stale() {
    let open = filled(10);
    let hour = open.lake.files().unwrap()[0].partition;
    let lock = open.directory.path().join("_staging/merging,date=2026-11-23,hour=05.lock");
    std::fs::create_dir_all(lock.parent().unwrap()).unwrap();
    std::fs::write(&lock, "another").unwrap();
    let modified = std::fs::metadata(&lock).unwrap().modified().unwrap();
    let modified = modified.duration_since(std::time::UNIX_EPOCH).unwrap().as_micros() as i64;
    assert_eq!(open.lake.merge(hour, &ALL, modified + 1, &|| true).unwrap(), Merged::default());
    assert!(lock.exists());
    assert!(open.lake.merge(hour, &ALL, modified + 2 * 3_600_000_000, &|| true).unwrap().files > 0);
    assert!(!lock.exists());
}

#[test]
fn a_merge_that_cannot_be_written_leaves_everything_as_it_was() {
    let open = filled(10);
    let before = all(&open.lake);
    let damaged = open.lake.files().unwrap()[1].path.clone();
    let bytes = std::fs::read(open.directory.path().join(&damaged)).unwrap();
    std::fs::write(open.directory.path().join(&damaged), b"no parquet at all").unwrap();
    let hour = open.lake.files().unwrap()[1].partition;
    let error = open.lake.merge(hour, &ALL, LATER, &|| true).unwrap_err();
    assert!(error.to_string().contains("no") || matches!(error, LakeError::Damaged { .. }), "{error}");
    std::fs::write(open.directory.path().join(&damaged), bytes).unwrap();
    assert!(all(&open.lake) == before);
}

/// What may happen to an hour.
#[derive(Debug, Clone)]
enum Step {
    /// A batch is written, for the first time or again.
    Write(usize),
    Merge(u64),
    /// A merge, after which files that it removed are there again, as after a power cut.
    MergeAndCrash(u64, Vec<bool>),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0usize..12).prop_map(Step::Write),
        2 => (4_000u64..80_000).prop_map(Step::Merge),
        2 => (4_000u64..80_000, prop::collection::vec(any::<bool>(), 12)).prop_map(|(target, back)| Step::MergeAndCrash(target, back)),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_happens_every_row_that_was_written_is_read_once(steps in prop::collection::vec(step(), 1..14)) {
        let line = |number: u64| format!(r#"{{"level":"Metadata","auditID":"{number}","stage":"Panic","stageTimestamp":"2026-11-23T06:{:02}:00.000000Z"}}"#, number * 7 % 60);
        let Open { mut lake, directory } = empty();
        let hour = Partition::parse("date=2026-11-23/hour=06").unwrap();
        let mut expected = std::collections::BTreeSet::new();
        for step in steps {
            match step {
                Step::Write(batch) => {
                    let first = 100 * batch as u64;
                    let texts: Vec<String> = (first..first + 20).map(line).collect();
                    let lines = numbered(&texts, first);
                    lake.write(&Rows { received_us: 0, ..rows(&lines) }).unwrap();
                    expected.extend(lines.iter().map(|(number, line)| (*number, line.to_vec())));
                }
                Step::Merge(target) => drop(lake.merge(hour, &Merging { target, ..ALL }, LATER, &|| true).unwrap()),
                Step::MergeAndCrash(target, back) => {
                    let before = on_disk(directory.path());
                    let once = std::cell::Cell::new(true);
                    lake.merge(hour, &Merging { target, ..ALL }, LATER, &|| once.replace(false)).unwrap();
                    for ((path, bytes), _) in before.iter().zip(back).filter(|(_, back)| *back) {
                        if !path.exists() { std::fs::write(path, bytes).unwrap() }
                    }
                }
                Step::Reopen => lake = Lake::open(directory.path().to_str().unwrap()).unwrap(),
            }
            let expected: Vec<_> = expected.iter().cloned().collect();
            prop_assert!(all(&lake) == expected, "after {:?}", lake.files().unwrap());
        }
    }
}

#[test]
fn files_that_are_too_old_for_a_column_are_merged_with_those_that_have_it() {
    let sample = lines();
    let (old, new) = sample.split_at(sample.len() / 2);
    let (old, new) = (numbered(old, 100), numbered(new, 100 + old.len() as u64));
    let open = empty();
    let answers = |lake: &Lake| {
        let mut found = BTreeMap::new();
        for file in lake.files().unwrap() {
            for batch in lake.read(&file, &["seq", "message"]).unwrap().map(Result::unwrap) {
                let (seq, message) =
                    (batch["seq"].as_primitive::<Int64Type>(), batch["message"].as_string::<i32>());
                found.extend((0..seq.len()).map(|row| {
                    (seq.value(row), message.is_valid(row).then(|| message.value(row).to_owned()))
                }));
            }
        }
        found
    };
    let young = empty();
    young.lake.write(&rows(&old)).unwrap();
    young.lake.write(&rows(&new)).unwrap();
    let before = answers(&young.lake);
    assert!(before.values().any(Option::is_some), "the sample has answers");
    let later = ["impersonated_groups", "impersonated_uid", "impersonated_extra", "message"];
    open.lake.write(&rows(&old)).unwrap();
    age(&open, &later);
    open.lake.write(&rows(&new)).unwrap();
    assert_eq!(answers(&open.lake), before);
    assert!(merge_all(&open.lake, &ALL).files > 1);
    assert_eq!(answers(&open.lake), before);
    for (_, file) in on_disk(open.directory.path()) {
        let file = SerializedFileReader::new(bytes::Bytes::from(file)).unwrap();
        let names =
            file.metadata().file_metadata().schema().get_fields().iter().map(|field| field.name().to_owned());
        assert!(names.collect::<Vec<_>>().ends_with(&later.map(str::to_owned)));
    }
}
