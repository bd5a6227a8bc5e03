//! Small queues, and what a crash leaves of them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use queue::{Opened, Options, Put, Queue};

/// A queue of 1 MiB in segments of 128 KiB that commits without waiting.
pub(crate) fn small() -> Options {
    Options { max_bytes: 1024 * 1024, group_interval: Duration::ZERO, ..Options::default() }
}

pub(crate) fn open(dir: &Path) -> (Queue, Opened) {
    Queue::open(dir, small()).unwrap()
}

/// Copies a directory as it is on the disk at one moment: where a queue that still lives changed a file meanwhile (it
/// removes segments that nobody needs whenever it likes), the copy is made again.
pub(crate) fn copy(from: &Path, to: &Path) {
    for _ in 0..1000 {
        let before = listing(from);
        if before.is_ok() && copy_once(from, to).is_ok() && listing(from).ok() == before.ok() {
            return;
        }
        let _ = fs::remove_dir_all(to);
    }
    panic!("{} never held still", from.display());
}

fn copy_once(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy_once(&source, &target)?;
        } else {
            fs::copy(source, target)?;
        }
    }
    Ok(())
}

/// Every file below a directory with its length and when it was written.
fn listing(dir: &Path) -> io::Result<Vec<(PathBuf, u64, SystemTime)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let about = fs::metadata(&path)?;
        if about.is_dir() {
            files.extend(listing(&path)?);
        } else {
            files.push((path, about.len(), about.modified()?));
        }
    }
    files.sort();
    Ok(files)
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
