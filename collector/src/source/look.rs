//! A look at what is there: files are recognised, found anew, missed.
//!
//! Promises: a renamed file is read to its end before the next one; a file that was compressed or copied meanwhile goes
//! on at its (unpacked) offset; a file that shrank, begins otherwise, or has other bytes before the reading position is
//! another one and read from its start; one that went away unread is a gap.

use super::Source;
use crate::checkpoint::{self, FileState};
use crate::content::{self, Content, Head};
use crate::find::{self, Found};
use crate::identity::FileKey;
use crate::sibling::{self, Age};
use crate::tracked::{self, Fit, Opened, Tracked};
use crate::{clock, metrics, problem};

use super::position::end_of_last_line;

/// Whether another source has the file with this key that begins so.
pub(crate) type Claimed<'a> = dyn Fn(&FileKey, &[u8]) -> bool + 'a;

impl Source {
    /// Looks for the files of this source.
    pub(crate) fn look(&mut self, claimed: &Claimed<'_>) {
        let looked_us = clock::now_us();
        let look = find::files_of(self.path());
        self.problem = look.problem;
        for file in &mut self.files {
            (file.present, file.awaited, file.problem) = (false, false, None);
        }
        let unknown: Vec<&Found> = look.files.iter().filter(|found| !self.recognise(found)).collect();
        for found in unknown {
            if !self.is_packed_twin(found, &look.files) {
                self.meet(found, &look.files, claimed);
            }
        }
        self.follow_renamed();
        self.files.iter_mut().for_each(|file| file.unsure = false);
        if look.whole {
            self.note_active();
            self.miss();
        }
        self.files.sort_by_key(|file| file.state.number);
        self.hold_unread();
        self.note_retention(&look.files);
        self.note_horizon(looked_us, &look.files);
        if !self.looked && self.is_new {
            self.puts.push(self.state.put());
        }
        self.looked = true;
    }

    /// Sees a file again by the name that the file system gave it. Names are given again after a removal: of several
    /// files with the same one the newest that fits is meant.
    fn recognise(&mut self, found: &Found) -> bool {
        for at in (0..self.files.len()).rev() {
            let file = &mut self.files[at];
            let renamed = file.state.path != found.path;
            if file.state.key == found.key && recognised(file, found, self.looked) {
                if renamed {
                    self.put_file(at);
                }
                return true;
            }
        }
        false
    }

    /// Whether `found` is the compressed form of a file that is there as well: it may still be in the making.
    fn is_packed_twin(&self, found: &Found, all: &[Found]) -> bool {
        let name = found.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let (plain, packed) = sibling::unpacked(name);
        packed && all.iter().any(|other| other.path == found.path.with_file_name(plain))
    }

    /// Finds out who a file is that has an unknown name in the file system.
    fn meet(&mut self, found: &Found, looked: &[Found], claimed: &Claimed<'_>) {
        match tracked::open(&found.path, &found.key) {
            Ok(Some(opened)) if opened.head.bytes.is_empty() => self.wait_for(found, &opened),
            Ok(Some(mut opened)) => match self.who(found, &mut opened) {
                Ok(Some(Who::Missing(at))) => self.adopt(at, found, opened),
                Ok(Some(Who::Read(at))) => {
                    self.adopt(at, found, opened);
                    self.files[at].end();
                    self.put_file(at);
                }
                Ok(Some(Who::Unclear | Who::Copy)) => {}
                Ok(None) if self.frozen || claimed(&found.key, &opened.head.bytes) => {}
                Ok(None) if self.is_overtaken(found, looked) => {}
                Ok(None) => self.begin(found, opened),
                Err(error) => self.problem = Some(problem::with_file(&found.path, &error)),
            },
            Ok(None) => {}
            Err(error) => self.problem = Some(problem::with_file(&found.path, &error)),
        }
    }

    /// Whether the active file that was opened just now may be newer than one that this look did not find: names in
    /// the file system are given again, and files are numbered in their order. The next look finds both.
    fn is_overtaken(&self, found: &Found, looked: &[Found]) -> bool {
        found.path == self.state.path && find::is_rotated_since(&found.path, looked)
    }

    /// A compressed file whose beginning is not there yet may become any of those that are missing.
    fn wait_for(&mut self, found: &Found, opened: &Opened) {
        let missing = self.files.iter_mut().filter(|file| !file.present && content::is_packed(&found.path));
        missing.filter(|_| opened.head.cut || found.size == 0).for_each(|file| file.awaited = true);
    }

    /// Which known file one with an unknown name is: a missing one, first of all the one of the same name, or a copy
    /// of one that is there.
    fn who(&mut self, found: &Found, opened: &mut Opened) -> std::io::Result<Option<Who>> {
        let copied = is_copied(found);
        let mut order: Vec<usize> = (0..self.files.len()).collect();
        order.sort_by_key(|&at| (!same_name(&self.files[at], found), at));
        for at in order {
            let file = &mut self.files[at];
            if file.present {
                match copied && file.is_copied_in(found, opened)? {
                    true => return Ok(Some(Who::Copy)),
                    false => continue,
                }
            }
            match file.fits(found, &opened.head, &mut opened.content)? {
                Fit::Yes => return Ok(Some(Who::Missing(at))),
                Fit::NotYet => {
                    file.awaited = true;
                    return Ok(Some(Who::Unclear));
                }
                Fit::Shorter if copied && file.has_all_of(&opened.head, &mut opened.content)? => {
                    return Ok(Some(Who::Read(at)));
                }
                Fit::No | Fit::Shorter => {}
            }
        }
        Ok(None)
    }

