//! What the lake holds: its extent, and the counts of its newest hours.
//!
//! Promises: the extent comes from file metadata; only the files of the hours asked for are read, and of these
//! only the columns counted; the hours add up to the totals beside them. Files that cannot be read are named,
//! at most [`MOST_UNREADABLE`] of them, and all counted.

use std::collections::BTreeMap;

use lake::{File, Lake, LakeError, Partition};
use serde::Serialize;

use crate::counts::Counts;
use crate::known::{Known, Session};
use crate::metrics::Metrics;
use crate::moment;

/// How many unreadable files are named.
const MOST_UNREADABLE: usize = 20;

/// The answer of `/api/lake`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Overview {
    /// Where the lake is.
    pub url: String,
    /// How many files it has.
    pub files: u64,
    /// How many events they hold.
    pub rows: u64,
    /// Their size on disk, in bytes.
    pub bytes: u64,
    /// Time of the oldest event (RFC 3339); null when no event tells its time.
    pub oldest: Option<String>,
    /// Time of the newest event.
    pub newest: Option<String>,
    /// The same in microseconds since 1970.
    #[serde(skip)]
    pub(crate) extent_us: (Option<i64>, Option<i64>),
    /// The newest hours that have events, oldest of them first.
    pub hours: Vec<Hour>,
    /// The sum of these hours.
    pub total: Counts,
    /// How many files could not be read, in whole or in part; their events are missing in the counts.
    pub unreadable_files: u64,
    /// The first of them.
    pub unreadable: Vec<Unreadable>,
}

/// One hour of event time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hour {
    /// When it begins: `2026-11-23T06:00:00Z`.
    pub hour: String,
    /// What is in it.
    #[serde(flatten)]
    pub counts: Counts,
}

/// A file that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unreadable {
    /// The file, relative to the lake.
    pub path: String,
    /// Why, and what to do.
    pub why: String,
}

/// The overview with the newest `hours` hours.
pub(crate) fn of(lake: &Lake, known: &Known, metrics: &Metrics, hours: usize) -> Result<Overview, LakeError> {
    let mut files = lake.files()?;
    files.reverse(); // the newest are read, and so remembered, first
    let mut session = known.session(lake, &files);
    let mut overview = Overview { url: lake.url().to_owned(), ..Overview::default() };
    let readable: Vec<&File> =
        files.iter().filter(|file| extend(&mut overview, &mut session, file)).collect();
    (overview.oldest, overview.newest) =
        (overview.extent_us.0.map(moment::written), overview.extent_us.1.map(moment::written));
    for (hour, counts) in by_hour(&mut overview, &mut session, &readable, hours) {
        overview.total.merge(&counts);
        overview.hours.push(Hour { hour: moment::hour_written(hour), counts });
    }
    metrics.saw(&overview, session.opened);
    Ok(overview)
}

/// Adds what the file's metadata says; false when it could not be read.
fn extend(overview: &mut Overview, session: &mut Session<'_>, file: &File) -> bool {
    overview.files += 1;
    overview.bytes += file.bytes;
    let footer = match session.footer(file) {
        Ok(footer) => footer,
        Err(error) => {
            cannot_read(overview, file, &error);
            return false;
        }
    };
    let (oldest, newest) = overview.extent_us;
    overview.rows += footer.rows;
    overview.extent_us = (oldest.into_iter().chain(footer.oldest_us).min(), newest.max(footer.newest_us));
    true
}

fn by_hour(
    overview: &mut Overview,
    session: &mut Session<'_>,
    newest_first: &[&File],
    most: usize,
) -> BTreeMap<Partition, Counts> {
    let mut hours: BTreeMap<Partition, Counts> = BTreeMap::new();
    for file in newest_first {
        if !hours.contains_key(&file.partition) && hours.len() == most {
            break;
        }
        match session.counts(file) {
            Ok(counts) => hours.entry(file.partition).or_default().merge(&counts),
            Err(error) => cannot_read(overview, file, &error),
        }
    }
    hours
}

/// Names the file, unless it has only left the lake meanwhile (merged, expired), which harms nobody.
fn cannot_read(overview: &mut Overview, file: &File, error: &LakeError) {
    if matches!(error, LakeError::Storage { missing: true, .. }) {
        return;
    }
    overview.unreadable_files += 1;
    if overview.unreadable.len() < MOST_UNREADABLE {
        overview.unreadable.push(Unreadable { path: file.path.clone(), why: error.to_string() });
    }
}
