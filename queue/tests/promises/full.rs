//! A queue that is full, and how its space comes back.

use std::time::Duration;

use bytes::Bytes;
use queue::{Put, Queue, Refused};

use crate::harness::{append, numbers, open, segments, wait_for_room};

const RECORD: usize = 20_000;

fn fill(queue: &Queue) -> (u64, u64) {
    let mut count = 0;
    loop {
        match queue.append(b"", Bytes::from(vec![1; RECORD]), Vec::new()) {
            Ok(ticket) => count = ticket.wait().unwrap().end - 1,
            Err(Refused::Full { used, limit, needed }) => {
                assert!(used <= limit && used + needed > limit);
                return (count, needed);
            }
            Err(other) => panic!("{other}"),
        }
    }
}

fn on_disk(dir: &std::path::Path) -> u64 {
    segments(dir).iter().map(|path| path.metadata().unwrap().len()).sum()
}

#[test]
fn a_full_queue_refuses_appends_still_takes_removals_and_state_and_gives_disk_space_back() {
    let root = tempfile::tempdir().unwrap();
    let (queue, _) = open(root.path());
    let (count, needed) = fill(&queue);
    assert!(count > 40, "{count}");
    assert!(!queue.has_room(needed));
    queue.commit(vec![Put::set("key", "value")]).unwrap().wait().unwrap();
    let full = on_disk(root.path());
    assert!(full <= 1024 * 1024 + 64 * 1024, "{full}");
    queue.remove((1..=count).collect(), Vec::new()).unwrap().wait().unwrap();
    wait_for_room(&queue, 20 * needed);
    let (again, _) = fill(&queue);
    assert!(again > count + 40);
    queue.remove((count + 1..=again).collect(), Vec::new()).unwrap().wait().unwrap();
    assert_eq!((queue.usage().records, queue.usage().oldest), (0, None));
    queue.close().unwrap();
    let left = on_disk(root.path());
    assert!(left < full / 4, "{left} of {full}");
}

#[tokio::test]
async fn whoever_waits_for_room_is_woken_when_records_are_removed() {
    let root = tempfile::tempdir().unwrap();
    let (queue, _) = open(root.path());
    let filled = tokio::task::spawn_blocking({
        let queue = queue.clone();
        move || fill(&queue)
    });
    let (count, needed) = filled.await.unwrap();
    let waiting = tokio::spawn({
        let queue = queue.clone();
        async move {
            queue.room(needed).await;
            queue.append(b"", Bytes::from(vec![1; RECORD]), Vec::new()).unwrap().await.unwrap()
        }
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    queue.remove((1..=count).collect(), Vec::new()).unwrap().await.unwrap();
    assert_eq!(waiting.await.unwrap(), count + 1..count + 2);
}

#[test]
fn a_record_that_nobody_takes_does_not_hold_the_space_of_all_that_came_after_it() {
    let root = tempfile::tempdir().unwrap();
    let (queue, _) = open(root.path());
    append(&queue, 1..=1);
    for _ in 0..20 {
        let (count, needed) = fill(&queue);
        let entries = queue.entries(2, usize::MAX).unwrap();
        assert_eq!(entries.last().map(|entry| entry.position), Some(count));
        let positions = entries.iter().map(|entry| entry.position).collect();
        queue.remove(positions, Vec::new()).unwrap().wait().unwrap();
        wait_for_room(&queue, 10 * needed);
    }
    assert_eq!(numbers(&queue), [1]);
    queue.close().unwrap();
    std::fs::remove_dir_all(root.path().join("index")).unwrap();
    let (queue, opened) = open(root.path());
    assert_eq!((numbers(&queue), opened.damaged_records, opened.renewed_id), (vec![1], 0, false));
}

#[test]
fn what_can_never_fit_is_refused_as_too_large_and_a_closed_queue_says_so() {
    let root = tempfile::tempdir().unwrap();
    let (queue, _) = open(root.path());
    let refused = queue.append(b"", Bytes::from(vec![0; 600 * 1024]), Vec::new()).unwrap_err();
    assert!(matches!(refused, Refused::TooLarge { what: "operation", .. }), "{refused}");
    let refused = queue.append(&[0; 2000], Bytes::new(), Vec::new()).unwrap_err();
    assert!(matches!(refused, Refused::TooLarge { what: "header", bytes: 2000, limit: 1024 }));
    let other = queue.clone();
    queue.close().unwrap();
    assert_eq!(other.commit(Vec::new()).unwrap_err(), Refused::Closed);
}

#[test]
fn a_slow_interval_does_not_delay_the_first_group_and_gathers_the_next() {
    let root = tempfile::tempdir().unwrap();
    let options = queue::Options { group_interval: Duration::from_millis(100), ..queue::Options::default() };
    let (queue, _) = Queue::open(root.path(), options).unwrap();
    let before = *queue.committed().borrow();
    queue.commit(Vec::new()).unwrap().wait().unwrap();
    let committed = queue.committed();
    let tickets: Vec<_> = (0..50)
        .map(|number: u64| queue.append(&number.to_le_bytes(), Bytes::new(), Vec::new()).unwrap())
        .collect();
    for ticket in tickets {
        ticket.wait().unwrap();
    }
    assert_eq!(*committed.borrow(), before + 51);
    assert_eq!(queue.usage().records, 50);
}
