//! Damage of every kind: set aside alone, said, and never in the way of the rest.

use std::fs;
use std::path::{Path, PathBuf};

use queue::{OpenError, Queue, ReadError};

use crate::harness::{append, checkpoint, copy, flip, numbers, open, payload, segments, small};

/// A queue with the numbers 1 to 9, as a crash leaves it.
fn crashed(root: &Path) -> PathBuf {
    let (queue, _) = open(&root.join("before"));
    append(&queue, 1..=9);
    copy(&root.join("before"), &root.join("after"));
    root.join("after")
}

fn without(missing: u64) -> Vec<u64> {
    (1..=9).filter(|number| *number != missing).collect()
}

#[test]
fn a_flipped_byte_in_a_payload_costs_that_record_alone() {
    let root = tempfile::tempdir().unwrap();
    let dir = crashed(root.path());
    flip(&segments(&dir)[0], &payload(4)[..16], 50);
    let (queue, opened) = open(&dir);
    assert_eq!((opened.damaged_records, opened.clean, opened.renewed_id), (1, false, false));
    assert_eq!(opened.damaged[0].position, Some(4));
    assert_eq!(opened.damaged[0].header.as_deref(), Some(&4u64.to_le_bytes()[..]));
    assert_eq!(numbers(&queue), without(4));
    assert_eq!(fs::read_dir(dir.join("damaged")).unwrap().count(), 1);
    assert_eq!(queue.usage().damaged_records, 1);
    queue.close().unwrap();
    let (queue, opened) = open(&dir);
    assert_eq!((opened.damaged_records, opened.clean), (0, true));
    assert_eq!(numbers(&queue), without(4));
}

#[test]
fn a_flipped_byte_in_a_record_header_costs_that_record_alone_with_and_without_the_index() {
    for lose_index in [false, true] {
        let root = tempfile::tempdir().unwrap();
        let dir = crashed(root.path());
        let mut needle = 4u64.to_le_bytes().to_vec();
        needle.extend_from_slice(&payload(4)[..16]);
        flip(&segments(&dir)[0], &needle, 1);
        if lose_index {
            fs::remove_dir_all(dir.join("index")).unwrap();
        }
        let (queue, opened) = open(&dir);
        assert_eq!((opened.damaged_records, opened.rebuilt_index), (1, lose_index), "{opened:?}");
        assert_eq!(numbers(&queue), without(4));
        assert_eq!(checkpoint(&queue), Some(9));
        assert!(!opened.renewed_id, "no state is missing");
    }
}

#[test]
fn a_record_that_is_damaged_while_the_queue_is_open_is_set_aside_when_it_is_read() {
    let root = tempfile::tempdir().unwrap();
    let (queue, _) = open(root.path());
    append(&queue, 1..=9);
    let entries = queue.entries(0, 99).unwrap();
    flip(&segments(root.path())[0], &payload(4)[..16], 0);
    let error = queue.read(&entries[3]).unwrap_err();
    assert!(matches!(error, ReadError::Damaged { position: 4, .. }), "{error}");
    assert_eq!(numbers(&queue), without(4));
    assert_eq!(queue.usage().damaged_records, 1);
    queue.close().unwrap();
    fs::remove_dir_all(root.path().join("index")).unwrap();
    let (queue, _) = open(root.path());
    assert_eq!(numbers(&queue), without(4));
}

#[test]
fn a_truncated_segment_costs_what_was_cut_off_and_no_state() {
    let root = tempfile::tempdir().unwrap();
    let dir = crashed(root.path());
    let segment = &segments(&dir)[0];
    let bytes = fs::read(segment).unwrap();
    let cut = bytes.windows(16).position(|window| window == &payload(7)[..16]).unwrap();
    fs::write(segment, &bytes[..cut + 50]).unwrap();
    let (queue, opened) = open(&dir);
    assert_eq!((opened.damaged_records, opened.renewed_id), (3, false), "{opened:?}");
    assert_eq!(numbers(&queue), [1, 2, 3, 4, 5, 6]);
    assert_eq!(checkpoint(&queue), Some(9));
    append(&queue, 10..=12);
    assert_eq!(numbers(&queue), [1, 2, 3, 4, 5, 6, 10, 11, 12]);
    copy(&dir, &root.path().join("again"));
    fs::remove_dir_all(root.path().join("again/index")).unwrap();
    let (queue, opened) = open(&root.path().join("again"));
    assert_eq!((opened.rebuilt_index, opened.renewed_id), (true, false));
    assert_eq!(numbers(&queue), [1, 2, 3, 4, 5, 6, 10, 11, 12]);
    assert_eq!(checkpoint(&queue), Some(12));
}

