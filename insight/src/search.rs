//! Finding events in the lake, newest first.
//!
//! Promises: hours are looked through from the newest back, and no further than the answer needs; the answer has at
//! most so many events as asked for, and is given when time is up: it always says how far back was looked, and where the
//! next search goes on so that all of them together find every event once, however many share a moment.

use std::ops::Range;
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use lake::{File, Lake, LakeError, Opened, Partition, Reading};
use serde::Serialize;

use crate::moment;
use crate::overview::Unreadable;
use crate::rows::{REPEATING, Rows};

mod hits;
mod next;
mod wanted;

use hits::Hits;
pub(crate) use next::{Next, Past};
pub(crate) use wanted::{EXACT, Wanted};

/// An event that was found: what tells it from others at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Hit {
    /// When (RFC 3339); of the stage.
    pub(crate) time: String,
    /// The same in microseconds since 1970.
    #[serde(skip)]
    pub(crate) time_us: i64,
    /// The file of the lake that it is in.
    pub(crate) file: String,
    /// Which row of it.
    pub(crate) row: u64,
    /// From which log it came.
    pub(crate) origin: String,
    /// Its number among what came from there.
    pub(crate) seq: i64,
    /// Its audit ID.
    pub(crate) audit_id: String,
    /// Its stage.
    pub(crate) stage: String,
    /// Who asked.
    pub(crate) user: String,
    /// For what.
    pub(crate) verb: String,
    /// Of which resource, with the subresource.
    pub(crate) resource: String,
    /// In which namespace.
    pub(crate) namespace: String,
    /// Of which name.
    pub(crate) name: String,
    /// The status code.
    pub(crate) code: Option<i32>,
    /// How long it took, in microseconds.
    pub(crate) latency_us: Option<i64>,
    /// What was asked for, as it stands in the request line.
    pub(crate) request_uri: String,
}

/// What was found.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Found {
    /// The events, newest first.
    pub(crate) events: Vec<Hit>,
    /// All times from here on were looked through; earlier ones may hold more.
    pub(crate) looked_back_to: Option<String>,
    /// Whether that was all that was asked for.
    pub(crate) complete: bool,
    /// Where the next search goes on, where it was not.
    pub(crate) next: Option<Next>,
    /// The hour that was not looked through in whole, though it was the first: the next search is of what is before it.
    pub(crate) in_part: Option<String>,
    /// Files that could not be read.
    pub(crate) unreadable: Vec<Unreadable>,
}

const COLUMNS: [&str; 20] = [
    "time",
    "latency_us",
    "audit_id",
    "stage",
    "verb",
    "user",
    "client",
    "resource",
    "subresource",
    "namespace",
    "name",
    "code",
    "decision",
    "request_uri",
    "origin",
    "seq",
    "impersonated_user",
    "api_group",
    "scope",
    "source_ip",
];

/// The times that are looked through, and where within their newest moment that begins.
#[derive(Debug, Clone)]
pub(crate) struct Sought {
    pub(crate) times: Range<i64>,
    /// Of the newest moment, only what comes behind this.
    pub(crate) past: Option<Past>,
}

impl Sought {
    fn has(&self, time_us: i64, origin: impl Fn() -> String, seq: impl Fn() -> i64) -> bool {
        self.times.contains(&time_us)
            && match &self.past {
                Some(past) if time_us == self.times.end - 1 => past.is_before(&origin(), seq()),
                _ => true,
            }
    }
}

/// Looks for at most `most` events of these times.
///
/// # Errors
/// [`LakeError::Storage`] when the lake cannot be listed.
pub(crate) fn find(
    lake: &Lake,
    wanted: &Wanted,
    sought: &Sought,
    most: usize,
    until: &Until<'_>,
) -> Result<Found, LakeError> {
    let (mut files, times) = (lake.files()?, &sought.times);
    files.retain(|file| file.partition.start_us() < times.end && ends(file.partition) > times.start);
    files.sort_by_key(|file| std::cmp::Reverse(file.partition));
    let mut found = Found { complete: true, ..Found::default() };
    let mut hits = Hits::new(most);
    let mut looked_to = None;
    for hour in files.chunk_by(|one, other| one.partition == other.partition) {
        if let Some(to) = looked_to.filter(|_| hits.is_full() || !until.goes_on(false)) {
            found.go_on(Next::before(to));
            break;
        }
        let goes_on = || until.goes_on(looked_to.is_none());
        let is_whole = in_hour(lake, hour, wanted, sought, &goes_on, &mut hits, &mut found.unreadable);
        let start = hour[0].partition.start_us();
        match (is_whole, looked_to) {
            (true, _) => {
                looked_to = Some(start);
                found.looked_back_to = Some(moment::hour_written(hour[0].partition));
            }
            // What was found of it is found again by who goes on.
            (false, Some(to)) => {
                hits.drop_before(to);
                found.go_on(Next::before(to));
                break;
            }
            (false, None) => {
                found.in_part = Some(moment::hour_written(hour[0].partition));
                found.go_on(Next::before(start));
                break;
            }
        }
        if let Some(last) = hits.last_of_more() {
            found.looked_back_to = Some(last.time.clone());
            found.go_on(Next::behind(last));
            break;
        }
    }
    found.events = hits.all();
    Ok(found)
}

/// Until when is looked.
pub(crate) struct Until<'w> {
    /// When an answer is given.
    pub(crate) deadline: Instant,
    /// How much longer the first hour may take, without which who goes on would come no further.
    pub(crate) first: Duration,
    /// Whether somebody still waits for the answer.
    pub(crate) is_awaited: &'w dyn Fn() -> bool,
}

impl Until<'_> {
    fn goes_on(&self, is_first: bool) -> bool {
        let longer = if is_first { self.first } else { Duration::ZERO };
        Instant::now() < self.deadline + longer && (self.is_awaited)()
    }
}

