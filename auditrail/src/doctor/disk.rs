//! Rights and room on a disk, without writing to it.
//!
//! Invariant: where the system does not tell, nothing is said to be wrong.

use std::path::Path;

use super::finding::Finding;
use crate::print;

/// With less than that nothing can be kept.
const FULL: u64 = 1 << 20;

/// What is to be said of the room of the file system that `existing` is on, where a store may grow by `grows` bytes to
/// the bound that `setting` gives it.
pub(super) fn room(name: &str, existing: &Path, grows: u64, setting: &str) -> Option<Finding> {
    free(existing).and_then(|free| of_room(name, free, grows, setting))
}

fn of_room(name: &str, free: u64, grows: u64, setting: &str) -> Option<Finding> {
    let (room, more) = (print::bytes(free), print::bytes(grows));
    if free < FULL {
        let what = format!("its disk is full, {room} are free; free some room, or name another directory");
        return Some(Finding::error(name, &what));
    }
    let what = format!(
        "its disk has {room} free, and it may grow by {more} to its bound; free some room, or lower `{setting}`"
    );
    (free < grows).then(|| Finding::warning(name, &what))
}

/// The nearest directory above `dir` that exists; `dir` itself where it does.
pub(super) fn existing(dir: &Path) -> &Path {
    let here = |dir: &&Path| !dir.as_os_str().is_empty() && dir.symlink_metadata().is_ok();
    dir.ancestors().find(here).unwrap_or(Path::new("."))
}

/// Why files cannot be made in a directory that exists.
#[cfg(unix)]
pub(super) fn unwritable(dir: &Path) -> Option<String> {
    use rustix::fs::{Access, access};
    if !dir.is_dir() {
        return Some("it is no directory".to_owned());
    }
    access(dir, Access::WRITE_OK | Access::EXEC_OK).err().map(|error| std::io::Error::from(error).to_string())
}

/// Why files cannot be made in a directory that exists.
#[cfg(not(unix))]
pub(super) fn unwritable(dir: &Path) -> Option<String> {
    (!dir.is_dir()).then(|| "it is no directory".to_owned())
}

/// Bytes that may still be written to the file system of a directory that exists.
#[cfg(unix)]
pub(super) fn free(dir: &Path) -> Option<u64> {
    let told = rustix::fs::statvfs(dir).ok()?;
    Some(told.f_bavail.saturating_mul(told.f_frsize))
}

/// Bytes that may still be written to the file system of a directory that exists.
#[cfg(not(unix))]
pub(super) fn free(_dir: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::super::finding::Grade;
    use super::*;

    #[test]
    fn a_full_disk_is_an_error_and_one_that_may_become_full_a_warning() {
        let grade = |free, grows| of_room("queue", free, grows, "queue.max_size").map(|found| found.grade);
        assert_eq!(grade(4096, 0), Some(Grade::Error));
        assert_eq!(grade(1 << 30, 2 << 30), Some(Grade::Warning));
        assert_eq!(grade(1 << 30, 1 << 30), None);
    }
}
