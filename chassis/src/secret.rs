//! A value that must not be seen: an API key, a password.
//!
//! Promise: it is never printed (at most its last five characters, and only when it is long), it is read again
//! whenever it is asked for, so that a rotated file is noticed without a restart, and white space around it is
//! ignored.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The largest secret file that is read, in bytes.
const LONGEST: u64 = 64 * 1024;

/// Where a secret comes from.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Source);

#[derive(Clone, PartialEq, Eq)]
enum Source {
    File(PathBuf),
    Value { origin: Arc<str>, value: Revealed },
}

impl Secret {
    /// The content of the file at `path`, read each time it is asked for.
    pub fn from_file(path: impl Into<PathBuf>) -> Self {
        Self(Source::File(path.into()))
    }

    /// `value`, which came from the environment variable (or the setting) named `origin`.
    #[must_use]
    pub fn from_value(origin: &str, value: &str) -> Self {
        Self(Source::Value { origin: origin.into(), value: Revealed::new(value) })
    }

    /// The secret as it is now; compare two of them to notice a change. Reads a small file: no more than a few
    /// microseconds, and nothing is cached that could be stale.
    ///
    /// # Errors
    /// When the file cannot be read, is empty, too large, or no UTF-8; or when the variable is empty.
    pub fn reveal(&self) -> Result<Revealed, SecretError> {
        match &self.0 {
            Source::File(path) => read(path),
            Source::Value { origin, value } if value.0.is_empty() => {
                Err(SecretError::EmptyVariable { name: origin.to_string() })
            }
            Source::Value { value, .. } => Ok(value.clone()),
        }
    }

    /// The place that it comes from, for messages: a path or the name of a variable.
    #[must_use]
    pub fn origin(&self) -> String {
        match &self.0 {
            Source::File(path) => path.display().to_string(),
            Source::Value { origin, .. } => origin.to_string(),
        }
    }
}

fn read(path: &Path) -> Result<Revealed, SecretError> {
    let unreadable = |source| SecretError::Unreadable { path: path.to_owned(), source };
    let mut text = String::new();
    let file = File::open(path).map_err(unreadable)?;
    let length = file.take(LONGEST + 1).read_to_string(&mut text).map_err(unreadable)?;
    if length as u64 > LONGEST {
        return Err(unreadable(io::Error::other("larger than 64 KiB, which no secret is")));
    }
    let revealed = Revealed::new(&text);
    if revealed.0.is_empty() {
        return Err(SecretError::EmptyFile { path: path.to_owned() });
    }
    Ok(revealed)
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::File(path) => write!(f, "Secret(file {})", path.display()),
            Source::Value { origin, value } => write!(f, "Secret({origin}={value})"),
        }
    }
}

/// A secret in the clear; printing it shows a mask.
#[derive(Clone, PartialEq, Eq)]
pub struct Revealed(Arc<str>);

impl Revealed {
    fn new(value: &str) -> Self {
        Self(value.trim().into())
    }

    /// The secret itself: for a request's header and nothing else.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Revealed {
    /// `*****` and, for a secret of twenty characters or more, its last five: enough to tell two keys apart.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let characters = self.0.chars().count();
        let shown = if characters < 20 { characters } else { characters - 5 };
        write!(f, "*****{}", self.0.chars().skip(shown).collect::<String>())
    }
}

impl fmt::Debug for Revealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a secret is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("secret file {} cannot be read: {source}; it is tried again when it is next needed", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file holds nothing but white space.
    #[error("secret file {} is empty; write the secret into it", path.display())]
    EmptyFile {
        /// The file.
        path: PathBuf,
    },
    /// The variable holds nothing but white space.
    #[error("{name} is empty; set it to the secret")]
    EmptyVariable {
        /// The variable.
        name: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn a_secret_is_never_printed() {
        let secret = Secret::from_value("DD_API_KEY", KEY);
        let shown = format!("{secret:?} {0:?} {0}", secret.reveal().unwrap());
        assert_eq!(shown, "Secret(DD_API_KEY=*****bcdef) *****bcdef *****bcdef");
        assert_eq!(Secret::from_value("PASSWORD", "hunter2").reveal().unwrap().to_string(), "*****");
    }

    #[test]
    fn a_changed_file_is_read_again_and_trimmed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        let secret = Secret::from_file(&path);
        std::fs::write(&path, "first\n").unwrap();
        let first = secret.reveal().unwrap();
        std::fs::write(&path, " secnd \r\n").unwrap();
        let second = secret.reveal().unwrap();
        assert_eq!((first.as_str(), second.as_str()), ("first", "secnd"));
        assert_ne!(first, second);
    }

    #[test]
    fn a_missing_an_empty_and_a_huge_file_are_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        let refused = || Secret::from_file(&path).reveal().unwrap_err().to_string();
        assert!(refused().contains("cannot be read"));
        std::fs::write(&path, " \n").unwrap();
        assert!(refused().ends_with("is empty; write the secret into it"));
        std::fs::write(&path, vec![b'x'; 70_000]).unwrap();
        assert!(refused().contains("larger than 64 KiB"));
        assert!(Secret::from_value("DD_API_KEY", " ").reveal().is_err());
    }
}
