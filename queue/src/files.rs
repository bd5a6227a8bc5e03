//! Open segment files for reading.
//!
//! Promise: at most [`OPEN`] are held, and none of a segment that was deleted, so that its space comes back.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::segment;
use crate::segment::reading::{self, Read};
use crate::slot::Slot;

const OPEN: usize = 8;

/// Read handles, the most recently opened last.
pub(crate) struct Files {
    dir: PathBuf,
    seal: u64,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    files: VecDeque<(u64, Arc<File>)>,
    /// Segments below are deleted.
    oldest: u64,
}

impl Files {
    pub(crate) fn new(dir: &Path, seal: u64) -> Files {
        Files { dir: dir.to_owned(), seal, held: Mutex::default() }
    }

    /// Reads the record of a slot. A missing file is damage.
    pub(crate) fn read(&self, position: u64, slot: &Slot) -> io::Result<Read> {
        match self.file(slot.place.segment) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Read::Damaged(Vec::new())),
            other => reading::record(&*other?, self.seal, slot.place, position, slot.size()),
        }
    }

    /// Lets go of a segment that is deleted, and of all before it.
    pub(crate) fn forget(&self, segment: u64) {
        let mut held = self.held.lock().expect("no code panics while it holds the files");
        held.oldest = held.oldest.max(segment + 1);
        held.files.retain(|(number, _)| *number > segment);
    }

    fn file(&self, segment: u64) -> io::Result<Arc<File>> {
        let mut held = self.held.lock().expect("no code panics while it holds the files");
        if let Some((_, file)) = held.files.iter().find(|(number, _)| *number == segment) {
            return Ok(file.clone());
        }
        let file = Arc::new(File::open(segment::path(&self.dir, segment))?);
        if segment >= held.oldest {
            held.files.push_back((segment, file.clone()));
            if held.files.len() > OPEN {
                held.files.pop_front();
            }
        }
        Ok(file)
    }
}
