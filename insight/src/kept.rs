//! States of hours that were folded before, and of days, kept in a directory.
//!
//! Promises: a state is used only for the files that it was made of, for the same fold of the same version, and only
//! whole (a checksum is in it); one that cannot be used is made anew; where files only came to an hour, only they are
//! read; a day's state is that of its hours, merged once. What is kept can be removed at any time, and is bounded: the states least recently used go first.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::hash::Hasher;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use lake::{File, Partition};
use serde::{Deserialize, Serialize};

use crate::fold::Fold;
use crate::shares::Fnv;

/// Most bytes of states in one directory.
const MOST_BYTES: u64 = 1 << 30;
/// A look at all of them after so many were kept.
const LOOK_EVERY: u64 = 512;
/// Most bytes of one state when it is unpacked; a larger one is not kept.
const MOST_STATE: usize = 256 << 20;

/// Where states are kept; nowhere, if there is no place.
#[derive(Debug, Clone, Default)]
pub struct Kept(Option<Arc<Place>>);

#[derive(Debug)]
struct Place {
    directory: PathBuf,
    written: AtomicU64,
}

/// A state with what it was made of.
#[derive(Serialize, Deserialize)]
struct State<F> {
    version: String,
    files: Vec<(String, u64)>,
    fold: F,
}

/// The same, to be written.
#[derive(Serialize)]
struct StateRef<'s, F> {
    version: &'s str,
    files: Vec<(&'s str, u64)>,
    fold: &'s F,
}

impl Kept {
    /// States are kept nowhere.
    #[must_use]
    pub fn nowhere() -> Kept {
        Kept::default()
    }

    /// States are kept in `directory`, which is made when there is something to keep; one directory per lake.
    #[must_use]
    pub fn in_directory(directory: &Path) -> Kept {
        Kept(Some(Arc::new(Place { directory: directory.to_path_buf(), written: AtomicU64::new(0) })))
    }

    /// Whether there is a place.
    pub(crate) fn is_somewhere(&self) -> bool {
        self.0.is_some()
    }

    /// States of the lake at `url` are kept below `directory`, apart from those of other lakes.
    #[must_use]
    pub fn of_lake(directory: &Path, url: &str) -> Kept {
        let mut hasher = Fnv::default();
        hasher.write(url.as_bytes());
        Kept::in_directory(&directory.join(format!("{:016x}", hasher.finish())))
    }

    /// What is known of an hour with these files, and the files that it does not know.
    pub(crate) fn of<F: Fold>(&self, hour: Partition, files: &[File]) -> (Option<F>, Vec<File>) {
        self.known(&hour_name(hour), files)
    }

    /// The same of whole hours of the day of `hour`, with all their files.
    pub(crate) fn of_day<F: Fold>(&self, hour: Partition, files: &[File]) -> (Option<F>, Vec<File>) {
        self.known(&hour.date(), files)
    }

    /// Keeps the state of an hour with these files. That it cannot be kept harms nobody, and is said once a while.
    pub(crate) fn keep<F: Fold>(&self, hour: Partition, files: &[File], fold: &F) {
        self.write(&hour_name(hour), files, fold);
    }

    /// The same of whole hours of the day of `hour`.
    pub(crate) fn keep_day<F: Fold>(&self, hour: Partition, files: &[File], fold: &F) {
        self.write(&hour.date(), files, fold);
    }

    /// Whether anything is kept.
    pub(crate) fn is_anywhere(&self) -> bool {
        self.0.is_some()
    }

    fn known<F: Fold>(&self, name: &str, files: &[File]) -> (Option<F>, Vec<File>) {
        let state = self.0.as_deref().and_then(|place| read::<F>(&place.path::<F>(name)));
        let Some(State { files: known, fold, .. }) = state else { return (None, files.to_vec()) };
        let there: HashMap<&str, u64> = files.iter().map(|file| (file.path.as_str(), file.bytes)).collect();
        if !known.iter().all(|(path, bytes)| there.get(path.as_str()) == Some(bytes)) {
            return (None, files.to_vec());
        }
        let known: HashSet<&str> = known.iter().map(|(path, _)| path.as_str()).collect();
        let unread = files.iter().filter(|file| !known.contains(file.path.as_str()));
        (Some(fold), unread.cloned().collect())
    }