#[test]
fn records_that_were_removed_do_not_come_back_when_the_marks_of_their_removal_are_cut_off() {
    let root = tempfile::tempdir().unwrap();
    let (queue, _) = open(&root.path().join("before"));
    append(&queue, 1..=9);
    let end = written(&segments(&root.path().join("before"))[0]);
    queue.remove(vec![1, 2, 3], Vec::new()).unwrap().wait().unwrap();
    let dir = root.path().join("after");
    copy(&root.path().join("before"), &dir);
    let segment = segments(&dir)[0].clone();
    fs::write(&segment, &fs::read(&segment).unwrap()[..end]).unwrap();
    let (queue, opened) = open(&dir);
    assert_eq!(opened.damaged_records, 0);
    queue.close().unwrap();
    fs::remove_dir_all(dir.join("index")).unwrap();
    let (queue, _) = open(&dir);
    assert_eq!(numbers(&queue), [4, 5, 6, 7, 8, 9]);
}

/// Bytes of a segment before its room ahead.
fn written(segment: &Path) -> usize {
    let bytes = fs::read(segment).unwrap();
    (bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1).next_multiple_of(8)
}

#[test]
fn a_torn_tail_is_cut_and_the_rest_is_kept() {
    let root = tempfile::tempdir().unwrap();
    let dir = crashed(root.path());
    let segment = segments(&dir)[0].clone();
    let mut bytes = fs::read(&segment).unwrap();
    let end = written(&segment);
    bytes[end..end + 100].fill(0xAA);
    fs::write(&segment, bytes).unwrap();
    let (queue, opened) = open(&dir);
    assert!(opened.cut_bytes >= 100 && opened.damaged_records == 0 && !opened.renewed_id, "{opened:?}");
    assert_eq!(numbers(&queue), (1..=9).collect::<Vec<_>>());
}

#[test]
fn a_torn_tail_without_an_index_gives_the_queue_a_new_id() {
    let root = tempfile::tempdir().unwrap();
    let dir = crashed(root.path());
    let (before, _) = open(&root.path().join("before"));
    let id = before.id();
    let segment = segments(&dir)[0].clone();
    let mut bytes = fs::read(&segment).unwrap();
    let end = written(&segment);
    bytes[end - 30] ^= 1;
    fs::write(&segment, bytes).unwrap();
    fs::remove_dir_all(dir.join("index")).unwrap();
    let (queue, opened) = open(&dir);
    assert!(opened.renewed_id);
    assert_ne!(queue.id(), id);
    assert_eq!(numbers(&queue), (1..=8).collect::<Vec<_>>());
    assert_eq!(checkpoint(&queue), Some(8));
    let id = queue.id();
    queue.close().unwrap();
    assert_eq!(open(&dir).0.id(), id);
}

#[test]
fn state_that_is_damaged_and_not_in_the_index_gives_the_queue_a_new_id() {
    let root = tempfile::tempdir().unwrap();
    let dir = crashed(root.path());
    let mut needle = b"checkpoint\x01\x08\x00\x00\x00".to_vec();
    needle.extend_from_slice(&4u64.to_le_bytes());
    flip(&segments(&dir)[0], &needle, 16);
    fs::remove_dir_all(dir.join("index")).unwrap();
    let (queue, opened) = open(&dir);
    assert!(opened.renewed_id && opened.rebuilt_index);
    assert_eq!(numbers(&queue), (1..=9).collect::<Vec<_>>());
    assert_eq!(checkpoint(&queue), Some(9));
}

#[test]
fn a_damaged_segment_header_costs_no_record() {
    for lose_index in [false, true] {
        let root = tempfile::tempdir().unwrap();
        let (queue, _) = open(&root.path().join("before"));
        append(&queue, 1..=150);
        let dir = root.path().join("after");
        copy(&root.path().join("before"), &dir);
        assert!(segments(&dir).len() > 2);
        let middle = segments(&dir)[1].clone();
        let mut bytes = fs::read(&middle).unwrap();
        bytes[20] ^= 1;
        fs::write(&middle, bytes).unwrap();
        if lose_index {
            fs::remove_dir_all(dir.join("index")).unwrap();
        }
        let (queue, opened) = open(&dir);
        assert_eq!((opened.rebuilt_index, opened.renewed_id), (lose_index, false), "{opened:?}");
        assert_eq!(numbers(&queue), (1..=150).collect::<Vec<_>>());
        assert_eq!(checkpoint(&queue), Some(150));
    }
}

#[test]
fn an_index_that_is_garbage_is_set_aside_and_built_anew() {
    let garbage: [&dyn Fn(&Path); 5] = [
        &|index| fill(&index.join("db"), 0xA5),
        &|index| fill(&index.join("conf"), 0xA5),
        &|index| fill(&index.join("db"), 0),
        &|index| fs::write(index.join("db"), b"").unwrap(),
        &|index| {
            fs::remove_dir_all(index).unwrap();
            fs::write(index, b"not a directory").unwrap();
        },
    ];
    for (case, ruin) in garbage.iter().enumerate() {
        let root = tempfile::tempdir().unwrap();
        let dir = crashed(root.path());
        ruin(&dir.join("index"));
        let (queue, opened) = open(&dir);
        assert_eq!((opened.rebuilt_index, opened.renewed_id), (true, false), "case {case}");
        assert!(dir.join("index.damaged-1").exists());
        assert_eq!(numbers(&queue), (1..=9).collect::<Vec<_>>(), "case {case}");
        assert_eq!(checkpoint(&queue), Some(9));
    }
}

