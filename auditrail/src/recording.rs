//! Recorded events as commands name them: files and directories, stdin, or the lake, between two moments.
//!
//! Promises: a line that is a list of events becomes its events; of the lake only the files of the hours asked for are
//! opened, and only the lines read; one line is in memory at a time.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use anyhow::{Context, anyhow, bail};
use arrow_array::cast::AsArray;
use lake::{File, Lake, Location, Partition};

use crate::lake_reach::Reach;
use crate::moment::Moment;
use crate::recorded::{Line, Place};

/// Where recorded events are.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Recording {
    /// Recorded events: files, directories (their *.log in rotation order, their *.json that begin as events do); one
    /// event a line, lists of events as the webhook posts them or kubectl prints them, or any other JSON of events; also
    /// packed with gzip or zstd; stdin when absent or `-`.
    #[arg(value_name = "FILES")]
    pub files: Vec<PathBuf>,
    /// Read the events of the lake there instead.
    #[arg(long, value_name = "URL", conflicts_with = "files")]
    pub lake: Option<String>,
    #[command(flatten)]
    pub reach: Reach,
    /// Only events of this moment or later: `2026-11-23T06:00:00Z` (`2026-11-23T06:00`,
    /// `2026-11-23`), or how long ago, as `24h`.
    #[arg(long, value_name = "TIME")]
    pub since: Option<Moment>,
    /// Only events before this moment.
    #[arg(long, value_name = "TIME")]
    pub until: Option<Moment>,
}

/// A recording that was found.
pub(crate) enum Source {
    /// Files, or stdin.
    Places(Vec<Place>),
    /// Files of a lake.
    Lake(Lake, Vec<File>),
}

impl Recording {
    /// Whether stdin is read.
    pub(crate) fn reads_stdin(&self) -> bool {
        let named = self.files.iter().any(|file| crate::policy_file::is_stdin(file));
        self.lake.is_none() && (self.files.is_empty() || named)
    }

    /// The lake that is named.
    pub(crate) fn location(&self) -> Option<Location> {
        self.lake.as_ref().map(|url| self.reach.to(url))
    }

    /// Finds it.
    ///
    /// # Errors
    /// When a file does not exist, the lake cannot be listed, or it has nothing of that time.
    pub(crate) fn find(&self) -> anyhow::Result<Source> {
        let Some(location) = self.location() else { return Ok(Source::Places(Place::all(&self.files)?)) };
        let lake = Lake::existing(&location)?;
        let mut files = lake.files()?;
        if files.is_empty() {
            bail!("the lake at {location} is empty: name the directory that `up` or a shipper writes to");
        }
        files.retain(|file| self.may_hold(file.partition));
        Ok(Source::Lake(lake, files))
    }

    /// Whether only events of some time are asked for.
    pub(crate) fn is_cut(&self) -> bool {
        self.since.is_some() || self.until.is_some()
    }

    /// Whether an event of this time is asked for; without a time only when every event is.
    pub(crate) fn asks_for(&self, time: Option<i64>) -> bool {
        if !self.is_cut() {
            return true;
        }
        let Some(time) = time else { return false };
        self.since.is_none_or(|since| since.0 <= time) && self.until.is_none_or(|until| time < until.0)
    }

    /// The times that are asked for; None when all are.
    pub(crate) fn times(&self) -> Option<std::ops::Range<i64>> {
        let bound = |moment: Option<Moment>, none| moment.map_or(none, |moment| moment.0);
        self.is_cut().then(|| bound(self.since, i64::MIN)..bound(self.until, i64::MAX))
    }

    fn may_hold(&self, hour: Partition) -> bool {
        let since = self.since.is_none_or(|since| Partition::of(since.0) <= hour);
        since && self.until.is_none_or(|until| hour.start_us() < until.0)
    }
}

impl Source {
    /// Without the files of a lake in which no event has this audit ID; a file that cannot tell stays.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub(crate) fn with_audit_id(self, id: &str) -> anyhow::Result<Source> {
        let Source::Lake(lake, files) = self else { return Ok(self) };
        let mut holding = Vec::new();
        for file in files {
            if has_audit_id(&lake, &file, id)? {
                holding.push(file);
            }
        }
        Ok(Source::Lake(lake, holding))
    }

    /// How many bytes are to be read, as far as that is known.
    pub(crate) fn bytes(&self) -> Option<u64> {
        match self {
            Source::Lake(_, files) => Some(files.iter().map(|file| file.bytes).sum()),
            Source::Places(places) => places
                .iter()
                .map(|place| match place {
                    Place::Stdin => None,
                    Place::File(path) => std::fs::metadata(path).ok().map(|data| data.len()),
                })
                .sum(),
        }
    }

    /// Calls `each` for every line, with the name of where it stands, and its number there.
    ///
    /// # Errors
    /// When reading fails, or what `each` returns.
    pub(crate) fn each_line(
        &self,
        read: &Arc<AtomicU64>,
        mut each: impl FnMut(&Arc<str>, Line<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        match self {
            Source::Places(places) => places.iter().try_for_each(|place| {
                let name: Arc<str> = place.name().into();
                place.each_line_counted(read, |line| each(&name, line))
            }),
            Source::Lake(lake, files) => files.iter().try_for_each(|file| {
                let name: Arc<str> = file.path.as_str().into();
                rows(lake, file, |line| each(&name, line))?;
                read.fetch_add(file.bytes, std::sync::atomic::Ordering::Relaxed);
                Ok(())
            }),
        }
    }
}

fn has_audit_id(lake: &Lake, file: &File, id: &str) -> anyhow::Result<bool> {
    for batch in lake.read(file, &["audit_id"])? {
        let batch = batch?;
        let ids = batch.column(0).as_string_opt::<i32>();
        if ids.is_none_or(|ids| ids.iter().any(|other| other == Some(id))) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The lines of one file of the lake.
fn rows(
    lake: &Lake,
    file: &File,
    mut each: impl FnMut(Line<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut number = 0;
    for batch in lake.read(file, &["raw"])? {
        let batch = batch?;
        let raw = batch.column(0).as_binary_opt::<i32>();
        let raw = raw.ok_or_else(|| anyhow!("`{}` has no column of lines", file.path))?;
        for line in raw.iter() {
            number += 1;
            let bytes = Ok(line.with_context(|| format!("`{}` has no line in row {number}", file.path))?);
            each(Line { number, bytes })?;
        }
    }
    Ok(())
}
