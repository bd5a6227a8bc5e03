//! The Datadog Agent's positions become ours: a migration neither skips nor repeats a line.
//!
//! Promises: what cannot be proven to be the place where the Agent stopped is not taken, and is named; a source that
//! has a position already keeps it; all that is taken is committed as one, or nothing is.

use std::path::{Path, PathBuf};

use queue::{Put, Queue};

use crate::checkpoint::{self, Saved, SourceState};
use crate::config::Config;
use crate::error::OpenError;
use crate::find::{self, Found};
use crate::identity::{Print, TAIL_BYTES};
use crate::opened::Opened;
use crate::sibling::{self, Age};
use crate::{entry, pattern, problem};

mod moment;
mod registry;
mod stand;

use moment::Moment;
use registry::Position;
use stand::Stand;

/// How long after a rotation the Agent may still read the renamed file under the name of the log.
const UNNOTICED_NS: i128 = 10_000_000_000;

/// What came of a registry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Logs that go on where the Agent stopped.
    pub taken: Vec<Taken>,
    /// What was not taken, and why, in words.
    pub passed_over: Vec<String>,
}

/// A log that goes on where the Agent stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Path of the log.
    pub path: PathBuf,
    /// The file where reading goes on; a rotated sibling when the log was rotated since.
    pub file: PathBuf,
    /// Where in it, in (unpacked) bytes.
    pub offset: u64,
    /// What an operator should know of it.
    pub notes: Vec<String>,
}

/// Why nothing was imported, and nothing written.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It is no registry of the Agent, or one of another version.
    #[error("{path} {why}")]
    Registry {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        why: String,
    },
    /// The collector's queue cannot be opened; a running collector holds it.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// Takes the positions in the Agent's registry at `path` into the queue that `config` names. No collector may run on
/// that queue. Blocking.
///
/// # Errors
/// [`ImportError`].
pub fn import_registry(config: &Config, path: &Path) -> Result<Imported, ImportError> {
    let wrong = |why| ImportError::Registry { path: path.to_owned(), why };
    let (mut positions, passed_over) = registry::read(path).map_err(wrong)?;
    let (entries, _) = entry::entries(config)?;
    let asked: Vec<PathBuf> = entries.iter().flat_map(|entry| entry.pattern.paths()).collect();
    positions.iter_mut().for_each(|position| name_as_asked(position, &asked));
    let mut imported = Imported { passed_over, ..Imported::default() };
    if positions.is_empty() {
        return Ok(imported);
    }
    let dir = config.queue.dir.as_path();
    let options = checkpoint::options(config);
    let (queue, _) = Queue::open(dir, options).map_err(OpenError::from)?;
    let state = |why: String| OpenError::State { dir: dir.to_owned(), why };
    let saved = Saved::load(&queue).map_err(state)?;
    let mut puts = Vec::new();
    let first = saved.sources.iter().map(|source| source.number + 1).max().unwrap_or(1);
    for (number, position) in (first..).zip(positions) {
        let known = |source: &SourceState| pattern::place(&source.path) == pattern::place(&position.path);
        let taken = match saved.sources.iter().any(known) {
            true => Err("has a position here already, which is kept".to_owned()),
            false => take(&position, number, &mut puts),
        };
        match taken {
            Ok(taken) => imported.taken.push(taken),
            Err(why) => imported.passed_over.push(format!("{} {why}", position.path.display())),
        }
    }
    if !imported.taken.is_empty() {
        puts.extend(saved.fresh.then(checkpoint::put_format));
        let written = queue.commit(puts).map_err(|error| state(error.to_string()))?;
        written.wait().map_err(|error| state(error.to_string()))?;
    }
    queue.close().map_err(|error| state(error.to_string()))?;
    Ok(imported)
}

/// A source is known by the path that an entry asks for, whichever of the ways to the file the Agent went.
fn name_as_asked(position: &mut Position, asked: &[PathBuf]) {
    let place = pattern::place(&position.path);
    match asked.iter().find(|path| pattern::place(path) == place) {
        Some(path) => position.path.clone_from(path),
        None if asked.is_empty() => {}
        None => {
            position.notes.push("no entry of the configuration asks for it; name it under `logs`".to_owned())
        }
    }
}

