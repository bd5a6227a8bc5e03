//! What the files of a log show of losses: the chain of its rotations, lines that were cut, runs of NULs.
//!
//! Promise: a file that is missing between two others is found where their names carry the time of the rotation, since
//! the first line of a file is the one that made its predecessor be rotated; with other names that is not claimed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use audit::{Event, unix_micros};
use collector::Age;
use insight::reports::gaps::Proof;
use serde::Serialize;

use crate::moment::written;
use crate::packing;
use crate::recorded::Place;

/// A first event this much later than the rotation did not cause it, in microseconds.
const LATER_US: i64 = 1_000_000;

/// The files of a recording.
#[derive(Debug, Default)]
pub(super) struct Chain {
    files: BTreeMap<String, Facts>,
    /// In the order of the rotation, with whether the last line was cut.
    order: Vec<(PathBuf, Option<bool>)>,
}

/// What is known of a file.
#[derive(Debug, Default)]
struct Facts {
    /// The number of the first event's line, and its time.
    first: Option<(u64, i64)>,
    /// How many lines hold NULs, and how many NULs those are.
    nul_lines: u64,
    nuls: u64,
}

/// Something that a file shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// The file.
    pub(super) file: String,
    /// What it shows.
    pub(super) what: String,
    /// Whether something was lost.
    pub(super) is_loss: bool,
}

impl Chain {
    /// Takes lines of a file with their numbers.
    pub(super) fn lines<'l>(&mut self, place: &str, lines: impl Iterator<Item = (u64, &'l [u8])>) {
        let facts = self.files.entry(place.to_owned()).or_default();
        for (number, line) in lines {
            let nuls = memchr::memchr_iter(0, line).count() as u64;
            facts.nuls += nuls;
            facts.nul_lines += u64::from(nuls > 0);
            if facts.first.is_none() {
                let time = Event::scan(line).ok().and_then(|event| event.stage_micros());
                facts.first = time.map(|time| (number, time));
            }
        }
    }

    /// Takes in what parts that follow hold.
    pub(super) fn merge(&mut self, after: Chain) {
        for (file, facts) in after.files {
            let mine = self.files.entry(file).or_default();
            mine.first = mine.first.into_iter().chain(facts.first).min();
            mine.nul_lines += facts.nul_lines;
            mine.nuls += facts.nuls;
        }
    }

    /// Looks at the files' names and ends.
    pub(super) fn look_at(&mut self, places: &[Place]) {
        let paths = places.iter().filter_map(|place| match place {
            Place::Stdin => None,
            Place::File(path) => Some(path.clone()),
        });
        let mut paths: Vec<PathBuf> = paths.collect();
        paths.sort_by_key(|path| collector::in_rotation(path));
        self.order = paths.into_iter().map(|path| (path.clone(), is_cut(&path))).collect();
    }

    /// Whether a name tells when it was rotated.
    fn tells_rotations(&self) -> bool {
        self.order.iter().any(|(path, _)| rotated(path).is_some())
    }

    /// What the files show; a recording that was `cut` by time has its files whole all the same.
    pub(super) fn findings(&self, cut: bool) -> Vec<Finding> {
        let mut findings = Vec::new();
        let nothing = Facts::default();
        for (at, (path, is_cut)) in self.order.iter().enumerate() {
            let name = path.display().to_string();
            let facts = self.files.get(&name).unwrap_or(&nothing);
            let mut find =
                |what: String, is_loss| findings.push(Finding { file: name.clone(), what, is_loss });
            if facts.nuls > 0 {
                let (nuls, lines) = (facts.nuls, facts.nul_lines);
                find(format!("{nuls} NUL bytes in {lines} lines: truncated while it was written to"), true);
            }
            let is_rotated = collector::in_rotation(path).1 != Age::Active;
            match is_cut {
                Some(true) if is_rotated => find("the last line was cut off".into(), true),
                Some(true) => find("the last line has no end yet".into(), false),
                _ => {}
            }
            let before = at.checked_sub(1).map(|before| &self.order[before].0);
            if let (Some(missing), false) = (self.missing(before, path, facts), cut) {
                find(missing, true);
            }
        }
        findings
    }

    /// What is missing between a file and the one before it, if something is.
    fn missing(&self, before: Option<&PathBuf>, path: &Path, facts: &Facts) -> Option<String> {
        let before = before?;
        let rotated = rotated(before)?;
        let first = facts.first?.1;
        let one_log = collector::in_rotation(before).0 == collector::in_rotation(path).0;
        (one_log && first > rotated + LATER_US).then(|| {
            format!(
                "its first event is of {}, but the file before it was rotated at {}: a file between them is missing",
                written(first),
                written(rotated)
            )
        })
    }
}

/// What the chain proves.
pub(super) fn proof(chain: Option<&Chain>, findings: &[Finding]) -> Proof {
    let name = "rotation chain";
    let losses = findings.iter().filter(|finding| finding.is_loss).count();
    match chain {
        None => Proof { name, available: false, says: "a lake has no rotated files".into() },
        Some(chain) if !chain.tells_rotations() => Proof {
            name,
            available: false,
            says: "no file's name tells when it was rotated (audit-2026-11-23T06-10-38.938.log)".into(),
        },
        Some(chain) => {
            let files = chain.order.len();
            Proof {
                name,
                available: true,
                says: format!("{files} files follow each other, with {losses} losses"),
            }
        }
    }
}

/// When a file was rotated, where its name tells.
fn rotated(path: &Path) -> Option<i64> {
    let Age::Time(mark) = collector::in_rotation(path).1 else { return None };
    // `2026-11-23T06-10-38.938`
    let (date, time) = mark.split_once('T')?;
    unix_micros(&format!("{date}T{}Z", time.get(..12)?.replace('-', ":")))
}

/// Whether the last line has no newline; not known of packed files, which cannot be read from their end, and no matter
/// in a document.
fn is_cut(path: &Path) -> Option<bool> {
    let (mut file, mut head) = (File::open(path).ok()?, Vec::new());
    file.by_ref().take(packing::HEAD).read_to_end(&mut head).ok()?;
    if packing::is_packed(&head) || collector::in_rotation(path).0.extension()? == "json" {
        return None;
    }
    file.seek(SeekFrom::End(-1)).ok()?;
    let mut last = [0];
    file.read_exact(&mut last).ok()?;
    Some(last != [b'\n'])
}
