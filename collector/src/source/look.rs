//! A look at what is there: files that are known are recognised, others are met, and what is not there is missed.
//!
//! Promises: a renamed file is read to its end before the next one; a file that shrank, begins otherwise, or has other
//! bytes before the reading position is another one; files are numbered in their order, whatever happens during a look.

use std::io;

use super::Source;
use super::meet::Sight;
use crate::find::{self, Found};
use crate::identity::FileKey;
use crate::opened::{Fit, Opened};
use crate::tracked::{PATIENCE, Tracked};
use crate::{clock, metrics, problem, sibling};

/// Whether another source has the file with this key.
pub(crate) type Claimed<'a> = dyn Fn(&FileKey) -> bool + 'a;

impl Source {
    /// Looks for the files of this source.
    pub(crate) fn look(&mut self, claimed: &Claimed<'_>) {
        let looked_us = clock::now_us();
        let look = find::files_of(self.path());
        self.problem = look.problem.filter(|_| !self.frozen); // what was there at the start may well be gone
        self.files.iter_mut().for_each(Tracked::begin_look);
        let impatient = self.unsteady >= PATIENCE;
        let steady = !look.unsteady || impatient;
        let mut sight = Sight { looked: &look.files, claimed, steady, impatient, left: Vec::new() };
        let unknown: Vec<&Found> =
            look.files.iter().filter(|found| !self.recognise(found, &mut sight)).collect();
        for found in unknown {
            if !is_packed_twin(found, &look.files) {
                self.meet(found, &mut sight);
            }
        }
        let whole = look.whole && sight.steady;
        self.settled = sight.steady;
        self.unsteady = if sight.steady { 0 } else { self.unsteady + 1 };
        self.find_missing();
        self.files.iter_mut().for_each(Tracked::end_look);
        if whole {
            self.note_active();
            self.miss(&look.files);
        }
        self.files.iter_mut().for_each(Tracked::count_waiting);
        self.files.sort_by_key(|file| file.state.number);
        self.hold_unread();
        self.note_retention(&look.files);
        self.note_horizon(looked_us, &look.files);
        if !self.looked && self.is_new {
            self.puts.push(self.state.put());
        }
        self.looked |= self.settled;
    }

    /// Sees a file again by the name that the file system gave it. Names are given again after a removal: of several
    /// files with the same one the newest that fits is meant.
    fn recognise(&mut self, found: &Found, sight: &mut Sight<'_>) -> bool {
        for at in (0..self.files.len()).rev() {
            let file = &mut self.files[at];
            let renamed = file.state.path != found.path;
            if file.state.key != found.key {
                continue;
            }
            match recognised(file, found, self.looked) {
                Some(true) => {
                    if renamed {
                        self.put_file(at);
                    }
                    return true;
                }
                Some(false) => {}
                None => {
                    sight.shake();
                    return true;
                }
            }
        }
        false
    }
}

/// Whether `found` is the compressed form of a file that is there as well: it may still be in the making.
fn is_packed_twin(found: &Found, all: &[Found]) -> bool {
    let name = found.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let (plain, packed) = sibling::unpacked(name);
    packed && all.iter().any(|other| other.path == found.path.with_file_name(plain))
}

/// Whether what was found under the name that the file system gave to `file` is still that file; none when something
/// else is there by now, and the next look has to say what.
fn recognised(file: &mut Tracked, found: &Found, looked: bool) -> Option<bool> {
    if file.is_unchanged(found) && (file.content.is_some() || looked) {
        file.present = true;
        return Some(true);
    }
    match fit(file, found) {
        Ok(Some(Fit::Yes)) => {
            file.see(found);
            Some(true)
        }
        Ok(Some(Fit::No | Fit::Shorter | Fit::NotYet)) => {
            if file.content.take().is_some() {
                metrics::truncated();
                tracing::warn!(path = %found.path.display(), read = file.state.offset, "file was truncated");
            }
            Some(false)
        }
        Ok(None) => None,
        Err(error) => {
            file.see(found);
            file.problem = Some(problem::with_file(&found.path, &error));
            Some(true)
        }
    }
}

/// Compares a file with what its name in the file system leads to now, by the open handle where there is one.
fn fit(file: &mut Tracked, found: &Found) -> io::Result<Option<Fit>> {
    let held = file.content.take();
    let packed = file.is_packed() && held.is_some(); // what is open keeps its name in the file system: it is this file
    let was_held = held.is_some();
    let opened = match held {
        Some(content) => Opened::of(content).map(Some),
        None => Opened::at(&found.path, &found.key),
    };
    let Some(mut opened) = opened? else { return Ok(None) };
    let fit = if packed { Ok(Fit::Yes) } else { opened.fits(found, &file.state) };
    let fit = fit.and_then(|fit| match fit {
        Fit::Yes => opened.teach(&mut file.state).map(|()| fit),
        _ => Ok(fit),
    });
    if was_held {
        file.content = Some(opened.content);
    }
    fit.map(Some)
}
