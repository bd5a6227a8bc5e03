//! The newest events that a query asks for, from the lake or from recorded lines.
//!
//! Promises: rows are chosen by their columns, and only the chosen ones are read whole; at most as many events as asked
//! for are kept, the newest, and it is known how many there were; files and the lake give the same. A request that is
//! meant to last is one event: its end, or its beginning while it is open.

mod change;
mod event;
mod query;
pub(crate) mod tried;

use std::collections::{HashSet, VecDeque};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use lake::{File, Lake, LakeError, Reading};

use crate::fold::{table, with_needed};
use crate::overview::Unreadable;
use crate::rows::{REPEATING, Rows};

pub use event::Event;
use query::Match;
pub use query::Query;

/// Rows in a batch that queries are asked of.
const ROWS: usize = 16 << 10;
/// Rows in a batch of events, which may have bodies in them.
const EVENT_ROWS: usize = 256;

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// The events, oldest first.
    pub events: Vec<Event>,
    counts: Counts,
    /// Files that could not be read; their events are missing.
    pub unreadable: Vec<Unreadable>,
}

/// How many were found, kept or not.
#[derive(Debug, Default)]
struct Counts {
    whole: u64,
    started: u64,
    ended: u64,
}

impl Counts {
    fn count(&mut self, found: Match) {
        let count = match found {
            Match::Whole => &mut self.whole,
            Match::Start => &mut self.started,
            Match::End => &mut self.ended,
            Match::Unnamed => return, // it is counted when its name is known
        };
        *count += 1;
    }

    fn add(&mut self, other: &Counts) {
        self.whole += other.whole;
        self.started += other.started;
        self.ended += other.ended;
    }
}

/// Finds in the lake, between two moments (microseconds since 1970, UTC), with so many threads.
///
/// # Errors
/// [`LakeError::Storage`] when the lake cannot be listed.
pub fn find(
    lake: &Lake,
    query: &Query,
    times: Option<&Range<i64>>,
    threads: usize,
) -> Result<Found, LakeError> {
    let mut files = lake.files()?;
    files.retain(|file| times.is_none_or(|times| may_hold(file, times)));
    // The newest hour is taken from the end.
    files.sort_by(|one, other| (one.partition, &one.path).cmp(&(other.partition, &other.path)));
    let (files, found) = (Mutex::new(files), Mutex::new(Found::default()));
    let work = || {
        while let Some(file) = next(&files) {
            let of_file = in_file(lake, &file, query, times).unwrap_or_else(|error| Found {
                unreadable: vec![Unreadable { path: file.path.clone(), why: error.to_string() }],
                ..Found::default()
            });
            found.lock().unwrap_or_else(PoisonError::into_inner).merge(of_file, query);
        }
    };
    std::thread::scope(|scope| {
        (1..threads.max(1)).for_each(|_| {
            scope.spawn(work);
        });
        work();
    });
    Ok(found.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn next(files: &Mutex<Vec<File>>) -> Option<File> {
    files.lock().unwrap_or_else(PoisonError::into_inner).pop()
}

fn may_hold(file: &File, times: &Range<i64>) -> bool {
    let start = file.partition.start_us();
    start < times.end && times.start < start + 3_600_000_000
}

fn in_file(lake: &Lake, file: &File, query: &Query, times: Option<&Range<i64>>) -> Result<Found, LakeError> {
    let (columns, mut chosen, mut base) = (with_needed(Query::COLUMNS), Chosen::default(), 0);
    let (file, dictionaries) = (lake.opened(file)?, dictionaries(&columns));
    let all = Reading {
        times: times.cloned(),
        most_rows: ROWS,
        dictionaries: &dictionaries,
        ..Reading::of(&columns)
    };
    for batch in file.scan(&all)? {
        let batch = batch?;
        chosen.take(&Rows::new(&batch), base, query, times);
        base += batch.num_rows() as u64;
    }
    let mut found = Found { counts: std::mem::take(&mut chosen.counts), ..Found::default() };
    let rows = chosen.rows();
    if !rows.is_empty() {
        let whole = Reading {
            times: times.cloned(),
            rows: Some(&rows),
            most_rows: EVENT_ROWS,
            ..Reading::of(Event::COLUMNS)
        };
        for batch in file.scan(&whole)? {
            found.take_events(&Rows::new(&batch?), query);
        }
    }
    found.cut(query);
    Ok(found)
}

fn dictionaries<'c>(columns: &[&'c str]) -> Vec<&'c str> {
    columns.iter().copied().filter(|column| REPEATING.contains(column)).collect()
}

