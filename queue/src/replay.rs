//! Bringing an index up to what the segments hold: from where it stands, or from nothing.
//!
//! What the disk holds behind the last synced place was never acknowledged. There an operation counts only if all of
//! it is whole, and nothing counts behind one that is not. Before that place everything was durable, so what is
//! missing there is damage: it is reported, and all else counts.
//!
//! Promises: after a crash an operation is there as a whole or not; the state is `proven` only if no commit between a
//! snapshot (or the index) and the end of the segments can be missing.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;

use crate::changes::Changes;
use crate::commit::Commit;
use crate::damage::Damaged;
use crate::index::{Index, IndexError};
use crate::record::Place;
use crate::segment::scan::{Data, Found, Scan};
use crate::segment::{self, FIXED, Header};
use crate::slot::{Applied, Slot};

/// Changed keys after which they are written, to bound memory.
const GATHERED: usize = 2000;

/// Why a replay ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplayError {
    #[error("reading segment {segment:016x} failed: {source}")]
    Read { segment: u64, source: io::Error },
    #[error(transparent)]
    Index(#[from] IndexError),
}

/// What a replay found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Records that the index did not have.
    pub(crate) added: u64,
    /// Records that are damaged and were not removed later.
    pub(crate) lost: BTreeMap<u64, Damaged>,
    /// Damaged bytes of which it is not known what they were.
    pub(crate) regions: Vec<Damaged>,
    /// Never acknowledged bytes at the end of the newest segment, which are to be cut.
    pub(crate) torn: Option<Damaged>,
    /// Whether the state is the newest that was acknowledged.
    pub(crate) proven: bool,
}

/// Replays `segments` (ascending) into the index behind `from`; `whole` says that `from` is nothing and that the index
/// is built anew.
pub(crate) fn replay(
    dir: &Path,
    index: &Index,
    from: Applied,
    whole: bool,
    segments: &[u64],
) -> Result<(Applied, Findings), ReplayError> {
    let findings = Findings { proven: !whole, ..Findings::default() };
    let mut replay =
        Replay { index, changes: Changes::new(index, from), pending: Vec::new(), findings, whole };
    let behind = segments.iter().filter(|number| whole || **number >= from.place.segment);
    for number in behind {
        let newest = segments.last() == Some(number);
        let start = (!whole && *number == from.place.segment).then_some(from.place.offset);
        let file = File::open(segment::path(dir, *number));
        let read = |source| ReplayError::Read { segment: *number, source };
        replay.segment(&file.map_err(read)?, *number, start, newest)?;
    }
    replay.flush()?;
    if whole && replay.findings.torn.is_some() {
        replay.findings.proven = false; // without an index nobody can say whether it was acknowledged
    }
    Ok((replay.changes.applied, replay.findings))
}

struct Replay<'a> {
    index: &'a Index,
    changes: Changes<'a>,
    /// Data records whose commit has not come yet.
    pending: Vec<Data>,
    findings: Findings,
    whole: bool,
}

