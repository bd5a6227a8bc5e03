//! What a caller may rely on while everything is well.

use bytes::Bytes;
use queue::{Put, ReadError};

use crate::harness::{append, checkpoint, numbers, open};

#[test]
fn records_come_out_in_the_order_in_which_they_went_in_and_stay_until_they_are_removed() {
    let root = tempfile::tempdir().unwrap();
    let (queue, opened) = open(root.path());
    assert!(opened.fresh && !opened.rebuilt_index && !opened.renewed_id);
    append(&queue, 1..=20);
    assert_eq!(numbers(&queue), (1..=20).collect::<Vec<_>>());
    queue.remove(vec![7, 1, 3], vec![Put::set("checkpoint", 99u64.to_le_bytes())]).unwrap().wait().unwrap();
    let positions: Vec<u64> = queue.entries(2, 4).unwrap().iter().map(|entry| entry.position).collect();
    assert_eq!(positions, [2, 4, 5, 6]);
    assert_eq!(checkpoint(&queue), Some(99));
}

#[test]
fn positions_are_never_given_twice_even_when_the_queue_was_emptied_and_reopened() {
    let root = tempfile::tempdir().unwrap();
    let (queue, _) = open(root.path());
    let id = queue.id();
    append(&queue, 1..=3);
    queue.remove(vec![1, 2, 3], Vec::new()).unwrap().wait().unwrap();
    queue.close().unwrap();
    std::fs::remove_dir_all(root.path().join("index")).unwrap();
    let (queue, opened) = open(root.path());
    assert_eq!((queue.id(), opened.rebuilt_index), (id, true));
    append(&queue, 4..=4);
}

#[test]
fn a_removed_record_is_gone_for_those_who_still_hold_its_entry() {
    let root = tempfile::tempdir().unwrap();
    let (queue, _) = open(root.path());
    append(&queue, 1..=2);
    let entries = queue.entries(0, 9).unwrap();
    queue.remove(vec![1], Vec::new()).unwrap().wait().unwrap();
    assert!(matches!(queue.read(&entries[0]), Err(ReadError::Gone { position: 1 })));
    assert_eq!(queue.usage().oldest, Some(2));
    assert_eq!(queue.usage().damaged_records, 0);
}

#[test]
fn state_is_listed_by_prefix_in_order_of_keys() {
    let root = tempfile::tempdir().unwrap();
    let (queue, _) = open(root.path());
    let puts = [("b/2", "x"), ("b/1", "y"), ("c", "z"), ("a", "w")].map(|(key, value)| Put::set(key, value));
    queue.commit(puts.to_vec()).unwrap().wait().unwrap();
    queue.commit(vec![Put::delete("a")]).unwrap().wait().unwrap();
    let pairs = |prefix: &[u8]| queue.scan(prefix).unwrap();
    assert_eq!(pairs(b"b/"), [(b"b/1".to_vec(), b"y".to_vec()), (b"b/2".to_vec(), b"x".to_vec())]);
    assert_eq!(pairs(b"").len(), 3);
    assert_eq!(queue.get(b"a").unwrap(), None);
}

#[test]
fn operations_of_one_group_see_each_other() {
    let root = tempfile::tempdir().unwrap();
    let (queue, _) = open(root.path());
    let tickets: Vec<_> = (0..200u8)
        .map(|number| {
            let records = vec![(vec![number], Bytes::from(vec![number; 10])); 3];
            queue.append_many(records, vec![Put::set("last", [number])]).unwrap()
        })
        .collect();
    let ranges: Vec<_> = tickets.into_iter().map(|ticket| ticket.wait().unwrap()).collect();
    assert!(ranges.windows(2).all(|pair| pair[0].end == pair[1].start));
    assert_eq!(queue.get(b"last").unwrap(), Some(vec![199]));
    assert_eq!(queue.usage().records, 600);
    queue.close().unwrap();
    let (queue, opened) = open(root.path());
    assert!(opened.clean);
    assert_eq!(queue.entries(0, 1000).unwrap().len(), 600);
}

#[test]
fn what_was_handed_over_before_the_last_handle_is_dropped_is_written() {
    let root = tempfile::tempdir().unwrap();
    let (queue, _) = open(root.path());
    let _unasked = queue.append(&1u64.to_le_bytes(), crate::harness::payload(1), Vec::new()).unwrap();
    drop(queue);
    let (queue, opened) = open(root.path());
    assert!(opened.clean);
    assert_eq!(numbers(&queue), [1]);
}
