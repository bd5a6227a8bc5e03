//! Files with an unknown name in the file system: a known one that was compressed or copied meanwhile, or a new one.
//!
//! Promises: a known file goes on at its (unpacked) offset, by its content and first of all under its own name; a copy
//! of what is there, or of what was read, is not read again; a new file gets a number behind all that are older, also
//! where one is copied and truncated during the look.

use std::io;
use std::path::Path;

use super::Source;
use super::look::Claimed;
use super::position::end_of_last_line;
use crate::checkpoint::{self, FileState};
use crate::content;
use crate::find::{self, Found};
use crate::gap::Gap;
use crate::opened::{self, Fit, Opened};
use crate::problem;
use crate::sibling::{self, Age};
use crate::tracked::Tracked;

/// What a look works with.
pub(super) struct Sight<'a> {
    pub(super) looked: &'a [Found],
    pub(super) claimed: &'a Claimed<'a>,
    /// Nothing was renamed, compressed, truncated or removed during the look: new files may be numbered, since all that
    /// are older are known, and what was not found is not there.
    pub(super) steady: bool,
    /// That has not been so for long: it is decided all the same.
    pub(super) impatient: bool,
    /// What has no number, being empty or a copy of what is there: it has one to get when that is not so any more.
    pub(super) left: Vec<&'a Found>,
}

impl Sight<'_> {
    /// Something changed meanwhile.
    pub(super) fn shake(&mut self) {
        self.steady &= self.impatient;
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
    /// It is compressed, and too little of it is there to tell.
    InTheMaking,
    /// What it was compared with changed meanwhile.
    Unclear,
    /// Nobody that is known.
    New,
}

