//! Rights and room on a disk, without writing to it.
//!
//! Invariant: where the system does not tell, nothing is said to be wrong.

use std::path::Path;

/// The nearest directory above `dir` that exists; `dir` itself where it does.
pub(super) fn existing(dir: &Path) -> &Path {
    let here = |dir: &&Path| !dir.as_os_str().is_empty() && dir.symlink_metadata().is_ok();
    dir.ancestors().find(here).unwrap_or(Path::new("."))
}

/// Why files cannot be made in a directory that exists.
#[cfg(unix)]
pub(super) fn unwritable(dir: &Path) -> Option<String> {
    use rustix::fs::{Access, access};
    if !dir.is_dir() {
        return Some("it is no directory".to_owned());
    }
    access(dir, Access::WRITE_OK | Access::EXEC_OK).err().map(|error| std::io::Error::from(error).to_string())
}

/// Why files cannot be made in a directory that exists.
#[cfg(not(unix))]
pub(super) fn unwritable(dir: &Path) -> Option<String> {
    (!dir.is_dir()).then(|| "it is no directory".to_owned())
}

/// Bytes that may still be written to the file system of a directory that exists.
#[cfg(unix)]
pub(super) fn free(dir: &Path) -> Option<u64> {
    let told = rustix::fs::statvfs(dir).ok()?;
    Some(told.f_bavail.saturating_mul(told.f_frsize))
}

/// Bytes that may still be written to the file system of a directory that exists.
#[cfg(not(unix))]
pub(super) fn free(_dir: &Path) -> Option<u64> {
    None
}
