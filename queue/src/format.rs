//! The version of what an owner keeps in a directory: the meaning of its records and states, beside the version that
//! each segment has of its own.
//!
//! Promises: what a newer version of the owner wrote is refused before anything is changed; what an older one wrote, or
//! one that knew no such file, is taken, and marked as ours once it is open; a damaged mark keeps nothing from opening.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::directory;
use crate::error::OpenError;

/// Longest mark.
const LONGEST: u64 = 128;

/// Whose format it is, and which version of it this program writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// The owner, as messages name it.
    pub of: &'static str,
    /// The version, from 1 on.
    pub version: u32,
}

impl Format {
    /// Refuses a directory that a newer version wrote; changes nothing. Blocking, briefly.
    ///
    /// # Errors
    /// [`OpenError::Newer`], or [`OpenError::Io`] when the mark cannot be read.
    pub fn check(self, dir: &Path) -> Result<(), OpenError> {
        let path = path(dir);
        match self.found(&path).map_err(OpenError::io("reading", &path))? {
            Some(found) if found > self.version => Err(OpenError::Newer { path, found, known: self.version }),
            _ => Ok(()),
        }
    }

    /// Marks a directory as of this version, durably. Blocking, briefly.
    ///
    /// # Errors
    /// [`OpenError::Io`].
    pub fn mark(self, dir: &Path) -> Result<(), OpenError> {
        let path = path(dir);
        let io = OpenError::io("writing", &path);
        if self.found(&path).map_err(&io)? == Some(self.version) {
            return Ok(());
        }
        directory::create(dir).map_err(&io)?;
        directory::write_whole(&path, &[self.text().as_bytes()]).map(drop).map_err(io)
    }

    fn text(self) -> String {
        format!("{} {}\n", self.of, self.version)
    }

    /// The version that a mark names; none where there is no mark, or one that nobody wrote.
    fn found(self, path: &Path) -> io::Result<Option<u32>> {
        match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
            Ok(metadata) if metadata.len() > LONGEST => return Ok(None),
            Ok(_) => {}
        }
        let text = fs::read(path)?;
        let text = std::str::from_utf8(&text).ok().and_then(|text| text.strip_suffix('\n'));
        let number = text.and_then(|text| text.strip_prefix(self.of)?.strip_prefix(' '));
        Ok(number.and_then(|number| number.parse().ok()))
    }
}

fn path(dir: &Path) -> PathBuf {
    dir.join("format")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, Queue};

    const OURS: Format = Format { of: "tests", version: 2 };

    fn options(format: Format) -> Options {
        Options { max_bytes: 1 << 20, format: Some(format), ..Options::default() }
    }

    fn contents(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        for entry in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
            match entry.is_dir() {
                true => found.extend(contents(&entry)),
                false => found.push((entry.clone(), fs::read(&entry).unwrap())),
            }
        }
        found.sort();
        found
    }

    fn opened(dir: &Path, format: Format) -> Result<(), OpenError> {
        Queue::open(dir, options(format)).map(drop)
    }

    #[test]
    fn what_a_newer_version_of_its_owner_wrote_is_refused_by_name_and_nothing_is_touched() {
        let dir = tempfile::tempdir().unwrap();
        opened(dir.path(), Format { version: 3, ..OURS }).unwrap();
        let before = contents(dir.path());
        let refused = opened(dir.path(), OURS).unwrap_err().to_string();
        let path = dir.path().join("format").display().to_string();
        assert!(refused.starts_with(&format!("{path} has format version 3")), "{refused}");
        assert!(refused.contains("reads up to 2; start the newer program"), "{refused}");
        assert_eq!(contents(dir.path()), before);
        opened(dir.path(), Format { version: 3, ..OURS }).unwrap();
    }

    #[test]
    fn what_an_older_version_wrote_is_taken_and_marked_and_so_is_what_had_no_mark_or_a_damaged_one() {
        let dir = tempfile::tempdir().unwrap();
        Queue::open(dir.path(), Options { format: None, ..options(OURS) }).map(drop).unwrap();
        assert!(!path(dir.path()).exists());
        for mark in ["", "tests 1\n", "tests 2", "others 9\n", "tests many\n"] {
            fs::write(path(dir.path()), mark).unwrap();
            opened(dir.path(), OURS).unwrap();
            assert_eq!(fs::read_to_string(path(dir.path())).unwrap(), "tests 2\n", "{mark:?}");
        }
    }
}
