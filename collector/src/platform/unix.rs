//! Linux, macOS and the like: device and inode name a file, with the time of its birth where the file system keeps one,
//! since inodes are given again; a removed file lives on while it is open.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::time::UNIX_EPOCH;

/// Bytes of `file` from `offset`; 0 at its end.
pub(crate) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    file.read_at(buffer, offset)
}

/// The name that the file system gives to an open file.
pub(crate) fn id_of(file: &File) -> io::Result<String> {
    file.metadata().map(|metadata| id(&metadata))
}

/// What the system tells of what `path` leads to, links followed, with the name that the file system gives to it.
pub(crate) fn look_up(path: &Path) -> io::Result<(Metadata, String)> {
    let metadata = std::fs::metadata(path)?;
    let id = id(&metadata);
    Ok((metadata, id))
}

/// Whether no directory names the open file any more.
pub(crate) fn is_removed(file: &File) -> bool {
    file.metadata().is_ok_and(|metadata| metadata.nlink() == 0)
}

fn id(metadata: &Metadata) -> String {
    let born = metadata.created().ok().and_then(|born| born.duration_since(UNIX_EPOCH).ok());
    let born = born.map_or_else(String::new, |born| format!(":{}", born.as_nanos()));
    format!("{}:{}{born}", metadata.dev(), metadata.ino())
}
