//! Looking through a queue finds what opening would, and changes nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use queue::{Checked, Findings, Queue, check};

use crate::harness::{append, copy, flip, open, payload, segments, small};

/// Every file below a directory with its bytes and the time of its last change.
fn contents(dir: &Path) -> BTreeMap<PathBuf, (Vec<u8>, std::time::SystemTime)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap()) {
        if entry.file_type().unwrap().is_dir() {
            found.extend(contents(&entry.path()));
        } else {
            let changed = entry.metadata().unwrap().modified().unwrap();
            found.insert(entry.path(), (fs::read(entry.path()).unwrap(), changed));
        }
    }
    found
}

/// What is found in a queue that nobody has open; fails when looking changed anything.
fn looked(dir: &Path) -> Findings {
    let before = contents(dir);
    let checked = check(dir).unwrap();
    assert!(contents(dir) == before, "something was changed");
    match checked {
        Checked::Idle(findings) => findings,
        other => panic!("{other:?}"),
    }
}

/// A queue with the numbers 1 to 99 in several segments, as a clean stop leaves it, and as a crash does.
fn queues(root: &Path) -> [PathBuf; 2] {
    let (queue, _) = open(&root.join("closed"));
    append(&queue, 1..=99);
    let entries = queue.entries(0, 1).unwrap();
    queue.remove(vec![entries[0].position], Vec::new()).unwrap().wait().unwrap();
    copy(&root.join("closed"), &root.join("crashed"));
    queue.close().unwrap();
    [root.join("closed"), root.join("crashed")]
}

#[test]
fn a_queue_in_good_condition_is_said_to_be_so() {
    let root = tempfile::tempdir().unwrap();
    for (dir, clean) in queues(root.path()).iter().zip([true, false]) {
        let findings = looked(dir);
        assert_eq!((findings.records, findings.damaged_places, findings.clean), (99, 0, clean));
        assert!(findings.segments > 1 && findings.has_index && findings.bytes > 0);
        assert!(findings.unfinished.is_none() && findings.missing.is_none(), "{findings:?}");
    }
}

#[test]
fn a_flipped_byte_is_found_at_its_place_as_opening_finds_it() {
    let root = tempfile::tempdir().unwrap();
    for dir in queues(root.path()) {
        flip(&segments(&dir)[0], &payload(4)[..16], 50);
        let findings = looked(&dir);
        assert_eq!((findings.damaged_places, findings.damaged.len()), (1, 1));
        fs::remove_file(dir.join("clean")).ok();
        let (_queue, opened) = Queue::open(&dir, small()).unwrap();
        assert_eq!(findings.damaged, opened.damaged);
    }
}

#[test]
fn behind_a_clean_stop_a_damaged_end_is_damage_and_not_unfinished() {
    let root = tempfile::tempdir().unwrap();
    let [dir, _] = queues(root.path());
    let newest = segments(&dir).pop().unwrap();
    let mut bytes = fs::read(&newest).unwrap();
    let last = bytes.windows(4).rposition(|four| four == b"\xA7qR\x1C").unwrap();
    bytes[last] ^= 1;
    fs::write(&newest, bytes).unwrap();
    let findings = looked(&dir);
    assert_eq!((findings.damaged_places, findings.unfinished), (1, None));
}

#[test]
fn a_damaged_record_that_was_removed_is_no_damage() {
    let root = tempfile::tempdir().unwrap();
    let [dir, _] = queues(root.path());
    flip(&segments(&dir)[0], &payload(1)[..16], 50);
    assert_eq!(looked(&dir).damaged_places, 0);
}

#[test]
fn a_newest_segment_that_was_cut_is_missing_after_a_clean_stop_and_unfinished_after_a_crash() {
    let root = tempfile::tempdir().unwrap();
    let [closed, crashed] = queues(root.path());
    for (dir, clean) in [(&closed, true), (&crashed, false)] {
        let newest = segments(dir).pop().unwrap();
        let bytes = fs::read(&newest).unwrap();
        let end = bytes.iter().rposition(|&byte| byte != 0).unwrap();
        fs::write(&newest, &bytes[..end - 300]).unwrap();
        let findings = looked(dir);
        assert_eq!(findings.damaged_places, 0);
        let place = if clean { findings.missing } else { findings.unfinished }.unwrap();
        assert_eq!(format!("{:016x}.seg", place.segment), newest.file_name().unwrap().to_str().unwrap());
        assert!(place.bytes > 0 && place.offset <= end as u64 - 300);
    }
}

#[test]
fn a_damaged_header_and_a_missing_index_are_said() {
    let root = tempfile::tempdir().unwrap();
    let [dir, _] = queues(root.path());
    flip(&segments(&dir)[1], b"\xA7queue", 30);
    fs::remove_dir_all(dir.join("index")).unwrap();
    let findings = looked(&dir);
    assert_eq!((findings.damaged_places, findings.has_index, findings.records), (1, false, 99));
    assert_eq!(findings.damaged[0].offset, 0);
}

#[test]
fn a_queue_in_use_is_left_alone_and_no_queue_is_said() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("queue");
    assert_eq!(check(&dir).unwrap(), Checked::Nothing);
    assert!(!dir.exists());
    let (queue, _) = open(&dir);
    append(&queue, 1..=3);
    assert_eq!(check(&dir).unwrap(), Checked::InUse);
    append(&queue, 4..=5);
    queue.close().unwrap();
    assert_eq!(looked(&dir).records, 5);
    open(&dir);
}
