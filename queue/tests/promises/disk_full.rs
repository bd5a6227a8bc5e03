//! A disk that runs full under the queue, and is emptied again.

use std::time::Duration;

use bytes::Bytes;
use queue::{Failed, Options, Put, Queue};

use crate::harness::{append, checkpoint, numbers, payload, wait_for_room};
use crate::volume::{Volume, fill_up};

fn options() -> Options {
    let (max_bytes, segment_bytes) = (64 << 20, 1 << 20);
    Options { max_bytes, segment_bytes, group_interval: Duration::ZERO, ..Options::default() }
}

#[test]
fn a_full_disk_fails_appends_with_a_clear_word_takes_removals_and_works_again_when_there_is_room() {
    let volume = match Volume::new(32) {
        Ok(volume) => volume,
        Err(why) => return println!("skipped: {why}"),
    };
    let dir = volume.path().join("queue");
    let (queue, _) = Queue::open(&dir, options()).unwrap();
    append(&queue, 1..=500);
    fill_up(&volume.path().join("other"));
    let mut last = 500_u64;
    let failed = loop {
        let puts = vec![Put::set("checkpoint", (last + 1).to_le_bytes())];
        match queue.append(&(last + 1).to_le_bytes(), payload(last + 1), puts).unwrap().wait() {
            Ok(_) => last += 1,
            Err(failed) => break failed,
        }
    };
    assert!(matches!(failed, Failed::DiskFull { .. }), "{failed}");
    assert!(queue.usage().last_error.is_some_and(|error| error.contains("no room on the disk")));
    assert_eq!(checkpoint(&queue), Some(last));
    queue.remove((1..=450).collect(), Vec::new()).unwrap().wait().unwrap();
    assert_eq!(numbers(&queue), (451..=last).collect::<Vec<_>>());
    std::fs::remove_file(volume.path().join("other")).unwrap();
    wait_for_room(&queue, 1);
    append(&queue, last + 1..=last + 100);
    let large = Bytes::from(vec![1; 4 << 20]);
    let position = queue.append(b"", large.clone(), Vec::new()).unwrap().wait().unwrap().start;
    assert_eq!(queue.usage().last_error, None);
    assert_eq!(queue.read(queue.entries(position, 1).unwrap().first().unwrap()).unwrap(), large);
    queue.remove(vec![position], Vec::new()).unwrap().wait().unwrap();
    queue.close().unwrap();
    let (queue, opened) = Queue::open(&dir, options()).unwrap();
    assert!(opened.clean && opened.damaged_records == 0, "{opened:?}");
    assert_eq!(numbers(&queue), (451..=last + 100).collect::<Vec<_>>());
    queue.close().unwrap();
}
