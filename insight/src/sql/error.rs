//! Why a question has no answer, told so that the next one has.
//!
//! Promise: a mistake is told with its line and column in the question, and an unknown name with those that exist.

use std::io;
use std::time::Duration;

use rusqlite::ErrorCode;

use super::columns;
use super::guard::Stop;
use super::table::Shared;

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    /// The question is not SQL, or names what does not exist.
    #[error("SQL: {what}{}{}", place.map(|(line, column)| format!(" (line {line}, column {column})")).unwrap_or_default(), names.as_ref().map(|names| format!("; {names}")).unwrap_or_default())]
    Mistake {
        /// What SQLite says.
        what: String,
        /// Line and column in the question, counted from 1.
        place: Option<(usize, usize)>,
        /// What there is to be named.
        names: Option<String>,
    },
    /// Nothing is asked.
    #[error(
        "SQL: nothing is asked: ask for example `SELECT user, verb, count(*) FROM events GROUP BY user, verb`, \
         see `auditrail sql --help`"
    )]
    Nothing,
    /// It would write, open or change something.
    #[error(
        "SQL: only questions are answered: SELECT, WITH, VALUES and EXPLAIN; nothing can be written, attached or set"
    )]
    ReadOnly,
    /// It has parameters, which nobody fills.
    #[error("SQL: the question has parameters (`?`, `:name`), which nothing fills: write the values")]
    Parameters,
    /// It took too long.
    #[error("SQL: stopped after {} s: ask for fewer hours (`WHERE date = ...`, --since), or raise --timeout", .0.as_secs_f64())]
    TimedOut(Duration),
    /// It was cancelled.
    #[error("SQL: cancelled")]
    Cancelled,
    /// SQLite wanted more memory than it may have.
    #[error("SQL: needs more than {} MiB of memory: group or select fewer columns (`raw` is the large one)", super::MEMORY >> 20)]
    Memory,
    /// The events would be read once for each row of something else.
    #[error(
        "SQL: this reads the events again for every row of something else, and was stopped after {0} times; \
         read each side once: WITH a AS MATERIALIZED (SELECT ... FROM events WHERE ...) SELECT ... FROM a JOIN ..."
    )]
    Again(u64),
    /// Something went wrong while it ran.
    #[error("SQL: {0}")]
    Failed(String),
    /// Its rows could not be written.
    #[error("the rows cannot be written")]
    Sink(#[source] io::Error),
}

/// What SQLite's error means for whoever asked.
pub(crate) fn of(error: rusqlite::Error, question: &str, stop: &Stop, shared: &Shared) -> SqlError {
    if let Some(times) = shared.too_often() {
        return SqlError::Again(times);
    }
    match &error {
        rusqlite::Error::SqlInputError { msg, offset, error, .. } => match error.code {
            ErrorCode::AuthorizationForStatementDenied => SqlError::ReadOnly,
            _ => mistake(msg, usize::try_from(*offset).ok(), question),
        },
        rusqlite::Error::MultipleStatement => {
            mistake("more than one statement: ask one at a time", None, question)
        }
        rusqlite::Error::SqliteFailure(failure, message) => match failure.code {
            ErrorCode::OperationInterrupted => stop.why(),
            ErrorCode::AuthorizationForStatementDenied => SqlError::ReadOnly,
            ErrorCode::OutOfMemory => SqlError::Memory,
            _ if message.as_ref().is_some_and(|what| what.ends_with("may not be modified")) => {
                SqlError::ReadOnly
            }
            // SQLite tells no place of these.
            _ if message.as_ref().is_some_and(|what| what.starts_with("no such ")) => {
                mistake(message.as_deref().unwrap_or_default(), None, question)
            }
            _ => SqlError::Failed(message.clone().unwrap_or_else(|| error.to_string())),
        },
        error => SqlError::Failed(error.to_string()),
    }
}

fn mistake(what: &str, offset: Option<usize>, question: &str) -> SqlError {
    let place = offset.and_then(|offset| question.get(..offset)).map(|before| {
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        (line, column)
    });
    let names = if what.starts_with("no such column") {
        Some(format!("columns of `events`: {}", columns::names().join(", ")))
    } else if what.starts_with("no such table") {
        Some("the table is `events`".to_owned())
    } else {
        None
    };
    SqlError::Mistake { what: what.to_owned(), place, names }
}
