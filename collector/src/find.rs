//! Which files belong to a log now: its active file and the rotated siblings in the same directory.
//!
//! Invariant: oldest first, the active file last; the active file is looked at before its siblings, so that a
//! rotation in between shows a file under its new name, never under none.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::identity::FileKey;
use crate::problem;
use crate::sibling::{self, Age};

/// Most entries of a directory that are looked through.
const MOST_ENTRIES: usize = 100_000;
/// How often a directory that changes is listed in one look.
const LISTINGS: usize = 3;
/// Most files that are looked into when one is missing.
const MOST_STRANGERS: usize = 1000;

/// A file that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    pub(crate) key: FileKey,
    /// Size on the disk.
    pub(crate) size: u64,
    /// When it was written last, where the system tells.
    pub(crate) modified: Option<SystemTime>,
}

/// What a look at a log's directory gave.
#[derive(Debug, Default)]
pub(crate) struct Look {
    pub(crate) files: Vec<Found>,
    /// Why the active file cannot be read.
    pub(crate) problem: Option<String>,
    /// Files were renamed, compressed or removed during the look: there may be more than it found.
    pub(crate) unsteady: bool,
    /// The active file is there and its directory could be listed: what is not among `files` is gone.
    pub(crate) whole: bool,
}

/// The files of the log at `path`; rotated siblings stand beside the file that a link leads to.
pub(crate) fn files_of(path: &Path) -> Look {
    let (active, problem) = match found(path) {
        Ok(Some(active)) => (Some(active), None),
        Ok(None) => (None, Some(problem::no_file(path))),
        Err(error) => (None, Some(problem::with_file(path, &error))),
    };
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let whole = active.is_some() && fs::read_dir(directory_of(&target)).is_ok();
    let (mut files, changed) = siblings(&target);
    let key = |active: &Option<Found>| active.as_ref().map(|active| active.key.clone());
    let unsteady = changed || key(&self::active(path)) != key(&active);
    let renamed = |active: &Found| files.iter().any(|file| file.key == active.key);
    files.extend(active.filter(|active| !renamed(active)));
    Look { files, problem, unsteady, whole }
}

/// The active file of the log at `path`, if it is there.
pub(crate) fn active(path: &Path) -> Option<Found> {
    found(path).ok().flatten()
}

/// Every file in the directory of `path`, under any name; at most [`MOST_STRANGERS`].
pub(crate) fn beside(path: &Path) -> Vec<Found> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    entries(&target).filter_map(|path| found(&path).ok().flatten()).take(MOST_STRANGERS).collect()
}

/// Whether the rotated siblings of the log at `path` are others than a look found: the log was rotated since.
pub(crate) fn is_rotated_since(path: &Path, looked: &[Found]) -> bool {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let known = |now: &Found| looked.iter().any(|found| found.path == now.path && found.key == now.key);
    let (now, unsteady) = siblings(&target);
    unsteady || !now.iter().all(known)
}

/// Rotated siblings, oldest first, and whether the directory changed meanwhile: a listing may show neither the old nor
/// the new name of a file that is renamed or compressed just then.
fn siblings(base: &Path) -> (Vec<Found>, bool) {
    let mut before = listed(base);
    for _ in 0..LISTINGS {
        let now = listed(base);
        if let (Some(before), Some(now)) = (&before, &now)
            && before
                .iter()
                .map(|found| (&found.path, &found.key))
                .eq(now.iter().map(|found| (&found.path, &found.key)))
        {
            return (now.clone(), false);
        }
        before = now;
    }
    (before.unwrap_or_default(), true)
}

/// What is there under the names of siblings, oldest first; none when something went away meanwhile.
fn listed(base: &Path) -> Option<Vec<Found>> {
    let mut listed = Vec::new();
    for (_, path) in named(base) {
        match found(&path) {
            Ok(found) => listed.extend(found),
            Err(error) if error.kind() == ErrorKind::NotFound && !is_link(&path) => return None,
            Err(_) => {}
        }
    }
    Some(listed)
}

/// Whether a link stands there, which may well lead nowhere.
fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink())
}

/// Paths that are siblings by their names, with the ages that these tell.
fn named(base: &Path) -> Vec<(Age, PathBuf)> {
    let Some(name) = base.file_name().and_then(|name| name.to_str()) else { return Vec::new() };
    let aged = |path: PathBuf| Some((sibling::age_of(path.file_name()?.to_str()?, name)?, path));
    let mut named: Vec<_> = entries(base).filter_map(aged).collect();
    named.sort(); // `.log` before `.log.gz` of the same time
    named
}

fn entries(beside: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(directory_of(beside)).into_iter().flatten().take(MOST_ENTRIES);
    entries.flatten().map(|entry| entry.path()).filter(|path| path.to_str().is_some())
}

/// The directory that a file lies in.
pub(crate) fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// What is at `path`, if it is a regular file.
fn found(path: &Path) -> io::Result<Option<Found>> {
    let (key, metadata) = FileKey::of_path(path)?;
    if !metadata.is_file() {
        return Ok(None);
    }
    let (size, modified) = (metadata.len(), metadata.modified().ok());
    Ok(Some(Found { path: path.to_owned(), key, size, modified }))
}
