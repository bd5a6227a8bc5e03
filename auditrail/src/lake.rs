//! `lake compact` and `verify`: the lake's own.
//!
//! Promises: compacting changes files and no row; verifying changes nothing, and fails when something is wrong.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use insight::reports::verify::{Verified, verify};
use lake::{Lake as Table, Location, Merged, Merging};

use crate::data::Data;
use crate::exit::Failure;
use crate::lake_reach::Reach;
use crate::moment::{self, Moment};
use crate::print::{bytes, grouped};
use crate::report::Output;
use crate::say;
use crate::table::{Table as Printed, print};

/// `auditrail lake`.
#[derive(Debug, Subcommand)]
pub(crate) enum Lake {
    /// Merge the small files of each hour into larger ones, now.
    Compact(Compact),
    /// Print the statement that makes the table `events` of the lake in another engine.
    Ddl(crate::lake_ddl::Ddl),
}

/// Which lake.
#[derive(Debug, Clone, Args)]
pub(crate) struct Which {
    /// The lake's address. Default: that of the data directory.
    #[arg(long, value_name = "URL")]
    lake: Option<String>,
    #[command(flatten)]
    reach: Reach,
    /// The data directory of `up`.
    #[arg(long, value_name = "DIR", default_value = crate::data::DEFAULT)]
    data: PathBuf,
}

/// `auditrail lake compact`.
#[derive(Debug, Args)]
pub(crate) struct Compact {
    #[command(flatten)]
    which: Which,
    /// Only hours that ended before this moment. Default: an hour ago.
    #[arg(long, value_name = "TIME", default_value = "1h")]
    before: Moment,
    /// How large files become, packed.
    #[arg(long, value_name = "SIZE", default_value = "64MiB")]
    file_size: chassis::ByteSize,
}

/// `auditrail verify`.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    which: Which,
    /// How to tell it.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    output: Output,
}

impl Which {
    fn open(&self) -> Result<Table, Failure> {
        Ok(Table::existing(&self.location()?)?)
    }

    /// Where the lake is.
    ///
    /// # Errors
    /// When the data directory has no usable path.
    pub(crate) fn location(&self) -> anyhow::Result<Location> {
        match &self.lake {
            Some(url) => Ok(self.reach.to(url)),
            None => Ok(Location::of(&Data::in_directory(&self.data).lake()?)),
        }
    }
}

/// Does what was asked for.
///
/// # Errors
/// When the lake is not there, or cannot be read or written; with `ddl`, when the engine cannot have it.
pub(crate) fn lake(command: &Lake) -> Result<ExitCode, Failure> {
    match command {
        Lake::Compact(compact) => compacted(compact),
        Lake::Ddl(ddl) => crate::lake_ddl::ddl(ddl),
    }
}

/// Exit 0 when all that could be merged is.
fn compacted(compact: &Compact) -> Result<ExitCode, Failure> {
    let lake = compact.which.open()?;
    // Merging is safe at any time; who asks by hand does not want to wait until an hour is quiet.
    let merging = Merging { after_us: 0, quiet_us: 0, target: compact.file_size.as_u64() };
    let mut done = Merged::default();
    for hour in lake.to_merge(&merging, moment::now_us())? {
        if hour.start_us() + 3_600_000_000 <= compact.before.0 {
            done.add(lake.merge(hour, &merging, moment::now_us(), &|| true)?);
        }
    }
    say::result(&format!(
        "{} files became {}, {} became {}\n",
        grouped(done.files),
        grouped(done.into),
        bytes(done.bytes_before),
        bytes(done.bytes_after)
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// Exit 0 when nothing is wrong, else 1.
///
/// # Errors
/// When the lake is not there or cannot be listed.
pub(crate) fn verified(arguments: &Verify) -> Result<ExitCode, Failure> {
    let found = verify(&arguments.which.open()?, &|| true)?;
    print(arguments.output, &found, tables)?;
    Ok(ExitCode::from(u8::from(found.wrong > 0)))
}

fn tables(found: &Verified) -> Vec<Printed> {
    let range = |(from, to): &(u64, u64)| if from == to { from.to_string() } else { format!("{from}-{to}") };
    let origins = found.origins.iter().map(|origin| {
        let numbers = [origin.rows, origin.first, origin.last, origin.missing, origin.repeated];
        let holes = origin.holes.iter().take(3).map(range).collect::<Vec<_>>().join(" ");
        let mut cells = vec![origin.origin.clone()];
        cells.extend(numbers.map(grouped));
        cells.push(holes);
        cells
    });
    let unnamed = found.wrong - found.findings.len() as u64;
    let mut notes = vec![format!(
        "{} rows in {} files, {}: {}",
        grouped(found.rows),
        grouped(found.files),
        bytes(found.bytes),
        if found.wrong == 0 {
            "nothing is wrong".to_owned()
        } else {
            format!("{} things are wrong", found.wrong)
        }
    )];
    notes.extend(found.findings.iter().map(|finding| format!("{}: {}", finding.path, finding.why)));
    notes.extend((unnamed > 0).then(|| format!("{unnamed} more")));
    vec![Printed {
        title: "The lake, by origin".into(),
        columns: vec!["origin", "#rows", "#first", "#last", "#missing", "#repeated", "first holes"],
        rows: origins.collect(),
        notes,
    }]
}