    /// A file that is known by its content: compressed or copied meanwhile.
    fn adopt(&mut self, at: usize, found: &Found, opened: Opened) {
        let file = &mut self.files[at];
        tracing::info!(from = %file.state.path.display(), to = %found.path.display(), "file goes on elsewhere");
        file.see(found);
        file.state.ended = None;
        if !self.frozen {
            file.limit = u64::MAX;
        }
        file.learn(&opened.head);
        file.hold(opened.content);
        let number = file.state.number;
        self.state.gaps.retain(|gap| gap.file != number);
        self.put_file(at);
    }

    /// A file that was never seen before. It is older than the active one, which is read after it if that is still
    /// possible.
    fn begin(&mut self, found: &Found, mut opened: Opened) {
        let active = |file: &Tracked| file.present && file.state.path == self.state.path;
        let newer = self.files.iter().position(active).filter(|_| found.path != self.state.path);
        let newer = newer.filter(|&at| self.files[at].state.offset == 0);
        let active = found.path == self.state.path;
        let mut state = FileState::new(self.state.next_file, found, &opened.head, active);
        let skipped = self.from_end && self.is_new && !self.looked;
        if skipped && content::is_packed(&found.path) {
            state.ended = Some(found.size);
        } else if skipped {
            state.offset = end_of_last_line(&mut opened.content, found.size);
        }
        self.state.next_file += 1;
        let mut file = Tracked::new(state);
        (file.present, file.modified) = (true, found.modified);
        file.hold(opened.content);
        self.files.push(file);
        self.put_file(self.files.len() - 1);
        if let Some(at) = newer {
            self.puts.push(checkpoint::forget(self.state.number, self.files[at].state.number));
            self.files[at].state.number = self.state.next_file;
            self.state.next_file += 1;
            self.put_file(at);
        }
    }

    /// Files without a known name: those whose handle is open go on. Others are looked for among all files of the
    /// directory, by identity and by content, before they count as missing.
    fn follow_renamed(&mut self) {
        let is_lost = |file: &Tracked| !file.present && !file.awaited && !file.state.gone;
        for file in self.files.iter_mut().filter(|file| is_lost(file)) {
            if let Some(content) = &file.content {
                file.state.size = content.size().unwrap_or(file.state.size);
            }
        }
        let searched = |file: &Tracked| is_lost(file) && file.content.is_none();
        if !self.files.iter().any(searched) {
            return;
        }
        for found in find::beside(&self.state.path) {
            if self.files.iter().any(|file| file.present && file.state.key == found.key) {
                continue;
            }
            let Ok(Some(mut opened)) = tracked::open(&found.path, &found.key) else { continue };
            let fits = |file: &Tracked, Opened { content, head }: &mut Opened| {
                searched(file) && file.fits(&found, head, content).is_ok_and(|fit| fit == Fit::Yes)
            };
            let fitting = self.files.iter().position(|file| fits(file, &mut opened));
            if let Some(at) = fitting {
                self.adopt(at, &found, opened);
            }
        }
    }
}

/// Who a file with an unknown name is.
enum Who {
    /// The missing file at this place.
    Missing(usize),
    /// A copy of the missing file at this place that has less than was read of it.
    Read(usize),
    /// A copy of a file that is there: the original will be truncated, or the copy is of no interest.
    Copy,
    /// It cannot be told yet.
    Unclear,
}

/// Whether a file of this name may be a copy that logrotate makes: lumberjack renames.
fn is_copied(found: &Found) -> bool {
    !matches!(sibling::in_rotation(&found.path).1, Age::Time(_) | Age::Active)
}

/// Whether what was found has the name that the file had, but for its compression.
fn same_name(file: &Tracked, found: &Found) -> bool {
    let plain = |path: &std::path::Path| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.map(|name| path.with_file_name(sibling::unpacked(name).0))
    };
    plain(&file.state.path) == plain(&found.path)
}

/// Whether what was found under the name that the file system gave to `file` is still that file.
fn recognised(file: &mut Tracked, found: &Found, looked: bool) -> bool {
    if file.is_unchanged(found) && (file.content.is_some() || looked) {
        file.present = true;
        return true;
    }
    match fit(file, found) {
        Ok(Some(Fit::Yes)) => {
            file.see(found);
            true
        }
        Ok(Some(Fit::No | Fit::Shorter | Fit::NotYet)) => {
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

/// Compares a file with what its name in the file system leads to now, by the open handle where there is one.
fn fit(file: &mut Tracked, found: &Found) -> std::io::Result<Option<Fit>> {
    if let Some(mut content) = file.content.take() {
        let head = content.prefix();
        let packed = file.is_packed(); // what is open keeps its name in the file system: it is this file
        let fit = head.and_then(|head| match packed {
            true => Ok(Fit::Yes),
            false => learned(file, found, &head, &mut content),
        });
        file.content = Some(content);
        return fit.map(Some);
    }
    match tracked::open(&found.path, &found.key)? {
        Some(mut opened) => learned(file, found, &opened.head, &mut opened.content).map(Some),
        None => Ok(None),
    }
}

fn learned(file: &mut Tracked, found: &Found, head: &Head, content: &mut Content) -> std::io::Result<Fit> {
    let fit = file.fits(found, head, content)?;
    if fit == Fit::Yes {
        file.learn(head);
    }
    Ok(fit)
}
