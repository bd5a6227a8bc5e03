//! A look at what is there: files are recognised, found anew, missed.
//!
//! Promises: a renamed file is read to its end before the next one; a file that was compressed meanwhile goes on at
//! its unpacked offset; a file that shrank, or begins otherwise, is another one and read from its start; one that
//! went away unread is named.

use super::{MOST_OPEN, Source};
use crate::checkpoint::FileState;
use crate::content;
use crate::find::{self, Found};
use crate::identity::{FileKey, Prefix};
use crate::tracked::{self, Opened, Tracked};
use crate::{metrics, problem, sibling};

use super::position::end_of_last_line;

impl Source {
    /// Looks for the files of this source. `claimed` says whether another source has this file.
    pub(crate) fn look(&mut self, claimed: &dyn Fn(&FileKey, &[u8]) -> bool) {
        let look = find::files_of(self.path());
        self.problem = look.problem;
        for file in &mut self.files {
            (file.present, file.problem) = (false, None);
        }
        let unknown: Vec<&Found> = look.files.iter().filter(|found| !self.recognise(found)).collect();
        for found in unknown {
            if !self.is_packed_twin(found, &look.files) {
                self.meet(found, claimed);
            }
        }
        self.follow_renamed();
        if look.whole {
            self.miss();
        }
        self.files.sort_by_key(|file| file.state.number);
        self.hold_unread();
        if !self.looked && self.is_new {
            self.puts.push(self.state.put());
        }
        self.looked = true;
    }

    /// Sees a file again by the name that the file system gave it.
    fn recognise(&mut self, found: &Found) -> bool {
        let Some(file) = self.files.iter_mut().find(|file| file.state.key == found.key) else { return false };
        let unchanged = file.state.size == found.size && file.state.path == found.path;
        if unchanged && (file.content.is_some() || self.looked) {
            file.present = true;
            return true;
        }
        let prefix = match &file.content {
            Some(content) => content.prefix().map(Some),
            None => tracked::open(&found.path, &found.key).map(|opened| opened.map(|opened| opened.prefix)),
        };
        match prefix {
            Ok(Some(prefix)) if file.fits(found, &prefix) => {
                file.see(found);
                file.learn(&prefix);
                true
            }
            Ok(Some(_)) => {
                if file.content.take().is_some() {
                    metrics::truncated();
                    tracing::warn!(path = %found.path.display(), read = file.state.offset, "file was truncated");
                }
                false
            }
            Ok(None) => {
                file.present = true; // replaced while we looked: the next look says by what
                true
            }
            Err(error) => {
                file.see(found);
                file.problem = Some(problem::with_file(&found.path, &error));
                true
            }
        }
    }

    /// Whether `found` is the compressed form of a file that is there as well: it may still be in the making.
    fn is_packed_twin(&self, found: &Found, all: &[Found]) -> bool {
        let name = found.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let (plain, packed) = sibling::unpacked(name);
        packed && all.iter().any(|other| other.path == found.path.with_file_name(plain))
    }

    /// Finds out who a file is that has an unknown name in the file system.
    fn meet(&mut self, found: &Found, claimed: &dyn Fn(&FileKey, &[u8]) -> bool) {
        match tracked::open(&found.path, &found.key) {
            Ok(Some(opened)) if opened.prefix.is_empty() => {}
            Ok(Some(opened)) => {
                let known =
                    self.files.iter().position(|file| !file.present && file.fits(found, &opened.prefix));
                match known {
                    Some(at) => self.adopt(at, found, opened),
                    None if self.frozen || claimed(&found.key, &opened.prefix) => {}
                    None => self.begin(found, opened),
                }
            }
            Ok(None) => {}
            Err(error) => self.problem = Some(problem::with_file(&found.path, &error)),
        }
    }

    /// A file that is known by its content: compressed or copied meanwhile.
    fn adopt(&mut self, at: usize, found: &Found, opened: Opened) {
        let file = &mut self.files[at];
        tracing::info!(from = %file.state.path.display(), to = %found.path.display(), "file goes on elsewhere");
        file.see(found);
        file.state.ended = None;
        file.limit = u64::MAX;
        file.hold(opened.content);
        file.learn(&opened.prefix);
        self.put_file(at);
    }

    /// A file that was never seen before.
    fn begin(&mut self, found: &Found, mut opened: Opened) {
        let mut state = FileState {
            number: self.state.next_file,
            path: found.path.clone(),
            key: found.key.clone(),
            prefix: Prefix::of(&opened.prefix),
            offset: 0,
            size: found.size,
            ended: None,
        };
        let skipped = self.from_end && self.is_new && !self.looked;
        if skipped && content::is_packed(&found.path) {
            state.ended = Some(found.size);
        } else if skipped {
            state.offset = end_of_last_line(&mut opened.content, found.size);
        }
        self.state.next_file += 1;
        let mut file = Tracked::new(state);
        file.present = true;
        file.hold(opened.content);
        self.files.push(file);
        if skipped {
            self.put_file(self.files.len() - 1);
            self.puts.push(self.state.put());
        }
    }

    /// Files without a known name: those whose handle is open go on; at the start others are looked for by identity.
    fn follow_renamed(&mut self) {
        let base = self.state.path.clone();
        for file in self.files.iter_mut().filter(|file| !file.present) {
            if let Some(content) = &file.content {
                file.state.size = content.size().unwrap_or(file.state.size);
            } else if !self.looked
                && let Some(found) = find::moved(&base, &file.state.key)
                && let Ok(Some(opened)) = tracked::open(&found.path, &found.key)
                && file.fits(&found, &opened.prefix)
            {
                file.see(&found);
                file.present = false;
                file.hold(opened.content);
            }
        }
    }

    /// Forgets files that are gone: read ones silently, others by name.
    fn miss(&mut self) {
        let newest = self.files.iter().map(|file| file.state.number).max();
        let mut renamed = self.files.iter().filter(|file| !file.present && file.content.is_some()).count();
        for at in (0..self.files.len()).rev() {
            let file = &self.files[at];
            if file.present || (self.frozen && file.content.is_some()) {
                continue;
            }
            match &file.content {
                Some(_) if file.is_unread() || newest == Some(file.state.number) => {}
                Some(content) if content.is_removed() || renamed > MOST_OPEN => {
                    renamed -= 1;
                    self.forget(at);
                }
                Some(_) => {}
                None => {
                    let maybe_more = !self.looked && file.state.path == self.state.path;
                    if file.is_unread() || maybe_more {
                        let what = problem::gone(&file.state.path, file.state.offset, file.state.size);
                        self.lose(what);
                    }
                    self.forget(at);
                }
            }
        }
    }

    fn lose(&mut self, what: String) {
        tracing::error!(source = %self.state.path.display(), "{what}");
        metrics::lost();
        if self.lost.len() < MOST_OPEN {
            self.lost.push(what);
        }
    }

    /// Opens the oldest unread files, so that a removal cannot take them away, and closes those that are read.
    fn hold_unread(&mut self) {
        let active = self.state.path.clone();
        let mut open = 0;
        for file in &mut self.files {
            if file.is_unread() && open < MOST_OPEN {
                open += 1;
                if let Err(error) = file.open() {
                    file.problem = Some(problem::with_file(&file.state.path, &error));
                }
            } else if file.present && file.state.path != active && !file.is_unread() {
                file.content = None;
            }
        }
    }
}
