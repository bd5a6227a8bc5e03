//! What the configured logs look like now, for whoever asks before anything runs.
//!
//! Promise: nothing is changed, and nothing is read but names, sizes and rights; what would keep lines from being read
//! later is named.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::entry::{Entry, entries};
use crate::error::OpenError;
use crate::{find, problem, sibling};

mod mount;

/// A log that an entry asks for, or a pattern that nothing matches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surveyed {
    /// Its path, or the pattern.
    pub path: PathBuf,
    /// Size of its active file.
    pub bytes: u64,
    /// How many rotated siblings lie beside it.
    pub siblings: usize,
    /// What keeps lines from being read, and what to do, in words.
    pub errors: Vec<String>,
    /// What will keep lines from being read, and what to do, in words.
    pub warnings: Vec<String>,
}

/// Looks at every log that the configuration asks for. Blocking, briefly.
///
/// # Errors
/// When an entry cannot be followed at all.
pub fn survey(config: &Config) -> Result<Vec<Surveyed>, OpenError> {
    let (entries, _) = entries(config)?;
    Ok(entries.iter().flat_map(of_entry).collect())
}

fn of_entry(entry: &Entry) -> Vec<Surveyed> {
    let paths = entry.pattern.paths();
    if paths.is_empty() {
        let path = entry.pattern.path().to_owned();
        let what = "matches no file; it is waited for: check `path`, and --audit-log-path of the API server";
        return vec![Surveyed {
            errors: vec![format!("{} {what}", path.display())],
            path,
            ..Surveyed::default()
        }];
    }
    let alone = |path: &PathBuf| !sibling::base_of(path).is_some_and(|base| paths.contains(&base));
    paths.iter().filter(|path| alone(path)).map(|path| of_log(path)).collect()
}

fn of_log(path: &Path) -> Surveyed {
    let mut log = Surveyed { path: path.to_owned(), ..Surveyed::default() };
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => log.errors.push(problem::no_file(path)),
        Ok(metadata) => {
            log.bytes = metadata.len();
            log.errors.extend(unreadable(path));
        }
        Err(error) => log.errors.push(problem::with_file(path, &error)),
    }
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let directory = find::directory_of(&target);
    match fs::read_dir(directory) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => log.warnings.push(format!(
            "{} cannot be listed: {error}; without that right rotated files are not found: run as root or with \
             CAP_DAC_READ_SEARCH",
            directory.display()
        )),
    }
    let files = find::files_of(path).files;
    let rotated = files.iter().filter(|file| file.path != path && file.path != target);
    for file in rotated {
        log.siblings += 1;
        log.errors.extend(unreadable(&file.path));
    }
    if mount::is_mount_point(path) || mount::is_mount_point(&target) {
        log.warnings.push(format!(
            "{} is a mount of its own, which shows the same file for ever; mount its directory, so that what is \
             written after a rotation is seen",
            path.display()
        ));
    }
    log
}

fn unreadable(path: &Path) -> Option<String> {
    File::open(path).err().map(|error| problem::with_file(path, &error))
}
