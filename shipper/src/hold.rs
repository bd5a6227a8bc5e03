//! An operator's hold: nothing is sent to the destination until it is released; its spool goes on filling.
//!
//! Promise: a hold that was confirmed survives a restart (a file `held` in the destination's directory stands for it),
//! and so does a release.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use lake::Partition;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::Instant;

/// The file that stands for a hold.
const MARK: &str = "held";

/// Bytes of a reason that are kept.
const MOST_REASON: usize = 1024;

/// A destination's hold, if there is one.
pub(crate) struct Hold {
    file: PathBuf,
    state: watch::Sender<State>,
}

/// What the delivery has to know.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    /// Nothing may be sent.
    pub(crate) held: Option<Held>,
    /// How often it was released: then it is tried again at once, whatever held it.
    pub(crate) releases: u64,
}

/// A hold that is on.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    /// Since when in this process.
    pub(crate) since: Instant,
    /// What to say about it.
    pub(crate) words: String,
}

/// What the file says; one that says nothing readable is a hold too.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Mark {
    since_us: i64,
    reason: String,
}

impl Hold {
    /// The hold of the destination in `dir`, as it was left. Blocking.
    pub(crate) fn of(dir: &Path, name: &str) -> io::Result<Hold> {
        let file = dir.join(MARK);
        let held = match std::fs::read(&file) {
            Ok(text) => Some(Held::new(name, &serde_json::from_slice(&text).unwrap_or_default())),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(Hold { file, state: watch::channel(State { held, releases: 0 }).0 })
    }

    /// Holds durably. Blocking.
    pub(crate) fn hold(&self, name: &str, reason: &str, now_us: i64) -> io::Result<()> {
        let reason: String = reason.chars().filter(|c| !c.is_control()).take(MOST_REASON).collect();
        let mark = Mark { since_us: now_us, reason };
        let staged = self.file.with_extension("new");
        let mut file = queue::private_file().write(true).create(true).truncate(true).open(&staged)?;
        file.write_all(&serde_json::to_vec(&mark).map_err(io::Error::other)?)?;
        file.sync_all()?;
        std::fs::rename(&staged, &self.file)?;
        self.sync_directory()?;
        self.state.send_modify(|state| state.held = Some(Held::new(name, &mark)));
        Ok(())
    }

    /// Releases durably, and has whatever else holds the destination tried again. Blocking.
    pub(crate) fn release(&self) -> io::Result<()> {
        match std::fs::remove_file(&self.file) {
            Ok(()) => self.sync_directory()?,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        self.state.send_modify(|state| *state = State { held: None, releases: state.releases + 1 });
        Ok(())
    }

    /// How it stands, and every change.
    pub(crate) fn watch(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    /// The hold that is on.
    pub(crate) fn held(&self) -> Option<Held> {
        self.state.borrow().held.clone()
    }

    /// A name is durable only when its directory is; Windows keeps names in its journal and has no such call.
    fn sync_directory(&self) -> io::Result<()> {
        if cfg!(unix) { File::open(self.file.parent().unwrap_or(Path::new(".")))?.sync_all() } else { Ok(()) }
    }
}

impl Held {
    fn new(name: &str, mark: &Mark) -> Held {
        let Mark { since_us, reason } = mark;
        let since = if *since_us > 0 { format!(" since {}", written(*since_us)) } else { String::new() };
        let reason = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
        let words =
            format!("held by the operator{since}{reason}; `auditrail hold release {name}` lets it go on");
        Held { since: Instant::now(), words }
    }
}

/// `2026-11-23T06:12:09Z`.
fn written(us: i64) -> String {
    let hour = Partition::of(us);
    let seconds = (us - hour.start_us()) / 1_000_000;
    format!("{}T{:02}:{:02}:{:02}Z", hour.date(), hour.hour(), seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_and_a_release_survive_a_start_and_the_hold_says_what_to_do() {
        let directory = tempfile::tempdir().unwrap();
        let open = || Hold::of(directory.path(), "dd").unwrap();
        assert!(open().held().is_none());
        open().hold("dd", "the intake\nis moved", 1_795_500_729_000_000).unwrap();
        let words = open().held().unwrap().words;
        assert_eq!(
            words,
            "held by the operator since 2026-11-24T06:12:09Z (the intakeis moved); \
             `auditrail hold release dd` lets it go on"
        );
        open().release().unwrap();
        open().release().unwrap();
        assert!(open().held().is_none());
    }

    #[test]
    fn a_mark_that_cannot_be_read_is_a_hold() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(MARK), "").unwrap();
        assert!(Hold::of(directory.path(), "dd").unwrap().held().unwrap().words.starts_with("held by the"));
    }
}