    fn write<F: Fold>(&self, name: &str, files: &[File], fold: &F) {
        let Some(place) = self.0.as_deref() else { return };
        let files = files.iter().map(|file| (file.path.as_str(), file.bytes)).collect();
        let state = StateRef { version: env!("CARGO_PKG_VERSION"), files, fold };
        if let Err(error) = write(&place.path::<F>(name), &state) {
            tracing::debug!("a report's state cannot be kept in {}: {error}", place.directory.display());
        }
        if place.written.fetch_add(1, Ordering::Relaxed).is_multiple_of(LOOK_EVERY) {
            make_room(&place.directory, MOST_BYTES);
        }
    }
}

fn hour_name(hour: Partition) -> String {
    format!("{}T{:02}", hour.date(), hour.hour())
}

impl Place {
    fn path<F: Fold>(&self, name: &str) -> PathBuf {
        self.directory.join(F::NAME).join(name)
    }
}

fn read<F: Fold>(path: &Path) -> Option<State<F>> {
    let packed = fs::read(path).ok()?;
    let bytes = zstd::bulk::decompress(&packed, MOST_STATE).ok()?;
    let state: State<F> = postcard::from_bytes(&bytes).ok()?;
    (state.version == env!("CARGO_PKG_VERSION")).then_some(state)
}

fn write<F: Fold>(path: &Path, state: &StateRef<'_, F>) -> std::io::Result<()> {
    let bytes = postcard::to_stdvec(state).map_err(std::io::Error::other)?;
    if bytes.len() > MOST_STATE {
        return Err(std::io::Error::other("the state is too large"));
    }
    let mut packer = zstd::bulk::Compressor::new(1)?;
    packer.include_checksum(true)?;
    let packed = packer.compress(&bytes)?;
    let directory = path.parent().unwrap_or(path);
    fs::create_dir_all(directory)?;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(&packed)?;
    file.persist(path)?;
    Ok(())
}

/// Removes states that were not used for the longest time, until the rest is small enough.
fn make_room(directory: &Path, most: u64) {
    let mut states = Vec::new();
    for fold in fs::read_dir(directory).into_iter().flatten().flatten() {
        for state in fs::read_dir(fold.path()).into_iter().flatten().flatten() {
            if let Ok(about) = state.metadata() {
                let used = about.accessed().or_else(|_| about.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
                states.push((used, about.len(), state.path()));
            }
        }
    }
    states.sort();
    let mut total: u64 = states.iter().map(|(_, bytes, _)| bytes).sum();
    for (_, bytes, path) in states {
        if total <= most {
            return;
        }
        // One that is gone meanwhile was removed by another process.
        let _ = fs::remove_file(path);
        total -= bytes;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_was_not_used_for_the_longest_time_goes_first() {
        let directory = tempfile::tempdir().unwrap();
        let fold = directory.path().join("some-1");
        fs::create_dir(&fold).unwrap();
        for (age, name) in [(3, "a"), (1, "b"), (2, "c")] {
            let path = fold.join(name);
            fs::write(&path, [0; 10]).unwrap();
            let used = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 - age);
            let times = fs::FileTimes::new().set_accessed(used).set_modified(used);
            fs::File::options().write(true).open(&path).unwrap().set_times(times).unwrap();
        }
        make_room(directory.path(), 20);
        assert_eq!(["a", "b", "c"].map(|name| fold.join(name).exists()), [false, true, true]);
        make_room(directory.path(), 0);
        assert!(!fold.join("b").exists());
    }
}
