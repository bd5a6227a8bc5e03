//! Files that are not there any more.
//!
//! Promises: what is open is read to its end, whatever became of its name; what went away unread is a gap, named and
//! counted; identities of the last [`MOST_REMEMBERED`] files that are gone are kept, so that what comes back (restored,
//! or compressed by somebody slow) is not read again.

use super::{MOST_OPEN, Source};
use crate::find::{self, Found};
use crate::gap::{Gap, MOST_GAPS};
use crate::tracked::Tracked;
use crate::{clock, metrics};

/// Files that are gone and whose identity is remembered.
const MOST_REMEMBERED: usize = 64;

impl Source {
    /// Notes which file is the active one: of one that is not, nothing more is expected than what it had.
    pub(super) fn note_active(&mut self) {
        for at in 0..self.files.len() {
            let file = &mut self.files[at];
            let active = file.present && file.state.path == self.state.path;
            if file.state.active != active && (file.present || file.content.is_some()) {
                file.state.active = active;
                self.put_file(at);
            }
        }
    }

    /// Notes which files are gone, and which of them were not read. What was `looked` at must be all that is there.
    pub(super) fn miss(&mut self, looked: &[Found]) {
        let is_missing = |file: &Tracked| file.is_missing() && !file.awaited;
        if self.files.iter().any(is_missing) && find::is_rotated_since(self.path(), looked) {
            return; // the next look may find it
        }
        let newest = self.files.iter().map(|file| file.state.number).max();
        let mut renamed = self.files.iter().filter(|file| !file.present && file.content.is_some()).count();
        for at in 0..self.files.len() {
            let file = &self.files[at];
            if file.present || file.awaited || file.state.gone || (self.frozen && file.content.is_some()) {
                continue;
            }
            match &file.content {
                Some(_) if file.is_unread() || newest == Some(file.state.number) => {}
                Some(content) if content.is_removed() || renamed > MOST_OPEN => {
                    renamed -= 1;
                    self.remember(at);
                }
                Some(_) => {}
                None => self.lose(at),
            }
        }
        self.forget_oldest();
    }

    /// No handle and no name leads to it: what of it was not read is a gap. Of an active file that was not seen since the
    /// start nobody knows what was written into it before it went away.
    fn lose(&mut self, at: usize) {
        let file = &self.files[at];
        let maybe_more = !file.seen && file.state.active;
        if file.is_unread() || maybe_more {
            self.add_gap(at);
        }
        self.remember(at);
    }

    fn add_gap(&mut self, at: usize) {
        let (state, packed) = (&self.files[at].state, self.files[at].is_packed());
        let gap = Gap {
            file: state.number,
            path: state.path.clone(),
            from: state.offset,
            to: Some(state.size).filter(|&size| !packed && size > state.offset),
            noticed_us: clock::now_us(),
        };
        tracing::error!(source = %self.state.path.display(), "{gap}");
        metrics::lost();
        self.state.gaps.retain(|known| known.file != gap.file);
        if self.state.gaps.len() >= MOST_GAPS {
            self.state.gaps.remove(0);
        }
        self.state.gaps.push(gap);
    }

    fn remember(&mut self, at: usize) {
        let file = &mut self.files[at];
        (file.content, file.state.gone) = (None, true);
        self.put_file(at);
    }

    fn forget_oldest(&mut self) {
        let gone = self.files.iter().filter(|file| file.state.gone).count();
        for _ in MOST_REMEMBERED..gone {
            let oldest = self.files.iter().enumerate().filter(|(_, file)| file.state.gone);
            if let Some((at, _)) = oldest.min_by_key(|(_, file)| file.state.number) {
                self.forget(at);
            }
        }
    }
}
