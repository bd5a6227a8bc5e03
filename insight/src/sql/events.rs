//! Where the events of a question come from: files of the lake, unpacked ahead on all processors.
//!
//! Promises: batches come in the order of the files, whatever the number of threads; a file that cannot be read is named
//! and the rest goes on; whoever has enough drops the scan, which ends the threads; what is ahead is bounded.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use arrow_array::RecordBatch;
use lake::{File, Lake, LakeError, Partition, Reading};

use super::guard::Stop;
use super::wanted::Wanted;
use crate::rows::REPEATING;

/// Rows in a batch; fewer when rows are large.
const ROWS: usize = 16 << 10;
/// Batches that are unpacked ahead by each thread.
const AHEAD: usize = 2;
/// How long to wait for a batch until the clock is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Where events are.
pub trait Events: Send + Sync + fmt::Debug {
    /// Begins to read what is wanted.
    ///
    /// # Errors
    /// Why nothing can be read, in words.
    fn read(&self, wanted: Wanted) -> Result<Scan, String>;
}

/// Some rows.
#[derive(Debug)]
pub struct Slice {
    /// The rows, with at least the columns that are wanted.
    pub batch: RecordBatch,
    /// The hour whose file they are in; None for recorded lines, whose `received` means nothing.
    pub hour: Option<Partition>,
}

/// What a thread that reads has to say.
#[derive(Debug)]
pub enum Piece {
    /// Rows.
    Slice(Slice),
    /// Something could not be read.
    Trouble(String),
    /// It is the next thread's turn.
    Turn,
    /// Nothing more comes from here.
    Done,
}

/// Events that are being read.
#[derive(Debug)]
pub struct Scan {
    /// Those that still have something to say, beginning with whose turn it is.
    readers: std::collections::VecDeque<Receiver<Piece>>,
}

/// What comes next of a scan.
#[derive(Debug)]
pub(crate) enum Next {
    Slice(Slice),
    Trouble(String),
    End,
    /// The question must end.
    Due,
}

impl Scan {
    /// What these threads read, taking turns.
    #[must_use]
    pub fn of(readers: Vec<Receiver<Piece>>) -> Scan {
        Scan { readers: readers.into() }
    }

    pub(crate) fn next(&mut self, stop: &Stop) -> Next {
        loop {
            let Some(reader) = self.readers.front() else { return Next::End };
            match reader.recv_timeout(LOOK) {
                _ if stop.is_due() => return Next::Due,
                Ok(Piece::Slice(slice)) => return Next::Slice(slice),
                Ok(Piece::Trouble(why)) => return Next::Trouble(why),
                Ok(Piece::Turn) => self.readers.rotate_left(1),
                Ok(Piece::Done) => drop(self.readers.pop_front()),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    self.readers.pop_front();
                    return Next::Trouble("reading was interrupted by a fault in this program".into());
                }
            }
        }
    }
}

/// The events of a lake.
#[derive(Debug)]
pub struct LakeEvents {
    /// The lake.
    pub lake: Arc<Lake>,
    /// Only events of these times; None for all.
    pub times: Option<Range<i64>>,
    /// How many threads unpack.
    pub threads: usize,
}

impl Events for LakeEvents {
    fn read(&self, mut wanted: Wanted) -> Result<Scan, String> {
        self.times.iter().for_each(|times| wanted.cut(times.clone()));
        let mut files = self.lake.files().map_err(|error| error.to_string())?;
        files.retain(|file| wanted.may_hold(file.partition));
        let (files, wanted) = (Arc::new(files), Arc::new(wanted));
        let threads = self.threads.clamp(1, files.len().max(1));
        let readers = (0..threads).map(|first| {
            let (say, said) = sync_channel(AHEAD);
            let (lake, files, wanted) = (self.lake.clone(), files.clone(), wanted.clone());
            std::thread::spawn(move || {
                let mine = files.iter().skip(first).step_by(threads);
                // Nobody listens any more: there is no more to do.
                let _ = each(&lake, mine, &wanted, &say);
            });
            said
        });
        Ok(Scan::of(readers.collect()))
    }
}

/// Nobody listens.
struct Gone;

fn each<'f>(
    lake: &Lake,
    files: impl Iterator<Item = &'f File>,
    wanted: &Wanted,
    say: &SyncSender<Piece>,
) -> Result<(), Gone> {
    let tell = |piece| say.send(piece).map_err(|_| Gone);
    for file in files {
        match one(lake, file, wanted, &tell) {
            Ok(told) => told?,
            Err(why) => tell(Piece::Trouble(why.to_string()))?,
        }
        tell(Piece::Turn)?;
    }
    tell(Piece::Done)
}

fn one(
    lake: &Lake,
    file: &File,
    wanted: &Wanted,
    tell: &impl Fn(Piece) -> Result<(), Gone>,
) -> Result<Result<(), Gone>, LakeError> {
    let columns: Vec<&str> = wanted.columns.iter().map(String::as_str).collect();
    let dictionaries: Vec<&str> = columns.iter().copied().filter(|name| REPEATING.contains(name)).collect();
    let reading = Reading {
        dictionaries: &dictionaries,
        times: wanted.times.clone(),
        most_rows: ROWS,
        ..Reading::of(&columns)
    };
    for batch in lake.scan(file, &reading)? {
        let batch = wanted.sift(batch?);
        if batch.num_rows() > 0 {
            let slice = Slice { batch, hour: Some(file.partition) };
            if let Err(gone) = tell(Piece::Slice(slice)) {
                return Ok(Err(gone));
            }
        }
    }
    Ok(Ok(()))
}
