//! The durable side of a directory: its names, not its files' bytes.
//!
//! Promise: after `sync` a file that was created, renamed or deleted there stays so through a power cut, where the
//! system offers that (Unix; on Windows the journal of the file system does it).

use std::fs;
use std::io;
use std::path::Path;

#[cfg(unix)]
pub(crate) fn sync(dir: &Path) -> io::Result<()> {
    fs::File::open(dir)?.sync_all()
}

#[cfg(not(unix))]
pub(crate) fn sync(_dir: &Path) -> io::Result<()> {
    Ok(())
}

/// Makes a directory with its parents, durably.
pub(crate) fn create(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(dir)?;
    match dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync(parent),
        _ => Ok(()),
    }
}

/// Writes a small file so that it is there whole, or not at all.
pub(crate) fn write_whole(path: &Path, parts: &[&[u8]]) -> io::Result<fs::File> {
    use std::io::Write as _;
    let draft = path.with_extension("new");
    let mut file = fs::OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&draft)?;
    for part in parts {
        file.write_all(part)?;
    }
    file.sync_all()?;
    fs::rename(&draft, path)?;
    if let Some(dir) = path.parent() {
        sync(dir)?;
    }
    Ok(file)
}

/// Deletes a file, durably; one that is not there is fine.
pub(crate) fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => path.parent().map_or(Ok(()), sync),
    }
}