impl Found {
    /// Takes in recorded lines, which stand in `place`; gives the indices of those that are no events.
    ///
    /// # Errors
    /// [`LakeError::Encode`] when the lines are too large for one batch: give fewer.
    pub fn take_lines(
        &mut self,
        query: &Query,
        place: &str,
        lines: &[&[u8]],
        times: Option<&Range<i64>>,
    ) -> Result<Vec<usize>, LakeError> {
        let batch = table(place, lines, &with_needed(Query::COLUMNS))?;
        let mut chosen = Chosen::default();
        chosen.take(&Rows::new(&batch), 0, query, times);
        let mut found = Found { counts: std::mem::take(&mut chosen.counts), ..Found::default() };
        let picked: Vec<&[u8]> =
            chosen.rows().iter().filter_map(|row| usize::try_from(*row).ok()).map(|row| lines[row]).collect();
        if !picked.is_empty() {
            let events = table(place, &picked, Event::COLUMNS)?;
            found.take_events(&Rows::new(&events), query);
        }
        self.merge(found, query);
        Ok(crate::fold::no_events(&batch))
    }

    /// Takes in rows that were chosen: of those without a name, the ones that were given the right one.
    fn take_events(&mut self, rows: &Rows<'_>, query: &Query) {
        let named = rows.words("name");
        for row in 0..rows.len() {
            let event = Event::of(rows, row);
            let is_unnamed = named.at(row).is_none() && query.filter.name.is_some();
            if is_unnamed && !query.filter.name(&event.name) {
                continue;
            }
            self.counts.whole += u64::from(is_unnamed);
            self.events.push(event);
        }
    }

    /// Takes in what was found elsewhere.
    pub fn merge(&mut self, other: Found, query: &Query) {
        self.counts.add(&other.counts);
        self.events.extend(other.events);
        self.unreadable.extend(other.unreadable);
        self.cut(query);
    }

    /// How many there were, with those that are not kept. Of what is meant to last and is not kept, beginnings and ends
    /// are not matched: the larger number counts, which is too small where the log has only the one of some and only the
    /// other of others.
    #[must_use]
    pub fn matched(&self) -> u64 {
        let Counts { whole, started, ended } = self.counts;
        (whole + started.max(ended)).max(self.events.len() as u64)
    }

    /// Tells what the events changed, with the value before where an earlier one of these events told it, unless the
    /// query leaves out others of the same object; and in which cluster they were where there are several.
    pub fn tell_changes(&mut self, query: &Query) {
        change::tell(&mut self.events, query.has_every_write());
        let mut clusters = self.events.iter().map(|event| &event.cluster);
        if clusters.next().is_none_or(|first| clusters.all(|cluster| cluster == first)) {
            self.events.iter_mut().for_each(|event| event.cluster.clear());
        }
    }

    fn cut(&mut self, query: &Query) {
        self.events.sort_by(|one, other| one.order().cmp(&other.order()));
        self.join();
        let beyond = self.events.len().saturating_sub(query.newest);
        self.events.drain(..beyond);
    }

    /// Leaves out beginnings whose end is there. An end is newer than its beginning, so that it is still kept when that
    /// is found; and it takes the place of it, so that nothing else is lost for a beginning that is left out later.
    fn join(&mut self) {
        if !self.events.iter().any(Event::is_start) {
            return;
        }
        let ended = self.events.iter().filter(|event| !event.is_start());
        let ended: HashSet<_> = ended.map(Event::request).collect();
        let is_told = |event: &Event| !event.is_start() || !ended.contains(&event.request());
        let mut told: VecDeque<bool> = self.events.iter().map(is_told).collect();
        self.events.retain(|_| told.pop_front().unwrap_or(true));
    }
}

/// Rows that a query asks for.
#[derive(Default)]
struct Chosen {
    rows: Vec<(Option<i64>, u64)>,
    /// Those whose name only their lines tell.
    unnamed: Vec<u64>,
    counts: Counts,
}

impl Chosen {
    fn take(&mut self, rows: &Rows<'_>, base: u64, query: &Query, times: Option<&Range<i64>>) {
        let (matches, time) = (query.matches(rows), rows.times("time"));
        let asked =
            |time: Option<i64>| times.is_none_or(|times| time.is_some_and(|time| times.contains(&time)));
        for row in (0..rows.len()).filter(|row| asked(time(*row))) {
            let Some(found) = matches(row) else { continue };
            self.counts.count(found);
            match found {
                Match::Unnamed => self.unnamed.push(base + row as u64),
                _ => self.rows.push((time(row), base + row as u64)),
            }
        }
        // Two rows may be of one request.
        let newest = query.newest.saturating_mul(2);
        if self.rows.len() > newest.saturating_mul(2) {
            self.make_room(newest);
        }
    }

    /// Keeps the newest; of one moment all, since their order is not known yet.
    fn make_room(&mut self, newest: usize) {
        self.rows.sort_unstable_by_key(|(time, _)| std::cmp::Reverse(*time));
        if let Some((oldest, _)) = newest.checked_sub(1).and_then(|last| self.rows.get(last)).copied() {
            self.rows.retain(|(time, _)| *time >= oldest);
        }
    }

    fn rows(self) -> Vec<u64> {
        let mut rows: Vec<u64> = self.rows.into_iter().map(|(_, row)| row).chain(self.unnamed).collect();
        rows.sort_unstable();
        rows
    }
}

#[cfg(test)]
mod tests;
