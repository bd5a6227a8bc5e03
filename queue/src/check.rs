//! A look through a queue's directory that changes nothing in it, not even whose it is.
//!
//! Promises: no byte of the directory is written and no lock is kept; memory is bounded; damage is told from an
//! unfinished end, which a crash leaves and the next opening cuts off.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;

use crate::clean::{self, Mark};
use crate::damage::Damaged;
use crate::error::OpenError;
use crate::index_directory;
use crate::lock;
use crate::replay;
use crate::segment::scan::{Data, Found, Scan};
use crate::segment::{self, FIXED, VERSION};

/// Most damaged places that are listed one by one.
const LISTED: usize = 1000;

/// The condition of a queue's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    /// There is no queue.
    Nothing,
    /// A process has it open, and alone knows its condition.
    InUse,
    /// Nobody has it open.
    Idle(Findings),
}

/// What stands in the segments of a queue that nobody has open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// Segment files.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Whole records that stand in them; those that were removed since may be among them.
    pub records: u64,
    /// Damaged places: records that are not whole and were not removed later, and bytes that are no record. The first
    /// of them, at most 1000.
    pub damaged: Vec<Damaged>,
    /// How many damaged places there are.
    pub damaged_places: u64,
    /// The end of the newest segment that was never acknowledged, as far as the segments tell; the next opening cuts
    /// it off.
    pub unfinished: Option<Damaged>,
    /// Bytes at the end that the mark of a clean stop proves to have been there.
    pub missing: Option<Damaged>,
    /// Whether the last process closed it.
    pub clean: bool,
    /// Whether there is an index; without one the next opening builds it from the segments. Whether one that is there
    /// is good only opening tells.
    pub has_index: bool,
    /// Bytes that earlier openings and readings set aside as damaged.
    pub set_aside: u64,
}

/// Looks through the queue in `dir`. Blocking: every byte of it is read.
///
/// # Errors
/// [`OpenError::Newer`], or [`OpenError::Io`] when something cannot be read.
pub fn check(dir: &Path) -> Result<Checked, OpenError> {
    if in_use(dir)? {
        return Ok(Checked::InUse);
    }
    let numbers = segment::list(dir).map_err(OpenError::io("listing", &segment::directory(dir)))?;
    let has_index = index_directory::exists(dir);
    if numbers.is_empty() && !has_index {
        return Ok(Checked::Nothing);
    }
    let mark = clean::read(dir).map_err(OpenError::io("reading the mark of a clean stop in", dir))?;
    let mut look = Look { lost: BTreeMap::new(), lost_beyond: 0, pending: 0, findings: Findings::default() };
    look.findings.has_index = has_index;
    look.findings.set_aside = size_of(&dir.join("damaged"));
    let looked = look.all(dir, &numbers, mark);
    // Whoever opened it meanwhile may have changed what was being read.
    if in_use(dir)? { Ok(Checked::InUse) } else { looked.map(|()| Checked::Idle(look.done())) }
}

/// Whether a process has the queue open. Only an existing lock file is tried, and let go of at once.
fn in_use(dir: &Path) -> Result<bool, OpenError> {
    let path = lock::path(dir);
    let file = match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        opened => opened.map_err(OpenError::io("opening", &path))?,
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(source)) => Err(OpenError::Io { doing: "locking", path, source }),
    }
}

fn size_of(dir: &Path) -> u64 {
    let files = fs::read_dir(dir).into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).map(|metadata| metadata.len()).sum()
}

struct Look {
    /// Records that are not whole, by position: at most [`LISTED`].
    lost: BTreeMap<u64, Damaged>,
    /// More of them.
    lost_beyond: u64,
    /// Data records since the last commit.
    pending: u32,
    findings: Findings,
}

impl Look {
    fn all(&mut self, dir: &Path, numbers: &[u64], mark: Option<Mark>) -> Result<(), OpenError> {
        let mut headers = BTreeMap::new();
        let mut seal = None;
        for &number in numbers {
            let path = segment::path(dir, number);
            let file = File::open(&path).map_err(OpenError::io("reading", &path))?;
            match segment::read_header(&file, number).map_err(OpenError::io("reading", &path))? {
                segment::Found::Newer(found) => return Err(OpenError::Newer { path, found, known: VERSION }),
                segment::Found::Whole(header, begin) => {
                    seal = Some(header.seal);
                    headers.insert(number, begin);
                }
                segment::Found::Damaged => {}
            }
        }
        let mut end = None;
        for &number in numbers {
            let path = segment::path(dir, number);
            let failed = OpenError::io("reading", &path);
            let file = File::open(&path).map_err(&failed)?;
            let length = file.metadata().map_err(&failed)?.len();
            self.findings.segments += 1;
            self.findings.bytes += length;
            let begin = headers.get(&number).copied();
            if begin.is_none() {
                let bytes = if seal.is_some() { FIXED as u64 } else { length };
                self.note(place(number, 0, bytes));
            }
            if let Some(seal) = seal {
                let newest = numbers.last() == Some(&number);
                self.segment(&file, number, seal, begin.unwrap_or(FIXED as u64), newest).map_err(&failed)?;
            }
            end = Some((number, length));
        }
        self.compare(mark, end);
        Ok(())
    }

