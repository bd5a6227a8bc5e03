//! How far every log is safe: what the queue's state keeps, committed together with the lines that it speaks of.
//!
//! Invariants: a file's offset never lies beyond what the queue holds; numbers of a source are given out once; the
//! state of a newer format is refused, not guessed at.

use std::collections::BTreeMap;
use std::path::PathBuf;

use queue::{Damaged, Format, Options, Put, Queue};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::find::Found;
use crate::gap::Gap;
use crate::identity::{FileKey, Marks, Print};
use crate::record::Header;
use crate::tally::{Causes, Tally};

const FORMAT: &[u8] = b"2";
/// The same for whoever looks before the queue is open; it covers the headers of records too.
const DIRECTORY: Format = Format { of: "collector", version: 2 };
const FORMAT_KEY: &[u8] = b"format";

/// What is known of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SourceState {
    /// Its number in this queue.
    pub(crate) number: u32,
    /// Path of the active file.
    pub(crate) path: PathBuf,
    /// Number of the line that is read next.
    pub(crate) next: u64,
    /// The first number that no batch covers yet; behind `next` when the last lines were no events.
    pub(crate) uncovered: u64,
    /// Number of the file that is found next.
    pub(crate) next_file: u32,
    /// All lines read.
    pub(crate) read: Tally,
    /// Lines left out, by what.
    pub(crate) filtered: Causes,
    /// Lines that are dead, by cause.
    pub(crate) dead: Causes,
    /// Everything that was written before this moment is in the queue: microseconds since 1970-01-01 UTC; 0 when
    /// nothing is known of that.
    pub(crate) horizon_us: i64,
    /// What went away unread, the newest last.
    pub(crate) gaps: Vec<Gap>,
}

impl SourceState {
    pub(crate) fn new(number: u32, path: PathBuf) -> SourceState {
        SourceState {
            number,
            path,
            next: 1,
            uncovered: 1,
            next_file: 1,
            read: Tally::default(),
            filtered: Causes::default(),
            dead: Causes::default(),
            horizon_us: 0,
            gaps: Vec::new(),
        }
    }

    /// All lines that went into batches.
    pub(crate) fn handed_on(&self) -> Tally {
        let mut kept = self.read;
        kept.take(self.filtered.sum());
        kept.take(self.dead.sum());
        kept
    }

    pub(crate) fn put(&self) -> Put {
        Put::set(format!("source/{:010}", self.number), json(self))
    }
}

/// What is known of a file of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileState {
    /// Its number; files are read in its order.
    pub(crate) number: u32,
    /// Where it was seen last.
    pub(crate) path: PathBuf,
    pub(crate) key: FileKey,
    /// NULs that it begins with: the hole that a writer leaves who goes on at its offset after a truncation.
    pub(crate) hole: u64,
    /// Of the first bytes behind these.
    pub(crate) prefix: Print,
    /// Of the bytes before `offset`.
    pub(crate) tail: Print,
    /// Of the bytes before earlier places.
    pub(crate) marks: Marks,
    /// (Unpacked) bytes up to which lines are in the queue.
    pub(crate) offset: u64,
    /// Size on the disk when it was seen last.
    pub(crate) size: u64,
    /// Size on the disk at which nothing more was to be read.
    pub(crate) ended: Option<u64>,
    /// It was the active file when it was seen last.
    pub(crate) active: bool,
    /// No name leads to it any more; remembered for the case that its content comes back.
    pub(crate) gone: bool,
}

impl FileState {
    /// Of a file that was found for the first time, nothing of it read.
    pub(crate) fn new(number: u32, found: &Found, hole: u64, prefix: Print, active: bool) -> FileState {
        FileState {
            number,
            path: found.path.clone(),
            key: found.key.clone(),
            hole,
            prefix,
            tail: Print::default(),
            marks: Marks::default(),
            offset: 0,
            size: found.size,
            ended: None,
            active,
            gone: false,
        }
    }

