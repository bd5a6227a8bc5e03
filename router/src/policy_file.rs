//! A policy and the file that it came from.
//!
//! Promise: a policy that kube-apiserver refuses is refused here, with file, line and column; one that it
//! accepts with a warning is accepted with that warning.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use audit::Policy;

use crate::error::StartError;

/// The largest policy file that is read, in bytes: more than the API server itself could keep in a ConfigMap.
const LARGEST: u64 = 4 << 20;

/// A policy in force.
pub(crate) struct PolicyFile {
    pub(crate) path: PathBuf,
    pub(crate) policy: Policy,
    /// What kube-apiserver would log at its start, in its words.
    pub(crate) warnings: Vec<String>,
    /// As it was written.
    pub(crate) text: String,
}

impl PolicyFile {
    pub(crate) fn load(path: &Path) -> Result<Self, StartError> {
        let text = read(path).map_err(|error| StartError::UnreadablePolicy {
            path: path.to_owned(),
            why: error.to_string(),
        })?;
        Self::parse(path, text)
    }

    /// The policy in `text`; `path` is where it comes from, for messages.
    pub(crate) fn parse(path: &Path, text: String) -> Result<Self, StartError> {
        let loaded = Policy::load(&text).map_err(|error| StartError::BadPolicy {
            path: path.to_owned(),
            line: error.line,
            column: error.column,
            message: error.message,
        })?;
        Ok(PolicyFile { path: path.to_owned(), policy: loaded.policy, warnings: loaded.warnings, text })
    }
}

/// The text of a file, bounded.
pub(crate) fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let length = File::open(path)?.take(LARGEST + 1).read_to_string(&mut text)?;
    if length as u64 > LARGEST {
        return Err(std::io::Error::other("it is larger than 4 MiB, which no policy is"));
    }
    Ok(text)
}
