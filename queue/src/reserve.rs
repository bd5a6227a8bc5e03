//! A little room on the disk that is given up when there is no other, so that removals can be written and free more.
//!
//! Promise: releasing never fails loudly; a reserve that cannot be made now is made later.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::directory;

const PAUSE: Duration = Duration::from_secs(30);

/// The file `reserve`.
pub(crate) struct Reserve {
    path: PathBuf,
    bytes: u64,
    held: bool,
    /// Not made again before, so that the room goes first to what waits for it.
    pause: Instant,
}

impl Reserve {
    /// Makes the reserve of a queue that may grow to `max_bytes`, if there is room.
    pub(crate) fn new(dir: &Path, max_bytes: u64) -> Reserve {
        let bytes = (max_bytes / 16).min(4 * 1024 * 1024);
        let mut reserve = Reserve { path: dir.join("reserve"), bytes, held: false, pause: Instant::now() };
        reserve.restore();
        reserve
    }

    /// Makes the reserve again, if there is room and it was not released just now.
    pub(crate) fn restore(&mut self) {
        if self.held || Instant::now() < self.pause {
            return;
        }
        let there = std::fs::metadata(&self.path).map_or(0, |data| data.len());
        self.held = there == self.bytes
            || directory::write_whole(&self.path, &[&vec![0; self.bytes as usize]]).is_ok();
        if !self.held {
            self.pause = Instant::now() + PAUSE;
            let _ = directory::remove_file(&self.path.with_extension("new"));
        }
    }

    /// Gives the room back to the disk.
    pub(crate) fn release(&mut self) {
        if let Err(error) = directory::remove_file(&self.path) {
            tracing::warn!(%error, path = %self.path.display(), "the reserve could not be released");
        }
        self.held = false;
        self.pause = Instant::now() + PAUSE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_is_held_released_and_restored() {
        let dir = tempfile::tempdir().unwrap();
        let mut reserve = Reserve::new(dir.path(), 1024 * 1024);
        let held = || std::fs::metadata(dir.path().join("reserve")).map(|data| data.len()).ok();
        assert_eq!(held(), Some(65536));
        reserve.release();
        assert_eq!(held(), None);
        reserve.restore();
        assert_eq!(held(), None, "too early");
        reserve.pause = Instant::now();
        reserve.restore();
        assert_eq!(held(), Some(65536));
    }
}
