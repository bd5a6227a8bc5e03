//! A lake in a directory: how a file becomes durable, and visible whole.
//!
//! A file is written and synced under a name of nobody else's in `_staging`, then renamed into place, then every
//! directory from there up to the lake's is synced. The store syncs only the directories that it made
//! itself; syncing them all covers those that another writer made and did not live to sync.

use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{Error, ObjectStoreExt, PutPayload, Result};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Once};
use std::time::Duration;

/// Hidden from Spark, pyarrow and Trino by its underscore, from the others by the files' ending.
const STAGING: &str = "_staging";
/// Nobody works at a staged file for that long; what is older was left by a crash.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);
/// Keeps apart the staged files of one process.
static STAGED: AtomicU64 = AtomicU64::new(0);

#[derive(Debug)]
pub(super) struct Directory {
    root: PathBuf,
    store: Arc<LocalFileSystem>,
    swept: Once,
}

impl Directory {
    /// Makes the directory when it is not there.
    pub(super) fn open(root: &std::path::Path) -> Result<Directory> {
        let failed = |source: std::io::Error| Error::Generic { store: "lake", source: source.into() };
        let root = make(root).map_err(failed)?;
        let store = LocalFileSystem::new_with_prefix(&root)?.with_fsync(true);
        Ok(Directory { root, store: store.into(), swept: Once::new() })
    }

    pub(super) fn store(&self) -> Arc<LocalFileSystem> {
        self.store.clone()
    }

    /// Removes an empty folder, and the day's when that was its last hour. A file that comes just then is written
    /// again by whoever writes it.
    pub(super) fn tidy(&self, folder: &str) {
        let hour = self.root.join(folder);
        let removed = std::fs::remove_dir(&hour).is_ok();
        if let Some(day) = hour.parent().filter(|day| removed && *day != self.root) {
            let _ = std::fs::remove_dir(day); // not empty, as a rule
        }
    }

    /// Whether the directory is still there: a store lists one that is not as empty.
    pub(super) fn look(&self) -> Result<()> {
        let looked = std::fs::read_dir(&self.root);
        looked.map(drop).map_err(|source| Error::Generic { store: "lake", source: source.into() })
    }

    /// Writes, publishes, and returns when nothing of it can be lost any more.
    pub(super) async fn put(&self, location: &Path, body: PutPayload) -> Result<()> {
        self.swept.call_once(|| self.sweep_staging());
        let number = STAGED.fetch_add(1, Ordering::Relaxed);
        let staged = staged(location, std::process::id(), number);
        self.store.put(&staged, body).await?;
        if let Err(error) = self.store.rename(&staged, location).await {
            let _ = self.store.delete(&staged).await; // swept later when this fails too
            return Err(error);
        }
        let file = self.store.path_to_filesystem(location)?;
        let root = self.root.clone();
        tokio::task::spawn_blocking(move || sync_directories(&file, &root)).await?.map_err(|source| {
            Error::Generic { store: "lake", source: format!("sync its directories: {source}").into() }
        })
    }

