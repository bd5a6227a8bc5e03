//! Reports as commands: over recorded files or the lake, told as a table, JSON, YAML or CSV.
//!
//! Promises: the same question gives the same numbers over recorded files and over the lake; a line that is no event is
//! named, and the rest goes on; nothing that a client wrote reaches a terminal as anything but text.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use insight::{Fold, Found, Kept, Query};
use lake::{Lake, Location};
use serde::Serialize;

use crate::data::Data;
use crate::exit::Failure;
use crate::recording::Recording;
use crate::replay::{self, Part, in_parts};
use crate::say;
use crate::table::{Table, print};

/// What a report is made of, and how it is told.
#[derive(Clone, Debug, Args)]
pub(crate) struct Reporting {
    #[command(flatten)]
    pub(crate) recording: Recording,
    /// How to tell it.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(crate) output: Output,
    /// Where states of hours of the lake are kept between questions; `none` keeps none. Default: a directory for
    /// caches of this machine's user.
    #[arg(long, value_name = "DIR", env = "AUDITRAIL_STATES")]
    pub(crate) states: Option<PathBuf>,
    /// The data directory of `up`, for its lake, where neither FILES nor --lake is given and stdin is a terminal.
    #[arg(long, value_name = "DIR", default_value = crate::data::DEFAULT)]
    pub(crate) data: PathBuf,
}

/// How a report is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// Tables for people.
    #[default]
    Table,
    /// One JSON object.
    Json,
    /// One YAML document.
    Yaml,
    /// The first table as comma-separated values with a header; `'` stands before texts that a spreadsheet would
    /// compute, and hidden characters are spelt out (`\u{202e}`): take JSON for texts as they are.
    Csv,
}

/// A fold over what was asked for.
pub(crate) struct Answered<F> {
    /// Its state.
    pub(crate) fold: F,
    /// Whether some of the events could not be read; that was said.
    pub(crate) incomplete: bool,
}

impl Reporting {
    /// Folds what was asked for, and says to stderr what could not be read.
    ///
    /// # Errors
    /// When the recording or the lake cannot be found or read.
    pub(crate) fn answer<F: Fold>(&self) -> Result<Answered<F>, Failure> {
        match self.lake()? {
            Some(location) => self.of_lake(&location),
            None => self.of_lines(),
        }
    }

    /// The lake that is asked, if it is not recorded files or stdin.
    ///
    /// # Errors
    /// When the data directory has no usable path.
    pub(crate) fn lake(&self) -> anyhow::Result<Option<Location>> {
        lake_of(&self.recording, &self.data)
    }

    fn of_lake<F: Fold>(&self, location: &Location) -> Result<Answered<F>, Failure> {
        let lake = Lake::existing(location)?;
        let times = self.recording.times();
        let answer = insight::ask::<F>(&lake, &self.kept(location), times.as_ref(), replay::threads())?;
        answer.unreadable.iter().for_each(|file| say::aside(&file.why));
        Ok(Answered { fold: answer.fold, incomplete: !answer.unreadable.is_empty() })
    }

    fn of_lines<F: Fold>(&self) -> Result<Answered<F>, Failure> {
        let times = self.recording.times();
        let take = |fold: &mut F, part: Part| {
            taken(part, |place, lines| insight::take_lines(fold, place, lines, times.as_ref()))
        };
        let source = self.recording.find()?;
        let (fold, bad) = in_parts(&source, replay::threads(), F::default, take, Fold::merge)?;
        bad.tell();
        Ok(Answered { fold, incomplete: bad.count > 0 })
    }

    /// Finds events in what was asked for, and says to stderr what could not be read; and whether there was such.
    ///
    /// # Errors
    /// When the recording or the lake cannot be found or read.
    pub(crate) fn find(&self, query: &Query) -> Result<(Found, bool), Failure> {
        let times = self.recording.times();
        if let Some(location) = self.lake()? {
            let lake = Lake::existing(&location)?;
            let found = insight::find(&lake, query, times.as_ref(), replay::threads())?;
            found.unreadable.iter().for_each(|file| say::aside(&file.why));
            let incomplete = !found.unreadable.is_empty();
            return Ok((found, incomplete));
        }
        let take = |found: &mut Found, part: Part| {
            taken(part, |place, lines| found.take_lines(query, place, lines, times.as_ref()))
        };
        let merge = |found: &mut Found, other: Found| found.merge(other, query);
        let source = self.recording.find()?;
        let (found, bad) = in_parts(&source, replay::threads(), Found::default, take, merge)?;
        bad.tell();
        Ok((found, bad.count > 0))
    }

    /// Where states of this lake are kept.
    pub(crate) fn kept(&self, location: &Location) -> Kept {
        let directory = match &self.states {
            Some(directory) if directory.as_os_str() == "none" => return Kept::nowhere(),
            Some(directory) => Some(directory.clone()),
            None => caches(),
        };
        directory.map_or_else(Kept::nowhere, |directory| Kept::of_lake(&directory, &location.to_string()))
    }

    /// Tells the report: exit 0, or 1 when some of the events could not be read.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub(crate) fn tell<R: Serialize>(
        &self,
        report: &R,
        incomplete: bool,
        tables: impl FnOnce(&R) -> Vec<Table>,
    ) -> Result<ExitCode, Failure> {
        print(self.output, report, tables)?;
        Ok(ExitCode::from(u8::from(incomplete)))
    }
}

/// The lake that is asked, if it is not recorded files or stdin: the one named, or that of `data`.
///
/// # Errors
/// When the data directory has no usable path.
pub(crate) fn lake_of(recording: &Recording, data: &Path) -> anyhow::Result<Option<Location>> {
    let stdin = recording.files.is_empty() && std::io::IsTerminal::is_terminal(&std::io::stdin());
    match recording.location() {
        Some(location) => Ok(Some(location)),
        None if stdin => Ok(Some(Location::of(&Data::in_directory(data).lake()?))),
        None => Ok(None),
    }
}

/// Takes the lines of a part in; gives those that are no events.
fn taken(
    part: Part,
    take: impl FnOnce(&str, &[&[u8]]) -> Result<Vec<usize>, lake::LakeError>,
) -> replay::Bad {
    let lines: Vec<&[u8]> = part.lines.iter().map(|(range, _)| &part.text[range.clone()]).collect();
    let mut bad = part.bad;
    match take(&part.place, &lines) {
        Ok(no_events) => no_events.into_iter().for_each(|line| {
            bad.add(replay::no_event(&part.place, part.lines[line].1, lines[line]));
        }),
        Err(why) => bad.add(format!("{}: {why}", part.place)),
    }
    bad
}

/// Where this user's caches are, by the customs of the system.
fn caches() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let place = if cfg!(windows) {
        variable("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        variable("HOME").map(|home| home.join("Library/Caches"))
    } else {
        variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")))
    };
    place.map(|place| place.join("auditrail"))
}