impl Replay<'_> {
    fn segment(
        &mut self,
        file: &File,
        number: u64,
        start: Option<u64>,
        newest: bool,
    ) -> Result<(), ReplayError> {
        let read = |source| ReplayError::Read { segment: number, source };
        let begin = match start {
            Some(offset) => offset,
            None => match segment::read_header(file, number).map_err(read)? {
                segment::Found::Whole(header, begin) => {
                    self.adopt(&header)?;
                    begin
                }
                _ => {
                    self.note(number, 0, FIXED as u64);
                    FIXED as u64
                }
            },
        };
        let seal = self.changes.applied.seal;
        let settled = if newest { settled(file, number, seal, begin).map_err(read)? } else { u64::MAX };
        let mut good = begin;
        let mut scan = Scan::new(file, number, seal, begin).map_err(read)?;
        while let Some(found) = scan.next().map_err(read)? {
            if newest && self.is_torn(&found, settled) {
                return self.tear(file, number, good).map_err(read);
            }
            match found {
                Found::Data(data) => self.pending.push(data),
                Found::Commit { txn, commit, end } => {
                    self.commit(txn, &commit, Place { segment: number, offset: end })?;
                    good = end;
                }
                Found::Damage { offset, bytes } => self.note(number, offset, bytes),
                Found::Tail { zeros: true, .. } => {}
                Found::Tail { offset, bytes, .. } => self.note(number, offset, bytes),
            }
        }
        self.count_pending()?;
        Ok(())
    }

    /// Whether the newest segment's acknowledged part has ended before this find.
    fn is_torn(&self, found: &Found, settled: u64) -> bool {
        match found {
            Found::Data(data) => !data.whole && data.place.offset >= settled,
            Found::Commit { commit, end, .. } => {
                *end > settled && commit.records as usize > self.pending.len()
            }
            Found::Damage { offset, .. } => *offset >= settled,
            Found::Tail { zeros, .. } => !zeros || !self.pending.is_empty(),
        }
    }

    fn tear(&mut self, file: &File, segment: u64, offset: u64) -> io::Result<()> {
        self.pending.clear();
        let bytes = file.metadata()?.len().saturating_sub(offset);
        self.findings.torn = Some(Damaged { segment, offset, bytes, position: None, header: None });
        Ok(())
    }

    /// Takes over what a segment's header says. Its snapshot is needed only if state may be missing.
    fn adopt(&mut self, header: &Header) -> Result<(), ReplayError> {
        let applied = &mut self.changes.applied;
        applied.id = header.id;
        applied.next = applied.next.max(header.next);
        if self.findings.proven && applied.txn >= header.txn {
            return Ok(());
        }
        applied.txn = header.txn;
        self.findings.proven = true;
        self.flush()?;
        for (key, _) in self.index.states(b"")? {
            self.changes.state(&key, None)?;
        }
        for put in &header.state {
            self.changes.state(&put.key, put.value.as_deref())?;
        }
        Ok(())
    }

    fn commit(&mut self, txn: u64, commit: &Commit, end: Place) -> Result<(), ReplayError> {
        self.count_pending()?;
        for position in &commit.removals {
            self.changes.slot(*position, None)?;
            self.findings.lost.remove(position);
        }
        if txn > self.changes.applied.txn {
            for put in &commit.puts {
                self.changes.state(&put.key, put.value.as_deref())?;
            }
            self.findings.proven &= txn == self.changes.applied.txn + 1;
            self.changes.applied.txn = txn;
        }
        self.changes.applied.place = end;
        if self.changes.len() >= GATHERED { self.flush() } else { Ok(()) }
    }

    fn count_pending(&mut self) -> Result<(), ReplayError> {
        for data in std::mem::take(&mut self.pending) {
            let position = data.position;
            self.changes.applied.next = self.changes.applied.next.max(position + 1);
            let slot = Slot { place: data.place, payload: data.payload, header: data.header };
            if data.whole {
                self.changes.slot(position, Some(slot))?;
                self.findings.lost.remove(&position);
            } else if !self.changes.has(position)? {
                self.findings.lost.insert(position, crate::store::damaged(position, &slot));
            }
        }
        Ok(())
    }

    fn note(&mut self, segment: u64, offset: u64, bytes: u64) {
        self.findings.regions.push(Damaged { segment, offset, bytes, position: None, header: None });
    }

    fn flush(&mut self) -> Result<(), ReplayError> {
        let next = Changes::new(self.index, self.changes.applied);
        let changes = std::mem::replace(&mut self.changes, next);
        if !self.whole {
            self.findings.added += changes.added;
        }
        self.changes.applied = changes.write()?.0;
        Ok(())
    }
}

/// Up to where the newest segment was known to be durable, as its own commits say.
pub(crate) fn settled(file: &File, number: u64, seal: u64, begin: u64) -> io::Result<u64> {
    let mut settled = begin;
    let mut scan = Scan::new(file, number, seal, begin)?;
    while let Some(found) = scan.next()? {
        if let Found::Commit { commit, .. } = found {
            settled = settled.max(commit.durable);
        }
    }
    Ok(settled)
}
