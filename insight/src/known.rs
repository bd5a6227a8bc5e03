//! What is known of the lake's files, so that each is read once.
//!
//! Invariant: a file's rows never change under its name (they can only be written again), so what was counted
//! stays true while its size does. Bounded: the [`MOST_FILES`] newest files are remembered, others are read
//! again; a file that left the lake is forgotten.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lake::{File, Footer, Lake, LakeError};

use crate::counts::Counts;

/// How many files are remembered, at about a kilobyte each.
pub(crate) const MOST_FILES: usize = 20_000;

/// The memory; one question at a time looks into it.
#[derive(Debug, Default)]
pub(crate) struct Known(Mutex<HashMap<String, Entry>>);

#[derive(Debug)]
struct Entry {
    bytes: u64,
    footer: Footer,
    counts: Option<Counts>,
}

/// The memory while one question uses it.
pub(crate) struct Session<'a> {
    lake: &'a Lake,
    entries: MutexGuard<'a, HashMap<String, Entry>>,
    most: usize,
    /// Files that had to be opened.
    pub(crate) opened: u64,
}

impl Known {
    /// Begins a question about these files (all of the lake's).
    pub(crate) fn session<'a>(&'a self, lake: &'a Lake, files: &[File]) -> Session<'a> {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let listed: HashMap<&str, u64> = files.iter().map(|file| (file.path.as_str(), file.bytes)).collect();
        entries.retain(|path, entry| listed.get(path.as_str()) == Some(&entry.bytes));
        Session { lake, entries, most: MOST_FILES, opened: 0 }
    }
}

impl Session<'_> {
    /// Rows and times of the file.
    pub(crate) fn footer(&mut self, file: &File) -> Result<Footer, LakeError> {
        if let Some(entry) = self.entries.get(&file.path) {
            return Ok(entry.footer);
        }
        self.opened += 1;
        let footer = self.lake.footer(file)?;
        self.remember(file, footer, None);
        Ok(footer)
    }

    /// The counts of the file's events.
    pub(crate) fn counts(&mut self, file: &File) -> Result<Counts, LakeError> {
        if let Some(counts) = self.entries.get(&file.path).and_then(|entry| entry.counts.as_ref()) {
            return Ok(counts.clone());
        }
        let footer = self.footer(file)?;
        self.opened += 1;
        let mut counts = Counts::default();
        for rows in self.lake.read(file, &Counts::COLUMNS)? {
            counts.add(&rows?);
        }
        self.remember(file, footer, Some(counts.clone()));
        Ok(counts)
    }

    fn remember(&mut self, file: &File, footer: Footer, counts: Option<Counts>) {
        if self.entries.len() < self.most || self.entries.contains_key(&file.path) {
            self.entries.insert(file.path.clone(), Entry { bytes: file.bytes, footer, counts });
        }
    }
}
