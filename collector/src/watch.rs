//! What wakes the reader: changes in the directories of the logs, where the system tells of them.
//!
//! Promise: only a hint. Whatever is not told (network file systems, too many watches) is found by the poll.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

/// Most directories that are watched.
const MOST_WATCHED: usize = 256;

/// Watches directories.
pub(crate) struct Watch {
    watcher: Option<RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
    wake: Arc<Notify>,
}

impl Watch {
    pub(crate) fn new() -> Watch {
        let wake = Arc::new(Notify::new());
        let waker = Arc::clone(&wake);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let changes = |kind: &EventKind| !matches!(kind, EventKind::Access(_));
            if event.is_ok_and(|event| changes(&event.kind)) {
                waker.notify_one();
            }
        });
        let watcher =
            watcher.inspect_err(|error| tracing::warn!(%error, "changes are found by polling only"));
        Watch { watcher: watcher.ok(), watched: BTreeSet::new(), wake }
    }

    /// Watches nothing: the poll alone finds changes.
    pub(crate) fn nothing() -> Watch {
        Watch { watcher: None, watched: BTreeSet::new(), wake: Arc::default() }
    }

    /// Watches the directory of a log from now on.
    pub(crate) fn directory_of(&mut self, log: &Path) {
        let directory = crate::find::directory_of(log);
        let Some(watcher) = &mut self.watcher else { return };
        if self.watched.contains(directory) || self.watched.len() >= MOST_WATCHED {
            return;
        }
        if watcher.watch(directory, RecursiveMode::NonRecursive).is_ok() {
            self.watched.insert(directory.to_owned());
        }
    }

    /// Waits for a change.
    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }
}
