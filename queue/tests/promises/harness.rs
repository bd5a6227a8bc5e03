//! Small queues, and what a crash leaves of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use queue::{Opened, Options, Put, Queue};

/// A queue of 1 MiB in segments of 128 KiB that commits without waiting.
pub(crate) fn small() -> Options {
    Options { max_bytes: 1024 * 1024, group_interval: Duration::ZERO, ..Options::default() }
}

pub(crate) fn open(dir: &Path) -> (Queue, Opened) {
    Queue::open(dir, small()).unwrap()
}

/// Copies a directory as it is on the disk at this moment.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The payload that belongs to a number, of a size that depends on it.
pub(crate) fn payload(number: u64) -> Bytes {
    let size = 100 + (number * 7919 % 5000) as usize;
    let mut state = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let bytes = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    });
    bytes.take(size).collect::<Vec<u8>>().into()
}

/// Appends the numbers, each with its payload, and with the last number as checkpoint.
pub(crate) fn append(queue: &Queue, numbers: std::ops::RangeInclusive<u64>) {
    for number in numbers {
        let puts = vec![Put::set("checkpoint", number.to_le_bytes())];
        let ticket = queue.append(&number.to_le_bytes(), payload(number), puts).unwrap();
        assert_eq!(ticket.wait().unwrap(), number..number + 1);
    }
}

/// The numbers that are queued; every payload is checked.
pub(crate) fn numbers(queue: &Queue) -> Vec<u64> {
    let entries = queue.entries(0, usize::MAX).unwrap();
    let number = |entry: &queue::Entry| {
        let number = u64::from_le_bytes(entry.header.clone().try_into().unwrap());
        assert_eq!(queue.read(entry).unwrap(), payload(number), "record {number}");
        number
    };
    entries.iter().map(number).collect()
}

pub(crate) fn checkpoint(queue: &Queue) -> Option<u64> {
    queue.get(b"checkpoint").unwrap().map(|value| u64::from_le_bytes(value.try_into().unwrap()))
}

/// All segment files, oldest first.
pub(crate) fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> =
        fs::read_dir(dir.join("segments")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// Changes the byte in a file at the first place where `needle` stands, `skip` bytes behind its start.
pub(crate) fn flip(path: &Path, needle: &[u8], skip: usize) {
    let mut bytes = fs::read(path).unwrap();
    let at =
        bytes.windows(needle.len()).position(|window| window == needle).expect("the needle is in the file");
    bytes[at + skip] ^= 0x20;
    fs::write(path, bytes).unwrap();
}

/// Space comes back a little after the removal that freed it is confirmed.
pub(crate) fn wait_for_room(queue: &Queue, needed: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(queue.room(needed));
}