    pub(crate) fn put(&self, source: u32) -> Put {
        Put::set(file_key(source, self.number), json(self))
    }
}

/// Forgets a file.
pub(crate) fn forget(source: u32, file: u32) -> Put {
    Put::delete(file_key(source, file))
}

/// Lines of a source that the next stage will never take, by cause.
pub(crate) fn put_refused(source: u32, causes: &Causes) -> Put {
    Put::set(format!("refused/{source:010}"), json(causes))
}

/// How the queue is opened, by whomever: the lines of records that are damaged are noted, until they were read again or
/// are given up.
pub(crate) fn options(config: &Config) -> Options {
    let (max_bytes, format) = (config.queue.max_size.as_u64(), Some(DIRECTORY));
    Options { max_bytes, format, note: note_damaged, ..Options::default() }
}

fn note_damaged(damaged: &Damaged) -> Option<Put> {
    let header = Header::decode(damaged.header.as_deref()?)?;
    Some(Put::set(damaged_key(&header), header.encode()))
}

/// These lines are dealt with.
pub(crate) fn forget_damaged(header: &Header) -> Put {
    Put::delete(damaged_key(header))
}

fn damaged_key(header: &Header) -> String {
    format!("damaged/{:010}/{:020}", header.source, header.first)
}

/// Marks a new queue with the format of its state.
pub(crate) fn put_format() -> Put {
    Put::set(FORMAT_KEY, FORMAT)
}

/// All that the queue's state says.
#[derive(Debug, Default)]
pub(crate) struct Saved {
    pub(crate) sources: Vec<SourceState>,
    /// By number of the source, in order of their numbers.
    pub(crate) files: BTreeMap<u32, Vec<FileState>>,
    /// By number of the source.
    pub(crate) refused: BTreeMap<u32, Causes>,
    /// Lines whose records were damaged in the queue, and that are not dealt with yet.
    pub(crate) damaged: Vec<Header>,
    /// There is no state yet.
    pub(crate) fresh: bool,
}

impl Saved {
    /// Reads it. Blocking.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn load(queue: &Queue) -> Result<Saved, String> {
        let format = queue.get(FORMAT_KEY).map_err(|error| error.to_string())?;
        if format.as_ref().is_some_and(|format| format != FORMAT) {
            return Err("they were written by another version; start that one".to_owned());
        }
        let mut saved = Saved { fresh: format.is_none(), ..Saved::default() };
        for (_, value) in scan(queue, "source/")? {
            saved.sources.push(parse(&value)?);
        }
        for (key, value) in scan(queue, "file/")? {
            saved.files.entry(number_in(&key)?).or_default().push(parse(&value)?);
        }
        for (key, value) in scan(queue, "refused/")? {
            saved.refused.insert(number_in(&key)?, parse(&value)?);
        }
        let damaged = scan(queue, "damaged/")?;
        saved.damaged.extend(damaged.iter().filter_map(|(_, value)| Header::decode(value)));
        Ok(saved)
    }
}

fn file_key(source: u32, file: u32) -> String {
    format!("file/{source:010}/{file:010}")
}

type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

fn scan(queue: &Queue, prefix: &str) -> Result<Pairs, String> {
    queue.scan(prefix.as_bytes()).map_err(|error| error.to_string())
}

/// The number of the source in a key.
fn number_in(key: &[u8]) -> Result<u32, String> {
    let text = String::from_utf8_lossy(key);
    let number = text.split('/').nth(1).and_then(|number| number.parse().ok());
    number.ok_or_else(|| format!("the key `{text}` has no number"))
}

fn parse<T: DeserializeOwned>(value: &[u8]) -> Result<T, String> {
    serde_json::from_slice(value).map_err(|error| error.to_string())
}

fn json<T: Serialize>(state: &T) -> Vec<u8> {
    serde_json::to_vec(state).expect("numbers, maps and paths that are UTF-8 become JSON")
}