/// Looks through one hour; false where it was not the whole.
fn in_hour(
    lake: &Lake,
    files: &[File],
    wanted: &Wanted,
    sought: &Sought,
    goes_on: &dyn Fn() -> bool,
    hits: &mut Hits,
    unreadable: &mut Vec<Unreadable>,
) -> bool {
    for file in files {
        match in_file(lake, file, wanted, sought, goes_on, hits) {
            Ok(true) => {}
            Ok(false) => return false,
            Err(error) => {
                unreadable.push(Unreadable { path: file.path.clone(), why: error.to_string() });
            }
        }
    }
    true
}

impl Found {
    fn go_on(&mut self, next: Next) {
        (self.complete, self.next) = (false, Some(next));
    }
}

fn ends(hour: Partition) -> i64 {
    hour.start_us() + 3_600_000_000
}

fn in_file(
    lake: &Lake,
    file: &File,
    wanted: &Wanted,
    sought: &Sought,
    goes_on: &dyn Fn() -> bool,
    hits: &mut Hits,
) -> Result<bool, LakeError> {
    let dictionaries: Vec<&str> =
        COLUMNS.iter().copied().filter(|column| REPEATING.contains(column)).collect();
    let opened = lake.opened(file)?;
    let only = within(&opened, file, &sought.times)?;
    let reading = Reading {
        dictionaries: &dictionaries,
        rows: only.as_deref(),
        most_rows: 16 << 10,
        ..Reading::of(&COLUMNS)
    };
    let mut first = 0;
    for batch in opened.scan(&reading)? {
        let batch = batch?;
        let number = |row: usize| only.as_ref().map_or((first + row) as u64, |only| only[first + row]);
        take(&batch, file, number, wanted, sought, hits);
        first += batch.num_rows();
        if !goes_on() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The rows of these times, where the file's hour has others too; None: all may be.
fn within(opened: &Opened, file: &File, times: &Range<i64>) -> Result<Option<Vec<u64>>, LakeError> {
    if times.start <= file.partition.start_us() && ends(file.partition) <= times.end {
        return Ok(None);
    }
    let (mut rows, mut first) = (Vec::new(), 0);
    for batch in opened.scan(&Reading { most_rows: 16 << 10, ..Reading::of(&["time"]) })? {
        let batch = batch?;
        let time = Rows::new(&batch).times("time");
        let is_within = |row: &usize| time(*row).is_some_and(|time| times.contains(&time));
        rows.extend((0..batch.num_rows()).filter(is_within).map(|row| first + row as u64));
        first += batch.num_rows() as u64;
    }
    Ok(Some(rows))
}

fn take(
    batch: &RecordBatch,
    file: &File,
    number: impl Fn(usize) -> u64,
    wanted: &Wanted,
    sought: &Sought,
    hits: &mut Hits,
) {
    let rows = Rows::new(batch);
    let (time, code, latency) = (rows.times("time"), rows.codes(), rows.numbers("latency_us"));
    let is_wanted = wanted.among(&rows);
    let words = |column: &'static str| {
        let words = rows.words(column);
        move |row: usize| words.at(row).unwrap_or_default().to_owned()
    };
    let (audit_id, stage, user, verb) = (words("audit_id"), words("stage"), words("user"), words("verb"));
    let (resource, subresource, namespace) = (words("resource"), words("subresource"), words("namespace"));
    let (name, request_uri, origin) = (words("name"), words("request_uri"), words("origin"));
    let seq = rows.numbers("seq");
    let seq = |row| seq(row).unwrap_or_default();
    for row in 0..rows.len() {
        let is_sought = |time: &i64| sought.has(*time, || origin(row), || seq(row));
        let Some(time_us) = time(row).filter(is_sought) else { continue };
        if !is_wanted(row) {
            continue;
        }
        let resource = match subresource(row) {
            subresource if subresource.is_empty() => resource(row),
            subresource => format!("{}/{subresource}", resource(row)),
        };
        hits.put(Hit {
            time: moment::written(time_us),
            time_us,
            file: file.path.clone(),
            row: number(row),
            origin: origin(row),
            seq: seq(row),
            audit_id: audit_id(row),
            stage: stage(row),
            user: user(row),
            verb: verb(row),
            resource,
            namespace: namespace(row),
            name: name(row),
            code: code(row),
            latency_us: latency(row),
            request_uri: request_uri(row),
        });
    }
}

/// One event as it stands in the lake.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) line: Vec<u8>,
    origin: String,
    seq: i64,
}

impl Kept {
    /// Whether it came from this log with this number.
    pub(crate) fn is_at(&self, (origin, seq): (&str, i64)) -> bool {
        self.origin == origin && self.seq == seq
    }
}

/// An event by its file and row; None where the lake has no such file or row any more.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn kept(lake: &Lake, file: &str, row: u64) -> Result<Option<Kept>, LakeError> {
    let Some(file) = lake.files()?.into_iter().find(|known| known.path == file) else { return Ok(None) };
    if lake.footer(&file)?.rows <= row {
        return Ok(None);
    }
    let rows = [row];
    let reading = Reading { rows: Some(&rows), most_rows: 1, ..Reading::of(&["raw", "origin", "seq"]) };
    let Some(batch) = lake.scan(&file, &reading)?.next().transpose()? else { return Ok(None) };
    let rows = Rows::new(&batch);
    Ok((!rows.is_empty()).then(|| Kept {
        line: rows.lines()(0).to_vec(),
        origin: rows.words("origin").at(0).unwrap_or_default().to_owned(),
        seq: rows.numbers("seq")(0).unwrap_or_default(),
    }))
}

#[cfg(test)]
mod tests;
