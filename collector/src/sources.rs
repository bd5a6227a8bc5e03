//! Which logs there are: what the entries match, each log once.
//!
//! Promises: a log that two entries, a link or a pattern reach twice is one source, the first entry's; a rotated
//! sibling belongs to the log that it was rotated from when that is a source, otherwise it is one of its own; a
//! source stays one for good, whatever its path leads to at the moment.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::PathBuf;

use crate::checkpoint::{Saved, SourceState};
use crate::entry::Entry;
use crate::pattern::place;
use crate::source::Source;
use crate::{problem, sibling};

/// Most sources of one collector.
const MOST_SOURCES: usize = 1000;

/// All logs that are followed.
pub(crate) struct Sources {
    entries: Vec<Entry>,
    pub(crate) all: Vec<Source>,
    /// Known from the queue's state, and not asked for by an entry until now.
    saved: Saved,
    next_number: u32,
    max_backups: Option<usize>,
    frozen: bool,
    /// What is wrong with the entries as such.
    pub(crate) problems: Vec<String>,
}

impl Sources {
    pub(crate) fn new(entries: Vec<Entry>, saved: Saved, max_backups: Option<usize>) -> Sources {
        let next_number = saved.sources.iter().map(|source| source.number + 1).max().unwrap_or(1);
        let (all, problems) = (Vec::new(), Vec::new());
        Sources { entries, all, saved, next_number, max_backups, frozen: false, problems }
    }

    /// Paths that do not exist, or cannot be looked at, as messages: literal ones, and patterns that nothing matches.
    pub(crate) fn missing(&self) -> Vec<String> {
        let reason = |entry: &Entry| {
            let errors: Vec<_> = entry.pattern.paths().iter().map(std::fs::metadata).collect();
            if errors.iter().any(Result::is_ok) {
                return None;
            }
            let path = entry.pattern.path();
            let error = errors.into_iter().find_map(Result::err);
            Some(match error.filter(|error| error.kind() != ErrorKind::NotFound) {
                Some(error) => problem::with_file(path, &error),
                None if entry.pattern.is_glob() => format!("{} matches no file", path.display()),
                None => format!("{} does not exist", path.display()),
            })
        };
        self.entries.iter().filter_map(reason).collect()
    }

    /// Finds sources and looks for their files.
    pub(crate) fn look(&mut self) {
        if !self.frozen {
            self.find();
        }
        for at in 0..self.all.len() {
            let (before, rest) = self.all.split_at_mut(at);
            let Some((this, after)) = rest.split_first_mut() else { continue };
            let claimed = |key: &_| before.iter().chain(&*after).any(|other| other.has(key));
            this.look(&claimed);
        }
    }

    /// Logs of which the last look could not tell what all files are: they are being rotated.
    pub(crate) fn unsettled(&self) -> Vec<String> {
        let unsettled = self.all.iter().filter(|source| !source.settled);
        let said = unsettled.map(|source| {
            format!("{} is rotated again and again, nothing was read: try again", source.path().display())
        });
        said.collect()
    }

    /// From now on: what is there, up to the sizes of the last look.
    pub(crate) fn freeze(&mut self) {
        self.frozen = true;
        self.all.iter_mut().for_each(Source::freeze);
    }

    fn find(&mut self) {
        self.problems.clear();
        let mut asked: Vec<(PathBuf, usize)> = Vec::new();
        for (at, entry) in self.entries.iter().enumerate() {
            let paths = entry.pattern.paths();
            if paths.is_empty() {
                self.problems.push(format!("{} matches no file yet", entry.pattern.path().display()));
            }
            let utf8 = paths.into_iter().filter(|path| path.to_str().is_some());
            asked.extend(utf8.map(|path| (path, at)));
        }
        let mut logs: BTreeSet<PathBuf> = asked.iter().map(|(path, _)| path.clone()).collect();
        logs.extend(self.all.iter().map(|source| source.path().to_owned()));
        logs.extend(self.saved.sources.iter().map(|source| source.path.clone()));
        let mut places: BTreeSet<PathBuf> = self.all.iter().map(|source| place(source.path())).collect();
        for (path, at) in asked {
            let alone = self.saved.sources.iter().any(|source| source.path == path);
            let rotated = !alone && sibling::base_of(&path).is_some_and(|base| logs.contains(&base));
            if !rotated && places.insert(place(&path)) {
                self.add(path, at);
            }
        }
    }

    fn add(&mut self, path: PathBuf, entry: usize) {
        if self.all.len() >= MOST_SOURCES {
            self.problems
                .push(format!("{} is not read: {MOST_SOURCES} logs are followed already", path.display()));
            return;
        }
        let entry = &self.entries[entry];
        let origin = entry.origin(&path);
        let known = self.saved.sources.iter().position(|source| source.path == path);
        let (state, files, is_new) = match known.map(|at| self.saved.sources.remove(at)) {
            Some(state) => {
                let files = self.saved.files.remove(&state.number).unwrap_or_default();
                (state, files, false)
            }
            None => {
                self.next_number += 1;
                (SourceState::new(self.next_number - 1, path), Vec::new(), true)
            }
        };
        tracing::info!(path = origin.path, next = state.next, "following");
        let mut source = Source::new(state, files, origin, entry, is_new);
        source.max_backups = self.max_backups;
        if entry.start.always {
            source.begin_anew();
        }
        self.all.push(source);
    }
}
