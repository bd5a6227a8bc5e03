//! `sql`: a question in SQL to recorded files or the lake.
//!
//! Promises: nothing is written but the answer; a question ends at its time limit and on Ctrl-C ([`ending`]); CSV, JSON
//! and YAML are written row by row as they come, a table holds a bounded number of rows and says when there were more.

mod ending;
mod recorded_events;
mod rows;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use insight::sql::{Events, LakeEvents, SqlError, Stop, Told};
use lake::Lake;

use crate::exit::Failure;
use crate::print::grouped;
use crate::recording::Recording;
use crate::report::{Output, lake_of};
use crate::{replay, say};
use ending::Watch;
use recorded_events::RecordedEvents;
use rows::Rows;

/// How many rows a table has unless another number is given: it is held in memory.
const TABLE_ROWS: u64 = 1000;

/// `auditrail sql`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Sql {
    /// One SELECT over the table `events`; see docs/sql.md for its columns, or ask `SELECT * FROM events LIMIT 1`.
    #[arg(value_name = "QUERY")]
    query: String,
    #[command(flatten)]
    recording: Recording,
    /// How to tell the rows.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    output: Output,
    /// Stop after this long (`90s`, `5m`).
    #[arg(long, value_name = "TIME", default_value = "60s")]
    timeout: chassis::Span,
    /// Stop after this many rows. Default: 1000 as a table, else all.
    #[arg(long, value_name = "N")]
    max_rows: Option<u64>,
    /// The data directory of `up`, for its lake, where neither FILES nor --lake is given and stdin is a terminal.
    #[arg(long, value_name = "DIR", default_value = crate::data::DEFAULT)]
    data: PathBuf,
}

/// Exit 0; 1 when some events could not be read, or it was stopped; 64 when it is no question.
///
/// # Errors
/// When the recording or the lake cannot be found or read, or the question has no answer.
pub(crate) fn sql(asked: &Sql) -> Result<ExitCode, Failure> {
    let events = asked.events()?;
    let stop = Stop::after(asked.timeout.duration());
    ending::on_interrupt(&stop)?;
    let most = asked.max_rows.or((asked.output == Output::Table).then_some(TABLE_ROWS));
    let mut rows = Rows::new(asked.output, most.unwrap_or(u64::MAX));
    let watch = Watch::over(&stop);
    let answer = insight::sql::ask(events, &asked.query, &stop, &mut rows);
    watch.end();
    match answer {
        Ok(told) => tell(&told, rows),
        Err(SqlError::Sink(error)) => {
            say::unless_enough(say::written(Err(error)))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) if is_no_question(&error) => Err(Failure::usage(error)),
        Err(error) => Err(error.into()),
    }
}

/// Whether it can never have an answer, whatever the events are.
fn is_no_question(error: &SqlError) -> bool {
    use SqlError::{Mistake, Nothing, Parameters, ReadOnly};
    matches!(error, Mistake { .. } | Nothing | ReadOnly | Parameters)
}

fn tell(told: &Told, rows: Rows) -> Result<ExitCode, Failure> {
    say::unless_enough(say::written(rows.finish()))?;
    if told.more {
        say::aside(&format!("there are more than {} rows: see --max-rows, or LIMIT", grouped(told.rows)));
    }
    told.troubles.iter().for_each(|trouble| say::aside(trouble));
    Ok(ExitCode::from(u8::from(!told.troubles.is_empty())))
}

impl Sql {
    fn events(&self) -> anyhow::Result<Arc<dyn Events>> {
        let Some(location) = lake_of(&self.recording, &self.data)? else {
            return Ok(Arc::new(RecordedEvents::new(self.recording.clone())));
        };
        Ok(Arc::new(LakeEvents {
            lake: Arc::new(Lake::existing(&location)?),
            times: self.recording.times(),
            threads: replay::threads(),
        }))
    }
}
