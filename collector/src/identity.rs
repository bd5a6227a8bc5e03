//! Whether two looks saw the same file: the name that the file system gave it, the hash of its first bytes, and the
//! hash of the bytes before the place up to which it was read.
//!
//! Invariant: a path says where to look, never which file it is; a file without content has no print and is never
//! recognised by it.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::platform;

/// How many first bytes are hashed, at the most.
pub(crate) const PREFIX_BYTES: usize = 4096;
/// How many bytes before the reading position are hashed, at the most.
pub(crate) const TAIL_BYTES: usize = 256;

/// How many times as far as the last mark the next one is.
const MARKS_APART: u64 = 4;

/// The name that the file system gives to a file, whatever its path: device and inode, or volume and file id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct FileKey(String);

impl FileKey {
    /// Of what `path` leads to, links followed, with what else the system tells of it.
    pub(crate) fn of_path(path: &Path) -> io::Result<(FileKey, Metadata)> {
        platform::look_up(path).map(|(metadata, id)| (FileKey(id), metadata))
    }

    /// Of an open file.
    pub(crate) fn of_open(file: &File) -> io::Result<FileKey> {
        platform::id_of(file).map(FileKey)
    }
}

/// The hash of some (unpacked) bytes of a file. Of none, it fits everything as a tail and nothing as a prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Print {
    length: usize,
    hash: String,
}

impl Print {
    /// Of a file that begins with `bytes`; at most [`PREFIX_BYTES`] of them count.
    pub(crate) fn of_prefix(bytes: &[u8]) -> Print {
        Print::of(&bytes[..bytes.len().min(PREFIX_BYTES)])
    }

    /// Of a file that was read up to the end of `bytes`; at most [`TAIL_BYTES`] of them count.
    pub(crate) fn of_tail(bytes: &[u8]) -> Print {
        Print::of(&bytes[bytes.len().saturating_sub(TAIL_BYTES)..])
    }

    fn of(bytes: &[u8]) -> Print {
        let digest = Sha256::digest(bytes);
        let hash = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Print { length: bytes.len(), hash }
    }

    /// Whether a file that begins with `bytes` can be the one whose first bytes these are.
    pub(crate) fn begins(&self, bytes: &[u8]) -> bool {
        self.length > 0 && bytes.len() >= self.length && Print::of(&bytes[..self.length]) == *self
    }

    /// Whether it was taken of exactly these bytes.
    pub(crate) fn is_of(&self, bytes: &[u8]) -> bool {
        Print::of(bytes) == *self
    }

    /// How many bytes it was taken of.
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// Whether, as a prefix, it would say more with more bytes.
    pub(crate) fn can_grow(&self) -> bool {
        self.length < PREFIX_BYTES
    }
}

/// Tails at some places behind each other, far apart: what tells a shorter copy of a file from another file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Marks(Vec<(u64, Print)>);

impl Marks {
    /// Notes the tail at `offset`, when that is far enough behind the last one: of n bytes log(n) are noted.
    pub(crate) fn note(&mut self, offset: u64, tail: &Print) {
        let last = self.0.last().map_or(0, |(last, _)| *last);
        if tail.length() > 0 && offset >= last.saturating_mul(MARKS_APART).max(1) {
            self.0.push((offset, tail.clone()));
        }
    }

    /// The places and what lies before them, the farthest first.
    pub(crate) fn backwards(&self) -> impl Iterator<Item = &(u64, Print)> {
        self.0.iter().rev()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_grew_still_fits_and_one_that_shrank_or_changed_does_not() {
        let prefix = Print::of_prefix(b"{\"a\":1}\n");
        assert!(prefix.begins(b"{\"a\":1}\n{\"b\":2}\n"));
        assert!(!prefix.begins(b"{\"a\":1}"));
        assert!(!prefix.begins(b"{\"a\":2}\n{\"b\":2}\n"));
        assert!(!Print::of_prefix(b"").begins(b"anything"));
        assert!(!Print::of_prefix(&[b'x'; 5000]).can_grow());
    }

    #[test]
    fn a_tail_is_of_the_last_bytes_only() {
        let bytes = [vec![b'x'; 1000], b"end".to_vec()].concat();
        let tail = Print::of_tail(&bytes);
        assert_eq!(tail.length(), TAIL_BYTES);
        assert!(tail.is_of(&bytes[bytes.len() - TAIL_BYTES..]) && !tail.is_of(&bytes[..TAIL_BYTES]));
    }

    #[test]
    fn marks_stay_few_however_long_a_file_is() {
        let mut marks = Marks::default();
        (1..1_000_000_u64).for_each(|at| marks.note(at * 1000, &Print::of_tail(&at.to_le_bytes())));
        assert_eq!(marks.backwards().count(), 10);
        assert!(marks.backwards().is_sorted_by(|a, b| a.0 > b.0));
    }

    #[test]
    fn a_renamed_file_keeps_its_key_and_a_new_one_at_its_path_has_another() {
        let dir = tempfile::tempdir().unwrap();
        let (path, aside) = (dir.path().join("audit.log"), dir.path().join("aside.log"));
        std::fs::write(&path, "one").unwrap();
        let key_of = |path: &Path| FileKey::of_path(path).unwrap().0;
        let key = key_of(&path);
        assert_eq!(FileKey::of_open(&File::open(&path).unwrap()).unwrap(), key);
        std::fs::rename(&path, &aside).unwrap();
        std::fs::write(&path, "two").unwrap();
        assert_eq!(key_of(&aside), key);
        assert_ne!(key_of(&path), key);
    }
}
