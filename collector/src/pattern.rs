//! Which paths an entry of `logs:` asks for.
//!
//! Promise: a path without `*`, `?` or `[` is that path, whether it exists or not; a pattern gives what exists
//! now, in order of names, directories and excluded paths left out.

use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern as Glob};

/// `*` stays within a directory, and does not match hidden files.
const OPTIONS: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// The path of an entry, with what it leaves out.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    path: PathBuf,
    text: Option<String>,
    exclude: Vec<Glob>,
}

impl Pattern {
    /// # Errors
    /// The key of the entry that is wrong, and why.
    pub(crate) fn new(path: &Path, exclude: &[String]) -> Result<Pattern, (&'static str, String)> {
        if path.as_os_str().is_empty() {
            return Err(("path", "is empty: name the log file".to_owned()));
        }
        let text = path.to_str().filter(|text| text.contains(['*', '?', '[']));
        if let Some(text) = text {
            Glob::new(text).map_err(|error| ("path", format!("`{text}` is no pattern: {error}")))?;
        }
        let no_pattern = |text: &str, error| ("exclude_paths", format!("`{text}` is no pattern: {error}"));
        let exclude = exclude.iter().map(|text| Glob::new(text).map_err(|error| no_pattern(text, error)));
        Ok(Pattern {
            path: path.to_owned(),
            text: text.map(str::to_owned),
            exclude: exclude.collect::<Result<_, _>>()?,
        })
    }

    /// The path as it was written.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it stands for whatever fits, not for one path.
    pub(crate) fn is_glob(&self) -> bool {
        self.text.is_some()
    }

    /// Whether `path` is left out.
    pub(crate) fn excludes(&self, path: &Path) -> bool {
        self.exclude.iter().any(|glob| glob.matches_path_with(path, OPTIONS))
    }

    /// Whether `path`, were it there, would be asked for.
    pub(crate) fn asks_for(&self, path: &Path) -> bool {
        match self.text.as_deref().and_then(|text| Glob::new(text).ok()) {
            Some(glob) => glob.matches_path_with(path, OPTIONS) && !self.excludes(path),
            None => place(&self.path) == place(path),
        }
    }

    /// The paths that are asked for now.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        let Some(text) = &self.text else { return vec![self.path.clone()] };
        let found = glob::glob_with(text, OPTIONS).map(|found| found.flatten().collect::<Vec<_>>());
        let mut found = found.unwrap_or_default();
        found.retain(|path| !path.is_dir() && !self.excludes(path));
        found
    }
}

/// Where a path leads, links followed; itself where it leads nowhere.
pub(crate) fn place(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_gives_the_files_that_exist_without_the_excluded_ones() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["audit.log", "audit-old.log", "other.txt", ".hidden.log"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        std::fs::create_dir(dir.path().join("dir.log")).unwrap();
        let exclude = [dir.path().join("*-old.log").to_string_lossy().into_owned()];
        let pattern = Pattern::new(&dir.path().join("*.log"), &exclude).unwrap();
        assert_eq!(pattern.paths(), [dir.path().join("audit.log")]);
    }

    #[test]
    fn a_file_that_is_not_there_yet_is_known_to_be_asked_for() {
        let asks = |path: &str, file: &str| {
            Pattern::new(Path::new(path), &["/l/not*".to_owned()]).unwrap().asks_for(Path::new(file))
        };
        assert!(asks("/l/*.log", "/l/out.log") && asks("/l/out.log", "/l/out.log"));
        assert!(
            !asks("/l/*.log", "/l/not.log") && !asks("/l/*.log", "/l/x/out.log") && !asks("/l/a", "/l/b")
        );
    }

    #[test]
    fn a_plain_path_is_asked_for_before_it_exists() {
        let pattern = Pattern::new(Path::new("/nowhere/audit.log"), &[]).unwrap();
        assert_eq!(pattern.paths(), [Path::new("/nowhere/audit.log")]);
    }
}