fn fill(path: &Path, byte: u8) {
    let length = fs::metadata(path).unwrap().len();
    fs::write(path, vec![byte; length as usize]).unwrap();
}

#[test]
fn bytes_that_are_flipped_anywhere_in_the_index_change_nothing_that_is_queued() {
    let root = tempfile::tempdir().unwrap();
    let dir = crashed(root.path());
    let bytes = fs::read(dir.join("index/db")).unwrap();
    for round in 0..12 {
        let again = root.path().join(format!("round-{round}"));
        copy(&dir, &again);
        let mut changed = bytes.clone();
        for byte in changed.iter_mut().skip(round * 37).step_by(500) {
            *byte ^= 0x11;
        }
        fs::write(again.join("index/db"), changed).unwrap();
        let (queue, opened) = open(&again);
        assert_eq!((opened.damaged_records, opened.renewed_id), (0, false), "round {round}");
        assert_eq!(numbers(&queue), (1..=9).collect::<Vec<_>>());
        assert_eq!(checkpoint(&queue), Some(9));
    }
}

#[test]
fn an_index_that_stayed_behind_is_brought_up_to_the_segments() {
    let root = tempfile::tempdir().unwrap();
    let (queue, _) = open(&root.path().join("before"));
    append(&queue, 1..=5);
    let dir = root.path().join("after");
    copy(&root.path().join("before/index"), &dir.join("index"));
    append(&queue, 6..=60);
    queue.remove(vec![2, 30], Vec::new()).unwrap().wait().unwrap();
    copy(&root.path().join("before/segments"), &dir.join("segments"));
    let (after, opened) = open(&dir);
    assert_eq!(
        (opened.rebuilt_index, opened.replayed > 40, opened.renewed_id),
        (false, true, false),
        "{opened:?}"
    );
    assert_eq!(after.id(), queue.id());
    assert_eq!(numbers(&after), numbers(&queue));
    assert_eq!(checkpoint(&after), Some(60));
}

#[test]
fn an_index_of_another_queue_is_not_taken() {
    let root = tempfile::tempdir().unwrap();
    let dir = crashed(root.path());
    let (other, _) = open(&root.path().join("other"));
    append(&other, 1..=3);
    other.close().unwrap();
    fs::remove_dir_all(dir.join("index")).unwrap();
    copy(&root.path().join("other/index"), &dir.join("index"));
    let (queue, opened) = open(&dir);
    assert!(opened.rebuilt_index);
    assert_eq!(numbers(&queue), (1..=9).collect::<Vec<_>>());
}

#[test]
fn a_segment_of_a_newer_version_is_refused_and_nothing_is_touched() {
    let root = tempfile::tempdir().unwrap();
    let (queue, _) = open(root.path());
    append(&queue, 1..=3);
    queue.close().unwrap();
    let segment = segments(root.path())[0].clone();
    let mut bytes = fs::read(&segment).unwrap();
    bytes[8..12].copy_from_slice(&2u32.to_le_bytes());
    bytes[12..16].copy_from_slice(&(!2u32).to_le_bytes());
    fs::write(&segment, &bytes).unwrap();
    let names = |dir: &Path| {
        let mut names: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = names(root.path());
    let error = Queue::open(root.path(), small()).unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 2, known: 1, .. }), "{error}");
    assert!(error.to_string().contains(".seg has format version 2, and this program reads up to 1"));
    assert_eq!(names(root.path()), before);
    assert_eq!(fs::read(&segment).unwrap(), bytes);
}

#[test]
fn a_second_opener_is_refused_by_the_name_of_the_directory() {
    let root = tempfile::tempdir().unwrap();
    let (queue, _) = open(root.path());
    let error = Queue::open(root.path(), small()).unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }));
    assert!(error.to_string().contains(&root.path().display().to_string()), "{error}");
    queue.close().unwrap();
    open(root.path());
}

#[test]
fn a_queue_whose_segments_are_all_gone_keeps_its_state_and_says_what_is_lost() {
    let root = tempfile::tempdir().unwrap();
    let dir = crashed(root.path());
    fs::remove_dir_all(dir.join("segments")).unwrap();
    let (queue, opened) = open(&dir);
    assert_eq!((opened.damaged_records, opened.renewed_id, opened.fresh), (9, false, false));
    assert_eq!((numbers(&queue), checkpoint(&queue)), (vec![], Some(9)));
    append(&queue, 10..=11);
    assert_eq!(numbers(&queue), [10, 11]);
}
