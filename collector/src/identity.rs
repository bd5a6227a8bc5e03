//! Whether two looks saw the same file: device and inode, and the hash of its first bytes.
//!
//! Invariant: a path says where to look, never which file it is; a file without content has no prefix and is never
//! recognised by it.

use std::fs::File;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// How many first bytes are hashed, at the most.
pub(crate) const PREFIX_BYTES: usize = 4096;

/// The name that the file system gives to a file, whatever its path: device and inode, or volume and file id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct FileKey(String);

impl FileKey {
    /// Of what `path` leads to, links followed.
    pub(crate) fn of_path(path: &Path) -> io::Result<FileKey> {
        file_id::get_file_id(path).map(FileKey::from)
    }

    /// Of an open file that was opened at `path`.
    #[cfg(unix)]
    pub(crate) fn of_open(file: &File, _path: &Path) -> io::Result<FileKey> {
        use std::os::unix::fs::MetadataExt;
        let metadata = file.metadata()?;
        Ok(file_id::FileId::new_inode(metadata.dev(), metadata.ino()).into())
    }

    /// Of an open file that was opened at `path`; an open handle does not tell, so the path is asked again.
    #[cfg(not(unix))]
    pub(crate) fn of_open(_file: &File, path: &Path) -> io::Result<FileKey> {
        FileKey::of_path(path)
    }
}

impl From<file_id::FileId> for FileKey {
    fn from(id: file_id::FileId) -> FileKey {
        use file_id::FileId::{HighRes, Inode, LowRes};
        FileKey(match id {
            Inode { device_id, inode_number } => format!("{device_id}:{inode_number}"),
            LowRes { volume_serial_number, file_index } => format!("{volume_serial_number}:{file_index}"),
            HighRes { volume_serial_number, file_id } => format!("{volume_serial_number}:{file_id}"),
        })
    }
}

/// The hash of a file's first (unpacked) bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Prefix {
    length: usize,
    hash: String,
}

impl Prefix {
    /// Of a file that begins with `bytes`; at most [`PREFIX_BYTES`] of them count.
    pub(crate) fn of(bytes: &[u8]) -> Prefix {
        let bytes = &bytes[..bytes.len().min(PREFIX_BYTES)];
        let digest = Sha256::digest(bytes);
        let hash = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Prefix { length: bytes.len(), hash }
    }

    /// Whether a file that begins with `bytes` can be the one that this was taken of.
    pub(crate) fn fits(&self, bytes: &[u8]) -> bool {
        self.length > 0 && bytes.len() >= self.length && Prefix::of(&bytes[..self.length]) == *self
    }

    /// Whether more bytes would make it say more.
    pub(crate) fn can_grow(&self) -> bool {
        self.length < PREFIX_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_grew_still_fits_and_one_that_shrank_or_changed_does_not() {
        let prefix = Prefix::of(b"{\"a\":1}\n");
        assert!(prefix.fits(b"{\"a\":1}\n{\"b\":2}\n"));
        assert!(!prefix.fits(b"{\"a\":1}"));
        assert!(!prefix.fits(b"{\"a\":2}\n{\"b\":2}\n"));
        assert!(!Prefix::of(b"").fits(b"anything"));
        assert!(!Prefix::of(&[b'x'; 5000]).can_grow());
    }

    #[test]
    fn a_renamed_file_keeps_its_key_and_a_new_one_at_its_path_has_another() {
        let dir = tempfile::tempdir().unwrap();
        let (path, aside) = (dir.path().join("audit.log"), dir.path().join("aside.log"));
        std::fs::write(&path, "one").unwrap();
        let key = FileKey::of_path(&path).unwrap();
        assert_eq!(FileKey::of_open(&File::open(&path).unwrap(), &path).unwrap(), key);
        std::fs::rename(&path, &aside).unwrap();
        std::fs::write(&path, "two").unwrap();
        assert_eq!(FileKey::of_path(&aside).unwrap(), key);
        assert_ne!(FileKey::of_path(&path).unwrap(), key);
    }
}
