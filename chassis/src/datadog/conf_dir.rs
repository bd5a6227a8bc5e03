//! The Agent's `conf.d`: `<integration>.d/conf.yaml` and what lies beside it.
//!
//! Promise: files are read in the order of their names; entries that cannot be read here (other types, unknown
//! keys) are passed over with a [`Warning`] that names file, line and column; what is wrong in an entry that is
//! ours is an error with its place, as in our own file.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::entry::LogsEntry;
use crate::config::{ConfigError, Document, Entry, Node, Place, Value};

mod known;

/// The `logs:` entries of one file of the Agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Integration {
    /// The folder without `.d`, as the Agent's status calls it; the file's stem where there is no such folder.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// Its entries of type `file`.
    pub logs: Vec<LogsEntry>,
    /// What was passed over.
    pub warnings: Vec<Warning>,
}

/// Something in a file of the Agent that has no effect here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Where it stands.
    pub place: Place,
    /// What it is and why it has no effect.
    pub what: String,
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// Reads every file of `directory` that the Agent would: `*.d/*.yaml` and `*.yaml`. Files without a `logs:` list
/// are left out.
///
/// # Errors
/// When the directory or a file cannot be read, or an entry of ours is wrong.
pub fn read_conf_dir(directory: &Path) -> Result<Vec<Integration>, ConfigError> {
    let mut found = Vec::new();
    for path in listed(directory)? {
        let folder = path.extension().is_some_and(|extension| extension == "d");
        let files = if folder && path.is_dir() { listed(&path)? } else { vec![path] };
        for file in files.iter().filter(|file| is_conf(file)) {
            found.extend(Some(read_conf_file(file)?).filter(|read| read.has_logs()));
        }
    }
    Ok(found)
}

/// Reads one file of the Agent.
///
/// # Errors
/// When it cannot be read, is no YAML, or an entry of ours is wrong.
pub fn read_conf_file(path: &Path) -> Result<Integration, ConfigError> {
    let document = Document::parse(path, crate::config::read_file(path)?)?;
    let mut read =
        Integration { name: name_of(path), path: path.to_owned(), logs: Vec::new(), warnings: Vec::new() };
    let Some(logs) = document.root.entry("logs") else { return Ok(read) };
    if !matches!(logs.node.value, Value::List(_) | Value::Null) {
        let why = "`logs` is not a list of entries, as `- type: file`".to_owned();
        return Err(ConfigError::Malformed { place: logs.spot.place_in(path), why });
    }
    let mut ours = logs.node.clone();
    if let Value::List(items) = &mut ours.value {
        items.retain_mut(|item| known::keep(item, path, &mut read.warnings));
    }
    read.logs = strictly(&document, logs, &ours)?;
    Ok(read)
}

impl Integration {
    fn has_logs(&self) -> bool {
        !self.logs.is_empty() || !self.warnings.is_empty()
    }
}

/// What is left after the unknown was taken out, read as our own list is.
fn strictly(document: &Document, logs: &Entry, ours: &Node) -> Result<Vec<LogsEntry>, ConfigError> {
    #[derive(Deserialize)]
    struct Logs {
        logs: Option<Vec<LogsEntry>>,
    }
    let read: Logs = crate::config::read_again("logs", logs.spot, ours, &document.path)?;
    Ok(read.logs.unwrap_or_default())
}

fn listed(directory: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable { path: directory.to_owned(), source };
    let entries = fs::read_dir(directory).map_err(unreadable)?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths: Vec<PathBuf> = paths.collect::<Result<_, _>>().map_err(unreadable)?;
    paths.sort();
    Ok(paths)
}

/// Whether the Agent reads a file of this name as a configuration.
fn is_conf(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    yaml && !name.starts_with('.')
        && !["auto_conf.yaml", "metrics.yaml"].contains(&name.as_str())
        && path.is_file()
}

fn name_of(path: &Path) -> String {
    let folder = path.parent().filter(|folder| folder.extension().is_some_and(|extension| extension == "d"));
    let stem = folder.and_then(Path::file_stem).or(path.file_stem());
    stem.map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}
