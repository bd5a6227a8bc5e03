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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Place;

    fn held(files: &Files) -> Vec<u64> {
        files.held.lock().unwrap().files.iter().map(|(number, _)| *number).collect()
    }

    #[test]
    fn few_files_are_held_and_none_of_a_deleted_segment() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(segment::directory(dir.path())).unwrap();
        let files = Files::new(dir.path(), 1);
        for number in 1..=20 {
            std::fs::write(segment::path(dir.path(), number), b"").unwrap();
            files.file(number).unwrap();
        }
        assert_eq!(held(&files), (13..=20).collect::<Vec<_>>());
        files.forget(18);
        files.file(17).unwrap();
        assert_eq!(held(&files), [19, 20]);
    }

    #[test]
    fn a_record_whose_file_is_gone_is_damaged_and_no_error() {
        let dir = tempfile::tempdir().unwrap();
        let slot = Slot { place: Place { segment: 1, offset: 80 }, payload: 5, header: Vec::new() };
        assert!(
            matches!(Files::new(dir.path(), 1).read(1, &slot), Ok(Read::Damaged(bytes)) if bytes.is_empty())
        );
    }
}
