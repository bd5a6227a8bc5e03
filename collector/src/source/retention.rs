//! How far behind reading is, and how far from what the API server removes.
//!
//! Promises: unread files are open, the oldest first and at most [`MOST_OPEN`] of them, so that a removal does not lose
//! them while this process lives; before and when removal reaches the reading position, that is said.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::{MOST_OPEN, Source};
use crate::find::Found;
use crate::tracked::Tracked;
use crate::{problem, sibling};

/// What is known of how long the API server keeps rotated files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Retention {
    /// `--audit-log-maxbackup`, as it was configured, or as removals have shown.
    pub(crate) keeps: Option<usize>,
    /// Names (unpacked) of the rotated files that were there at the last look, oldest first.
    rotated: Vec<PathBuf>,
    /// Of those, how many are as new as the oldest with unread lines, or newer; 0 when all are read.
    behind: usize,
    /// Rotated files with unread lines.
    pub(crate) unread: usize,
    /// Unread files whose name was removed already.
    pub(crate) removed: usize,
    /// Unread files that are not open.
    pub(crate) unheld: usize,
}

impl Retention {
    /// Rotations until the oldest file with unread lines is removed; none when that is not known, or all are read.
    pub(crate) fn left(&self) -> Option<usize> {
        let keeps = self.keeps.filter(|_| self.behind > 0)?;
        Some(keeps.saturating_sub(self.behind))
    }

    /// How many files are kept, as the removal of the oldest shows; more when more are there.
    fn learnt(&self, now: &[PathBuf]) -> Option<usize> {
        let removed = self.rotated.first().is_some_and(|oldest| !now.is_empty() && !now.contains(oldest));
        let keeps = if removed { Some(now.len()) } else { self.keeps };
        keeps.map(|keeps| keeps.max(now.len()))
    }

    /// What an operator must know before lines are lost.
    pub(crate) fn warnings(&self, path: &Path) -> Vec<String> {
        let path = path.display();
        let near = self.left().filter(|&left| self.keeps.is_some_and(|keeps| left * 5 <= keeps));
        let near = near.map(|left| {
            format!(
                "{path}: {left} rotations from now the API server removes a file that is not read yet; raise --audit-log-maxbackup, or find out what holds up sending"
            )
        });
        let removed = (self.removed > 0).then(|| {
            format!(
                "{path}: {} rotated files were removed before they were read; they are read from their open handles: do not stop this process before they are",
                self.removed
            )
        });
        let unheld = (self.unheld > 0).then(|| {
            format!(
                "{path}: {} unread rotated files are not held open (the most is {MOST_OPEN}): a removal would lose them",
                self.unheld
            )
        });
        [near, removed, unheld].into_iter().flatten().collect()
    }
}

impl Source {
    /// Opens the oldest unread files, so that a removal cannot take them away, and closes the others.
    pub(super) fn hold_unread(&mut self) {
        let active = self.state.path.clone();
        let mut open = 0;
        for file in &mut self.files {
            if file.is_unread() && open < MOST_OPEN {
                open += 1;
                if let Err(error) = file.open() {
                    file.problem = Some(problem::with_file(&file.state.path, &error));
                }
            } else if file.present && file.state.path != active {
                file.content = None;
            }
        }
    }

    /// Closes a file that was opened just now when enough are open; it is opened again in its turn.
    pub(super) fn spare(&mut self, at: usize) {
        let open = self.files.iter().filter(|file| file.content.is_some()).count();
        if open > MOST_OPEN {
            self.files[at].content = None;
        }
    }

    /// Counts rotated files, and learns from removals how many are kept.
    pub(super) fn note_retention(&mut self, found: &[Found]) {
        let mut rotated: Vec<PathBuf> = Vec::new();
        let mut oldest_unread = None;
        for found in found.iter().filter(|found| found.path != self.state.path) {
            let name = unpacked(&found.path);
            if rotated.last() != Some(&name) {
                rotated.push(name);
            }
            let known = self.files.iter().find(|file| file.present && file.state.key == found.key);
            if oldest_unread.is_none() && known.is_some_and(Tracked::is_unread) {
                oldest_unread = Some(rotated.len() - 1);
            }
        }
        let unread: Vec<&Tracked> = self.files.iter().filter(|file| self.is_unread_sibling(file)).collect();
        self.retention = Retention {
            keeps: self.max_backups.or_else(|| self.retention.learnt(&rotated)),
            behind: oldest_unread.map_or(0, |at| rotated.len() - at),
            rotated,
            unread: unread.len(),
            removed: unread.iter().filter(|file| file.is_removed()).count(),
            unheld: unread.iter().filter(|file| file.present && file.content.is_none()).count(),
        };
    }

    fn is_unread_sibling(&self, file: &Tracked) -> bool {
        file.is_unread() && (!file.present || file.state.path != self.state.path)
    }

    /// Notes that all is read that was written before a look; what is known of a log seen for the first time is when
    /// its oldest file was written last.
    pub(super) fn note_horizon(&mut self, looked_us: i64, found: &[Found]) {
        if !self.is_unread() {
            self.state.horizon_us = looked_us;
        } else if self.state.horizon_us == 0 {
            let oldest = found.iter().filter_map(|found| found.modified).min();
            self.state.horizon_us = oldest.map_or(looked_us, micros);
        }
    }
}

/// The path without what says that its content is compressed.
fn unpacked(path: &Path) -> PathBuf {
    let name = path.file_name().and_then(|name| name.to_str()).map(|name| sibling::unpacked(name).0);
    name.map_or_else(|| path.to_owned(), |name| path.with_file_name(name))
}

fn micros(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearer_removal_comes_the_more_is_said() {
        let path = Path::new("/l/audit.log");
        let far = Retention { keeps: Some(10), behind: 3, unread: 3, ..Retention::default() };
        assert_eq!((far.left(), far.warnings(path).len()), (Some(7), 0));
        let near = Retention { behind: 9, ..far.clone() };
        assert!(near.warnings(path)[0].contains("1 rotations from now"), "{:?}", near.warnings(path));
        let late = Retention { removed: 2, unheld: 1, ..near };
        assert_eq!(late.warnings(path).len(), 3);
        assert_eq!(Retention { behind: 0, ..far }.left(), None);
        assert_eq!(Retention { behind: 3, ..Retention::default() }.left(), None);
    }

    #[test]
    fn the_removal_of_the_oldest_shows_how_many_are_kept() {
        let names = |from: usize, to: usize| (from..to).map(|at| PathBuf::from(format!("{at}"))).collect();
        let mut seen = Retention { rotated: names(1, 4), ..Retention::default() };
        assert_eq!(seen.learnt(&names(1, 5)), None);
        assert_eq!(seen.learnt(&names(2, 5)), Some(3));
        seen.keeps = Some(3);
        assert_eq!(seen.learnt(&names(1, 6)), Some(5));
    }
}
