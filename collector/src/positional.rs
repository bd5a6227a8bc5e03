//! Reading at a place of a file without moving anything that others share.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

/// Bytes of `file` from `offset`; 0 at its end.
#[cfg(unix)]
pub(crate) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

/// Bytes of `file` from `offset`; 0 at its end.
#[cfg(windows)]
pub(crate) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

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
