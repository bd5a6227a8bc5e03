//! Where the index lies, and where a damaged one goes.
//!
//! Promise: a damaged index is kept for whoever wants to look at it, at most [`KEPT`] of them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::directory;

const KEPT: usize = 2;

pub(crate) fn path(dir: &Path) -> PathBuf {
    dir.join("index")
}

/// Whether there is anything under the index's name.
pub(crate) fn exists(dir: &Path) -> bool {
    path(dir).symlink_metadata().is_ok()
}

/// Moves the index out of the way: to `index.damaged-1`, and an earlier one to `index.damaged-2`.
pub(crate) fn set_aside(dir: &Path) -> io::Result<()> {
    if !exists(dir) {
        return Ok(());
    }
    remove(&damaged(dir, KEPT))?;
    for number in (1..KEPT).rev() {
        rename(&damaged(dir, number), &damaged(dir, number + 1))?;
    }
    rename(&path(dir), &damaged(dir, 1))?;
    directory::sync(dir)
}

/// Deletes damaged indexes, where the disk has no room for them.
pub(crate) fn forget(dir: &Path) -> io::Result<()> {
    (1..=KEPT).try_for_each(|number| remove(&damaged(dir, number)))
}

fn damaged(dir: &Path, number: usize) -> PathBuf {
    dir.join(format!("index.damaged-{number}"))
}

fn rename(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match path.symlink_metadata() {
        Err(_) => Ok(()),
        Ok(data) if data.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_newest_damaged_indexes_are_kept_be_they_files_or_directories() {
        let dir = tempfile::tempdir().unwrap();
        for round in ["first", "second", "third"] {
            fs::create_dir(path(dir.path())).unwrap();
            fs::write(path(dir.path()).join("db"), round).unwrap();
            set_aside(dir.path()).unwrap();
        }
        fs::write(path(dir.path()), "a file").unwrap();
        set_aside(dir.path()).unwrap();
        set_aside(dir.path()).unwrap();
        assert!(!exists(dir.path()));
        assert_eq!(fs::read_to_string(dir.path().join("index.damaged-1")).unwrap(), "a file");
        assert_eq!(fs::read_to_string(dir.path().join("index.damaged-2/db")).unwrap(), "third");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
        forget(dir.path()).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
