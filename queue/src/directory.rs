//! The durable side of a directory: its names, not its files' bytes.
//!
//! Promises: what is made here only its owner may read (Unix), whatever the umask; after `sync` a file that was created,
//! renamed or deleted there stays so through a power cut, where the system offers that (Unix; on Windows the journal of
//! the file system does it).

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

/// Makes a directory for what others must not read, with its parents, durably. One that exists keeps its rights, and
/// parents get the usual ones.
///
/// # Errors
/// What the system says.
pub fn create(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.map_or(Ok(()), fs::create_dir_all)?;
    match make_private(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => {}
        made => made?,
    }
    match parent {
        Some(parent) => sync(parent),
        None => Ok(()),
    }
}

#[cfg(unix)]
fn make_private(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().mode(0o700).create(dir)
}

#[cfg(not(unix))]
fn make_private(dir: &Path) -> io::Result<()> {
    fs::create_dir(dir)
}

/// Options for files that others must not read, once they are made by them.
#[cfg(unix)]
#[must_use]
pub fn private() -> fs::OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = fs::OpenOptions::new();
    options.mode(0o600);
    options
}

/// Options for files; who may read them is what their directory says.
#[cfg(not(unix))]
#[must_use]
pub fn private() -> fs::OpenOptions {
    fs::OpenOptions::new()
}

/// Writes a small file so that it is there whole, or not at all.
pub(crate) fn write_whole(path: &Path, parts: &[&[u8]]) -> io::Result<fs::File> {
    use std::io::Write as _;
    let draft = path.with_extension("new");
    let mut file = private().read(true).write(true).create(true).truncate(true).open(&draft)?;
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

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_is_made_only_its_owner_may_read_and_what_exists_is_left_alone() {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("parent/queue");
        create(&dir).unwrap();
        write_whole(&dir.join("file"), &[b"an event"]).unwrap();
        assert_eq!((mode(&dir), mode(&dir.join("file"))), (0o700, 0o600));
        let usual = place.path().join("usual");
        fs::create_dir(&usual).unwrap();
        assert_eq!(mode(dir.parent().unwrap()), mode(&usual), "a parent may hold what others may read");
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o750)).unwrap();
        create(&dir).unwrap();
        assert_eq!(mode(&dir), 0o750);
    }
}