    fn segment(&mut self, file: &File, number: u64, seal: u64, begin: u64, newest: bool) -> io::Result<()> {
        let settled = if newest { replay::settled(file, number, seal, begin)? } else { u64::MAX };
        let mut scan = Scan::new(file, number, seal, begin)?;
        let mut good = begin;
        self.pending = 0;
        while let Some(found) = scan.next()? {
            if newest && self.is_torn(&found, settled) {
                let length = file.metadata()?.len();
                self.findings.unfinished = Some(place(number, good, length.saturating_sub(good)));
                self.findings.records -= u64::from(self.pending);
                return Ok(());
            }
            match found {
                Found::Data(data) => self.data(data),
                Found::Commit { commit, end, .. } => {
                    (self.pending, good) = (0, end);
                    commit.removals.iter().for_each(|position| drop(self.lost.remove(position)));
                }
                Found::Damage { offset, bytes } | Found::Tail { offset, bytes, zeros: false } => {
                    self.note(place(number, offset, bytes));
                }
                Found::Tail { zeros: true, .. } => {}
            }
        }
        Ok(())
    }

    /// As opening sees it: whether the acknowledged part of the newest segment has ended before this find.
    fn is_torn(&self, found: &Found, settled: u64) -> bool {
        match found {
            Found::Data(data) => !data.whole && data.place.offset >= settled,
            Found::Commit { commit, end, .. } => *end > settled && commit.records > self.pending,
            Found::Damage { offset, .. } => *offset >= settled,
            Found::Tail { zeros, .. } => !zeros || self.pending > 0,
        }
    }

    fn data(&mut self, data: Data) {
        if data.whole {
            self.pending += 1;
            self.findings.records += 1;
            self.lost.remove(&data.position);
            return;
        }
        let bytes = crate::record::size(data.header.len(), data.payload as usize);
        let damaged = Damaged {
            position: Some(data.position),
            header: Some(data.header),
            ..place(data.place.segment, data.place.offset, bytes)
        };
        if self.lost.len() < LISTED {
            self.lost.insert(data.position, damaged);
        } else {
            self.lost_beyond += 1;
        }
    }

    /// Notes a damaged place; bytes that are no record, right behind others, belong to these.
    fn note(&mut self, damaged: Damaged) {
        if let Some(last) = self.findings.damaged.last_mut()
            && (last.segment, last.offset + last.bytes) == (damaged.segment, damaged.offset)
            && last.position.or(damaged.position).is_none()
        {
            last.bytes += damaged.bytes;
            return;
        }
        self.findings.damaged_places += 1;
        if self.findings.damaged.len() < LISTED {
            self.findings.damaged.push(damaged);
        }
    }

    /// Holds what is there against what the mark of a clean stop says.
    fn compare(&mut self, mark: Option<Mark>, end: Option<(u64, u64)>) {
        let Some(mark) = mark else { return };
        let marked = (mark.end.segment, mark.end.offset);
        self.findings.clean = Some(marked) == end;
        if self.findings.clean
            && let Some(end) = self.findings.unfinished.take()
        {
            self.note(end); // whoever closed it had finished all
        }
        let (segment, length) = end.unwrap_or_default();
        if (segment, length) < marked {
            let from = if segment == marked.0 { length } else { 0 };
            self.findings.missing = Some(place(marked.0, from, marked.1 - from));
        }
    }

    fn done(mut self) -> Findings {
        for damaged in std::mem::take(&mut self.lost).into_values() {
            self.note(damaged);
        }
        self.findings.damaged_places += self.lost_beyond;
        self.findings.damaged.sort_by_key(|damaged| (damaged.segment, damaged.offset));
        self.findings
    }
}

fn place(segment: u64, offset: u64, bytes: u64) -> Damaged {
    Damaged { segment, offset, bytes, position: None, header: None }
}