/// The state of one log, as source `number`.
fn take(position: &Position, number: u32, puts: &mut Vec<Put>) -> Result<Taken, String> {
    let path = &position.path;
    let look = find::files_of(path);
    let files: Vec<&Found> = look.files.iter().filter(|found| !is_packed_twin(found, &look.files)).collect();
    if files.is_empty() {
        let why = look.problem.unwrap_or_else(|| problem::no_file(path));
        return Err(format!("is not taken: {why}"));
    }
    let (at, stand) = find_stand(position, &files)?;
    let mut source = SourceState::new(number, path.clone());
    let mut states = Vec::new();
    for (index, found) in files.iter().enumerate().take(at + 1) {
        let unreadable =
            |error: std::io::Error| format!("is not taken: {}", problem::with_file(&found.path, &error));
        let Some(mut opened) = Opened::at(&found.path, &found.key).map_err(unreadable)? else {
            return Err(format!("is not taken: {} changed meanwhile; import again", found.path.display()));
        };
        let described = opened.describe(source.next_file, found, found.path == *path);
        let Some(mut state) = described.map_err(unreadable)? else { continue };
        (state.offset, state.ended) = match index == at {
            true => (stand.offset, None),
            false => (stand::size(&mut opened.content).unwrap_or(0), Some(found.size)),
        };
        let length = state.offset.min(TAIL_BYTES as u64) as usize;
        let tail = opened.content.before(state.offset, length).map_err(unreadable)?;
        state.tail = tail.map(|tail| Print::of_tail(&tail)).unwrap_or_default();
        states.push(state);
        source.next_file += 1;
    }
    puts.push(source.put());
    puts.extend(states.iter().map(|state| state.put(number)));
    let notes = stand.note.into_iter().chain(position.notes.iter().cloned());
    let file = files[at].path.clone();
    Ok(Taken { path: path.clone(), file, offset: stand.offset, notes: notes.collect() })
}

/// The file that the offset belongs to, by its index in `files` (oldest first, the active one last), and the place.
///
/// That is the one that was active at the time of the position: the oldest that was rotated later. The Agent notices a
/// rotation late, and reads the renamed file until then: where the offset lies beyond the end of the later file, and
/// the one before was rotated just then, it is that one.
fn find_stand(position: &Position, files: &[&Found]) -> Result<(usize, Stand), String> {
    let rotated = |found: &Found| match sibling::in_rotation(&found.path).1 {
        Age::Active => None,
        Age::Time(time) => Moment::of_rotation(&time),
        Age::Number(_) | Age::Date(_) => found.modified.and_then(Moment::of_system),
    };
    let later = |found: &&Found| rotated(found).is_none_or(|time| time > position.time);
    let at = files.iter().position(later).ok_or_else(|| {
        format!(
            "is not taken: its position is newer than its newest file, {}; wait until the API server writes to it, and import again",
            files.last().map(|found| found.path.display().to_string()).unwrap_or_default()
        )
    })?;
    let stand = stand::find(files[at], position.offset);
    let unnoticed = |before: &usize| {
        rotated(files[*before]).is_some_and(|time| position.time.ns() - time.ns() <= UNNOTICED_NS)
    };
    let before = at.checked_sub(1).filter(unnoticed).filter(|_| stand.is_err());
    match before.map(|before| (before, stand::find(files[before], position.offset))) {
        Some((before, Ok(stand))) => Ok((before, stand)),
        _ => stand.map(|stand| (at, stand)).map_err(|why| format!("is not taken: {why}")),
    }
}

/// Whether `found` is the compressed form of a file that is there as well: it may still be in the making.
fn is_packed_twin(found: &Found, all: &[Found]) -> bool {
    let name = found.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let (plain, packed) = sibling::unpacked(name);
    packed && all.iter().any(|other| other.path == found.path.with_file_name(plain))
}