    /// Removes what crashed writers left in the staging directory, before the first write: who only reads
    /// removes nothing. Failing to is no harm: the files are invisible and are tried again at the next start.
    fn sweep_staging(&self) {
        let Ok(entries) = std::fs::read_dir(self.root.join(STAGING)) else { return };
        for entry in entries.flatten() {
            let age = entry.metadata().and_then(|meta| meta.modified()).ok().and_then(|at| at.elapsed().ok());
            if age.is_some_and(|age| age > ABANDONED) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
}

/// Where a file is written before it is published. The name has the destination in it, so that writers who share
/// a directory but not a process table (two containers, two machines) never publish each other's rows.
fn staged(location: &Path, process: u32, number: u64) -> Path {
    let destination = location.as_ref().replace('/', ",");
    Path::from(format!("{STAGING}/{destination}.{process}-{number}.partial"))
}

/// Makes the directory and those above it that are missing, durably; returns it without symbolic links.
fn make(root: &std::path::Path) -> std::io::Result<PathBuf> {
    let absolute = std::path::absolute(root)?;
    let there = absolute.ancestors().find(|ancestor| ancestor.exists()).map(std::path::Path::to_path_buf);
    std::fs::create_dir_all(&absolute)?;
    if let Some(there) = there.filter(|there| *there != absolute) {
        sync_directories(&absolute.join("any"), &there)?;
    }
    absolute.canonicalize()
}

/// Syncs every directory above the file, up to the lake's own and the one that names it.
#[cfg(unix)]
fn sync_directories(file: &std::path::Path, root: &std::path::Path) -> std::io::Result<()> {
    for directory in file.ancestors().skip(1).take_while(|directory| directory.starts_with(root)) {
        std::fs::File::open(directory)?.sync_all()?;
    }
    match root.parent() {
        // A parent that may be passed through but not read was not made by this process.
        Some(parent) => std::fs::File::open(parent).map_or(Ok(()), |parent| parent.sync_all()),
        None => Ok(()),
    }
}

/// Directories cannot be opened for syncing here; the file system's journal keeps their order.
#[cfg(not(unix))]
fn sync_directories(_file: &std::path::Path, _root: &std::path::Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::time::SystemTime;

    fn leftovers(root: &std::path::Path) -> Vec<String> {
        let entries = fs::read_dir(root.join(STAGING)).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[tokio::test]
    async fn a_file_that_was_put_is_whole_and_leaves_nothing_behind() {
        let temporary = tempfile::tempdir().unwrap();
        let directory = Directory::open(&temporary.path().join("not/yet/there")).unwrap();
        for body in ["one", "two"] {
            directory.put(&Path::from("date=2026-11-23/hour=06/a.parquet"), body.into()).await.unwrap();
            let file = directory.root.join("date=2026-11-23/hour=06/a.parquet");
            assert_eq!(fs::read_to_string(file).unwrap(), body);
        }
        assert_eq!(leftovers(&directory.root), Vec::<String>::new());
    }

    #[test]
    fn writers_with_the_same_process_id_stage_different_files_under_different_names() {
        let names = ["date=2026-11-23/hour=06/a.parquet", "date=2026-11-23/hour=07/a.parquet"];
        let [one, other] = names.map(|name| staged(&Path::from(name), 1, 0));
        assert_ne!(one, other);
        let longest = format!("date=2026-11-23/hour=06/{}.parquet", "a".repeat(140));
        let staged = staged(&Path::from(longest), u32::MAX, u64::MAX);
        assert!(staged.filename().unwrap().len() < 250, "{staged}");
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_published_is_an_error_and_leaves_nothing_behind() {
        let temporary = tempfile::tempdir().unwrap();
        let directory = Directory::open(temporary.path()).unwrap();
        fs::create_dir_all(directory.root.join("date=2026-11-23/hour=06/a.parquet/taken")).unwrap();
        let put = directory.put(&Path::from("date=2026-11-23/hour=06/a.parquet"), "one".into()).await;
        assert!(put.is_err());
        assert_eq!(leftovers(&directory.root), Vec::<String>::new());
    }

    #[tokio::test]
    async fn only_abandoned_files_are_swept_and_only_by_a_writer() {
        let temporary = tempfile::tempdir().unwrap();
        let directory = Directory::open(temporary.path()).unwrap();
        fs::create_dir(directory.root.join(STAGING)).unwrap();
        let long_ago = SystemTime::now() - 2 * ABANDONED;
        for (name, modified) in [("1-0.partial", long_ago), ("2-0.partial", SystemTime::now())] {
            let file = fs::File::create(directory.root.join(STAGING).join(name)).unwrap();
            file.set_modified(modified).unwrap();
        }
        assert_eq!(leftovers(&directory.root).len(), 2);
        directory.put(&Path::from("date=2026-11-23/hour=06/a.parquet"), "one".into()).await.unwrap();
        assert_eq!(leftovers(&directory.root), ["2-0.partial"]);
    }
}
