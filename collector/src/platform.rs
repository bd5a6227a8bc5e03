//! What systems do differently with files: names that outlive renames, removal while a file is open, reading at a
//! place.
//!
//! Promise: the rest of the crate asks here and nowhere else; what a system does not tell is said where it is asked
//! for.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

#[cfg(unix)]
pub(crate) use unix::{id_of, is_removed, look_up, read_at};
#[cfg(windows)]
pub(crate) use windows::{id_of, is_removed, look_up, read_at};

/// A reader with a place of its own in a shared file.
#[derive(Debug)]
pub(crate) struct Cursor {
    file: Arc<File>,
    at: u64,
}

impl Cursor {
    pub(crate) fn new(file: Arc<File>, at: u64) -> Cursor {
        Cursor { file, at }
    }
}

impl Read for Cursor {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = read_at(&self.file, buffer, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}
