//! An index that says what the segments say: the one that is there, or a new one.
//!
//! Promise: an index is kept only if it opens, holds exactly what it says it holds, and belongs to these segments.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;

use super::survey::Survey;
use crate::census;
use crate::clean::Mark;
use crate::damage::{Damaged, KEPT};
use crate::error::OpenError;
use crate::index::{Index, IndexError};
use crate::index_directory;
use crate::options::Options;
use crate::positional;
use crate::record::Place;
use crate::replay::{Findings, ReplayError, replay};
use crate::segment::scan::{Found, Scan};
use crate::segment::{self, FIXED};
use crate::slot::Applied;
use crate::writer::Wrong;

/// A usable index with what was found on the way to it.
pub(super) struct Restored {
    pub(super) index: Index,
    pub(super) applied: Applied,
    pub(super) findings: Findings,
    /// There was no queue.
    pub(super) fresh: bool,
    /// The index is the one that was there.
    pub(super) kept: bool,
    /// It was closed cleanly.
    pub(super) clean: bool,
    /// The index knows more than the segments have.
    pub(super) beyond: bool,
    /// Records that the index knows and that cannot be read.
    pub(super) unreadable: Vec<u64>,
}

pub(super) fn restore(
    dir: &Path,
    options: &Options,
    survey: &Survey,
    mark: Option<Mark>,
) -> Result<Restored, OpenError> {
    let unused = survey.segments.is_empty() && is_blank(dir, options);
    let existed = index_directory::exists(dir) && !unused; // the first opening ended before there was a queue
    if existed {
        match keep(dir, options, survey, mark) {
            Ok(restored) => return Ok(restored),
            Err(ReplayError::Index(error)) => {
                tracing::warn!(%error, dir = %dir.display(), "the index is built anew")
            }
            Err(error) => return Err(Wrong::from(error).at(dir)),
        }
    }
    rebuild(dir, options, survey, existed)
}

/// Whether the index was made and never written to.
fn is_blank(dir: &Path, options: &Options) -> bool {
    if !index_directory::exists(dir) {
        return true;
    }
    let index = Index::open(&index_directory::path(dir), options.cache_bytes);
    index.and_then(|index| index.applied()).is_ok_and(|applied| applied.is_none())
}

fn keep(dir: &Path, options: &Options, survey: &Survey, mark: Option<Mark>) -> Result<Restored, ReplayError> {
    let index = Index::open(&index_directory::path(dir), options.cache_bytes)?;
    let applied = index.applied()?.ok_or_else(IndexError::disagrees)?;
    let is_theirs = survey.seal.is_none_or(|seal| seal == applied.seal);
    if !is_theirs || census::count(&index, &applied)?.is_none() {
        return Err(IndexError::disagrees().into());
    }
    let beyond = !survey.cover(&applied);
    let end = survey.newest().map(|newest| Place { segment: newest.number, offset: newest.length });
    let clean = !beyond && mark.is_some_and(|mark| mark.txn == applied.txn && Some(mark.end) == end);
    let (applied, findings) = replay(dir, &index, applied, false, &survey.numbers())?;
    let restored = Restored {
        index,
        applied,
        findings,
        fresh: false,
        kept: true,
        clean,
        beyond,
        unreadable: Vec::new(),
    };
    Ok(restored)
}

fn rebuild(dir: &Path, options: &Options, survey: &Survey, existed: bool) -> Result<Restored, OpenError> {
    let wrong = |wrong: Wrong| wrong.at(dir);
    index_directory::set_aside(dir).map_err(OpenError::io("setting the index aside in", dir))?;
    let index = Index::open(&index_directory::path(dir), options.cache_bytes);
    let index = index.map_err(|error| wrong(error.into()))?;
    let blank = Applied::blank(rand::random(), survey.seal.unwrap_or_else(rand::random));
    let replayed = replay(dir, &index, blank, true, &survey.numbers());
    let (applied, findings) = replayed.map_err(|error| wrong(error.into()))?;
    let fresh = survey.segments.is_empty() && !existed;
    let restored = Restored {
        index,
        applied,
        findings,
        fresh,
        kept: false,
        clean: false,
        beyond: false,
        unreadable: Vec::new(),
    };
    Ok(restored)
}

impl Restored {
    /// Whether the newest segment is to be left as it is, and a new one begun.
    pub(super) fn sick(&self) -> bool {
        let Findings { lost, regions, proven, .. } = &self.findings;
        self.beyond || !proven || !lost.is_empty() || !regions.is_empty()
    }

    /// Positions that must be marked as removed, so that the segments say again what the index says.
    pub(super) fn buried(&self, dir: &Path, survey: &Survey) -> Result<Vec<u64>, Wrong> {
        let mut positions: BTreeSet<u64> = self.findings.lost.keys().copied().collect();
        positions.extend(&self.unreadable);
        if self.beyond {
            self.strays(dir, survey, &mut positions)?;
        }
        Ok(positions.into_iter().collect())
    }

    /// Records in the segments that the index knows as removed; the marks of their removal may be lost.
    fn strays(&self, dir: &Path, survey: &Survey, positions: &mut BTreeSet<u64>) -> Result<(), Wrong> {
        for known in &survey.segments {
            let file = File::open(segment::path(dir, known.number))?;
            let begin = known.begin.unwrap_or(FIXED as u64);
            let mut scan = Scan::new(&file, known.number, self.applied.seal, begin)?;
            while let Some(found) = scan.next()? {
                if let Found::Data(data) = found
                    && self.index.slot(data.position)?.is_none()
                {
                    positions.insert(data.position);
                }
            }
        }
        Ok(())
    }
}

/// What can be read of a damaged place, to be kept.
pub(super) fn bytes_of(dir: &Path, place: &Damaged) -> Vec<u8> {
    let mut bytes = vec![0; place.bytes.min(KEPT) as usize];
    let file = File::open(segment::path(dir, place.segment));
    match file.and_then(|file| positional::read_exact(&file, &mut bytes, place.offset)) {
        Ok(()) => bytes,
        Err(_) => Vec::new(), // cut off, or the medium does not give it
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_that_the_first_opening_made_and_never_wrote_to_is_no_queue_yet() {
        let dir = tempfile::tempdir().unwrap();
        let options = Options::default();
        drop(Index::open(&index_directory::path(dir.path()), options.cache_bytes).unwrap());
        let (parts, opened) = crate::open::open(dir.path(), options).unwrap();
        assert!(opened.fresh && !opened.renewed_id && !opened.rebuilt_index, "{opened:?}");
        parts.handover.close();
        parts.writer.join().unwrap().unwrap();
    }
}