impl Source {
    /// Finds out who a file is.
    pub(super) fn meet<'a>(&mut self, found: &'a Found, sight: &mut Sight<'a>) {
        let met = match Opened::at(&found.path, &found.key) {
            Ok(Some(opened)) if opened.head.bytes.is_empty() => {
                self.wait_for(found, &opened);
                sight.left.push(found);
                return;
            }
            Ok(Some(mut opened)) => self.who(found, &mut opened).and_then(|who| match who {
                Who::Missing(at) => self.adopt(at, found, opened, false),
                Who::Read(at) => self.adopt(at, found, opened, true),
                Who::InTheMaking => Ok(()),
                Who::Copy => {
                    sight.left.push(found);
                    Ok(())
                }
                Who::Unclear => {
                    sight.shake();
                    Ok(())
                }
                Who::New if self.frozen || (sight.claimed)(&found.key) => Ok(()),
                Who::New if !sight.steady => Ok(()),
                Who::New => self.begin(found, opened, sight).map(|begun| {
                    if !begun {
                        sight.shake(); // nobody knows it yet, and the next look has to find it
                    }
                }),
            }),
            Ok(None) => {
                sight.shake(); // the next look finds it under another name
                Ok(())
            }
            Err(error) => Err(error),
        };
        if let Err(error) = met {
            self.problem = Some(problem::with_file(&found.path, &error));
        }
    }

    /// Whether the active file, of which `state` was read just now, may be newer than one that has no number: one that
    /// this look did not find, or one that was a copy in the making then. Names in the file system are given again, a
    /// truncation keeps them, and files are numbered in their order. The next look finds both.
    fn is_overtaken(&mut self, opened: &Opened, state: &FileState, sight: &Sight<'_>) -> io::Result<bool> {
        if find::is_rotated_since(&self.state.path, sight.looked) {
            return Ok(true);
        }
        for found in &sight.left {
            if !self.is_left(found)? {
                return Ok(true);
            }
        }
        Ok(!opened::begins(state, &opened.content)?) // last: the copies were compared with what has this state
    }

    /// Whether a file that got no number is still to get none.
    fn is_left(&mut self, found: &Found) -> io::Result<bool> {
        match Opened::at(&found.path, &found.key)? {
            Some(opened) if opened.head.bytes.is_empty() => Ok(true),
            Some(mut opened) => Ok(matches!(self.who(found, &mut opened)?, Who::Copy)),
            None => Ok(false),
        }
    }

    /// A compressed file whose beginning is not there yet may become any of those that are missing.
    fn wait_for(&mut self, found: &Found, opened: &Opened) {
        let missing = self.files.iter_mut().filter(|file| !file.present && content::is_packed(&found.path));
        missing.filter(|_| opened.head.cut || found.size == 0).for_each(|file| file.awaited = true);
        if opened.head.cut && found.size > 0 {
            let path = found.path.display();
            self.problem = Some(format!("{path} is cut off before its first byte: it is waited for"));
        }
    }

    /// Which known file this is: a missing one, first of all the one of the same name, or a copy of one that is there.
    fn who(&mut self, found: &Found, opened: &mut Opened) -> io::Result<Who> {
        let copied = is_copied(found);
        let mut order: Vec<usize> = (0..self.files.len()).collect();
        order.sort_by_key(|&at| (!same_name(&self.files[at], found), at));
        for at in order {
            let file = &mut self.files[at];
            if file.present {
                match if copied { file.is_copied_in(found, opened)? } else { Some(false) } {
                    Some(true) => return Ok(Who::Copy),
                    Some(false) => continue,
                    None => return Ok(Who::Unclear),
                }
            }
            match opened.fits(found, &file.state)? {
                Fit::Yes => return Ok(Who::Missing(at)),
                Fit::NotYet => {
                    file.awaited = true;
                    return Ok(Who::InTheMaking);
                }
                Fit::Shorter if copied && opened.is_beginning_of(&file.state)? => {
                    let still_copied = opened.content.size()? != found.size;
                    return Ok(if still_copied { Who::Unclear } else { Who::Read(at) });
                }
                Fit::No | Fit::Shorter => {}
            }
        }
        match copied {
            true if opened.content.nuls()?.is_none() => Ok(Who::Unclear), // a hole that is being copied
            true if self.is_copied_from_active(found, opened)? => Ok(Who::Copy),
            _ => Ok(Who::New),
        }
    }

    /// Whether the active file, which nobody knows yet, has the same content: the copy is in the making.
    fn is_copied_from_active(&self, found: &Found, opened: &mut Opened) -> io::Result<bool> {
        let active = find::active(&self.state.path).filter(|active| active.size > 0);
        let Some(active) = active else { return Ok(false) };
        let Some(mut original) = Opened::at(&active.path, &active.key)? else { return Ok(false) };
        let packed = content::is_packed(&found.path) || content::is_packed(&active.path);
        let size = opened.content.size()?;
        Ok(!packed && original.is_same_as(active.size, opened, size)?)
    }

    /// A file that is known by its content: compressed or copied meanwhile, perhaps `read` as a whole. It closes a gap
    /// if it has what is missing.
    fn adopt(&mut self, at: usize, found: &Found, opened: Opened, read: bool) -> io::Result<()> {
        let found = &opened.now(found)?;
        let file = &mut self.files[at];
        tracing::info!(from = %file.state.path.display(), to = %found.path.display(), "file goes on elsewhere");
        file.see(found);
        file.state.ended = None;
        if !self.frozen {
            file.limit = u64::MAX;
        }
        opened.teach(&mut file.state)?;
        file.hold(opened.content);
        if read {
            file.end()
        } else {
            file.end_if_read()?
        }
        let number = file.state.number;
        let has = |gap: &Gap| content::is_packed(&found.path) || gap.to.is_none_or(|to| found.size >= to);
        self.state.gaps.retain(|gap| gap.file != number || read || !has(gap));
        self.spare(at);
        self.put_file(at);
        Ok(())
    }

    /// A file that was never seen before. It is older than the active one, which is read after it if that is still
    /// possible. False when the next look has to say where it belongs.
    fn begin(&mut self, found: &Found, mut opened: Opened, sight: &Sight<'_>) -> io::Result<bool> {
        let found = &opened.now(found)?;
        let active = found.path == self.state.path;
        let Some(mut state) = opened.describe(self.state.next_file, found, active)? else {
            return Ok(false);
        };
        if active && self.is_overtaken(&opened, &state, sight)? {
            return Ok(false);
        }
        let is_active = |file: &Tracked| file.present && file.state.path == self.state.path;
        let newer = self.files.iter().position(is_active).filter(|_| !active);
        let newer = newer.filter(|&at| self.files[at].state.offset == 0);
        let skipped = self.from_end && self.is_new && !self.looked;
        if skipped && content::is_packed(&found.path) {
            state.ended = Some(found.size);
        } else if skipped {
            state.offset = end_of_last_line(&mut opened.content, found.size);
        }
        self.state.next_file += 1;
        let mut file = Tracked::new(state);
        file.see(found);
        file.hold(opened.content);
        self.files.push(file);
        self.spare(self.files.len() - 1);
        self.put_file(self.files.len() - 1);
        if let Some(at) = newer {
            self.puts.push(checkpoint::forget(self.state.number, self.files[at].state.number));
            self.files[at].state.number = self.state.next_file;
            self.state.next_file += 1;
            self.put_file(at);
        }
        Ok(true)
    }

    /// Files without a known name: those whose handle is open go on. Others are looked for among all files of the
    /// directory, by identity and by content, before they count as missing.
    pub(super) fn find_missing(&mut self) {
        let is_missing = |file: &Tracked| !file.present && !file.awaited && !file.state.gone;
        for file in self.files.iter_mut().filter(|file| is_missing(file)) {
            if let Some(content) = &file.content {
                file.state.size = content.size().unwrap_or(file.state.size);
            }
        }
        let wanted = |file: &Tracked| is_missing(file) && file.content.is_none();
        if !self.files.iter().any(wanted) {
            return;
        }
        for found in find::beside(&self.state.path) {
            if self.files.iter().any(|file| file.present && file.state.key == found.key) {
                continue;
            }
            let Ok(Some(mut opened)) = Opened::at(&found.path, &found.key) else { continue };
            let mut fits = |file: &Tracked| {
                wanted(file) && opened.fits(&found, &file.state).is_ok_and(|fit| fit == Fit::Yes)
            };
            if let Some(at) = self.files.iter().position(&mut fits)
                && let Err(error) = self.adopt(at, &found, opened, false)
            {
                self.files[at].problem = Some(problem::with_file(&found.path, &error));
            }
        }
    }
}

/// Whether a file of this name may be a copy that logrotate makes: lumberjack renames.
fn is_copied(found: &Found) -> bool {
    !matches!(sibling::in_rotation(&found.path).1, Age::Time(_) | Age::Active)
}

/// Whether what was found has the name that the file had, but for its compression.
fn same_name(file: &Tracked, found: &Found) -> bool {
    let plain = |path: &Path| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.map(|name| path.with_file_name(sibling::unpacked(name).0))
    };
    plain(&file.state.path) == plain(&found.path)
}
