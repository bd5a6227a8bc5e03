//! One writer per directory.
//!
//! Promise: while the file that is returned lives, no other process or handle opens the queue; the system lets go of
//! it when the process ends, however it ends.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use crate::directory;
use crate::error::OpenError;

/// The lock file of a queue's directory.
pub(crate) fn path(dir: &Path) -> PathBuf {
    dir.join("lock")
}

pub(crate) fn take(dir: &Path) -> Result<File, OpenError> {
    let path = path(dir);
    let opened = directory::private().read(true).write(true).create(true).truncate(false).open(&path);
    let file = opened.map_err(OpenError::io("opening", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { dir: dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(OpenError::Io { doing: "locking", path, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_locked_once_and_free_again_after_it() {
        let dir = tempfile::tempdir().unwrap();
        let first = take(dir.path()).unwrap();
        let refused = take(dir.path()).unwrap_err();
        assert!(matches!(&refused, OpenError::InUse { dir: named } if named == dir.path()), "{refused}");
        drop(first);
        take(dir.path()).unwrap();
    }
}
