//! Windows: volume and file index name a file, as an open handle tells them. Handles are opened with all sharing, as
//! `std` does, so that a log can be renamed and removed while it is read.

use std::fs::{File, Metadata};
use std::io;
use std::os::windows::fs::FileExt;
use std::path::Path;

use winapi_util::file::information;

/// Bytes of `file` from `offset`; 0 at its end. Moves the handle's own place, which nobody here uses.
pub(crate) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    file.seek_read(buffer, offset)
}

/// The name that the file system gives to an open file.
pub(crate) fn id_of(file: &File) -> io::Result<String> {
    let told = information(file)?;
    Ok(format!("{}:{}", told.volume_serial_number(), told.file_index()))
}

/// What the system tells of what `path` leads to, links followed, with the name that the file system gives to it;
/// directories have none.
pub(crate) fn look_up(path: &Path) -> io::Result<(Metadata, String)> {
    let metadata = std::fs::metadata(path)?;
    let id = if metadata.is_file() { id_of(&File::open(path)?)? } else { String::new() };
    Ok((metadata, id))
}

/// Whether no directory names the open file any more: a file that is being removed has no links left.
pub(crate) fn is_removed(file: &File) -> bool {
    information(file).is_ok_and(|told| told.number_of_links() == 0)
}
