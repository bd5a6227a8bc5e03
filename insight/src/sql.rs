//! SQL over the table `events`: SQLite asks, the lake or recorded files answer.
//!
//! Promises: nothing can be written, no other database opened, no extension loaded; only the columns that the question
//! names are read, and only the hours and row groups that its times can be in; a question ends at its time limit, when
//! it is cancelled (both at the next of SQLite's steps, see [`guard`]), and at the limits of its memory; rows are given
//! one by one and never collected.
//!
//! The way of a question: [`ask`] makes a database in memory that knows nothing but [`table`]; SQLite tells the table
//! which columns and bounds it needs ([`wanted`]), the table reads batches from [`Events`] and makes values ([`cells`]).

mod cells;
mod columns;
mod error;
mod events;
mod guard;
mod moments;
mod table;
mod wanted;

use std::io;
use std::sync::Arc;

use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Rows, Statement};

pub use columns::names;
pub use error::SqlError;
pub use events::{Events, LakeEvents, Piece, Scan, Slice};
pub use guard::Stop;
pub use wanted::Wanted;

/// The most memory that SQLite takes for a question: what is sorted or grouped goes to temporary files beyond less.
const MEMORY: u64 = 192 << 20;
/// How much of that are pages of tables and sorters.
const PAGES_KIB: u64 = 32 << 10;
/// The longest text or blob.
const LONGEST: i32 = 64 << 20;

/// A value of a result.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'r> {
    /// Nothing.
    Null,
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Real(f64),
    /// Text; what is no UTF-8 of it replaced.
    Text(&'r str),
    /// Bytes.
    Blob(&'r [u8]),
}

/// Who takes the rows of a result.
pub trait Sink {
    /// The names of the columns, once, before any row.
    ///
    /// # Errors
    /// When they cannot be written; that ends the question.
    fn columns(&mut self, names: &[String]) -> io::Result<()>;

    /// A row; says whether more are wanted.
    ///
    /// # Errors
    /// When it cannot be written; that ends the question.
    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<bool>;
}

/// What a question came to besides its rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// How many rows were given.
    pub rows: u64,
    /// Whether there were more rows than the sink wanted.
    pub more: bool,
    /// What could not be read and is missing in the answer.
    pub troubles: Vec<String>,
}

/// Asks `question`, one statement, and gives its rows to `sink`.
///
/// # Errors
/// See [`SqlError`]. Rows that were given before are right.
pub fn ask(
    events: Arc<dyn Events>,
    question: &str,
    stop: &Arc<Stop>,
    sink: &mut dyn Sink,
) -> Result<Told, SqlError> {
    let shared = table::Shared::new(events, stop.clone());
    let asked = told(&shared, question, stop, sink);
    let troubles = shared.troubles();
    asked.map(|(rows, more)| Told { rows, more, troubles })
}

fn told(
    shared: &table::Shared,
    question: &str,
    stop: &Arc<Stop>,
    sink: &mut dyn Sink,
) -> Result<(u64, bool), SqlError> {
    let failed = |error| error::of(error, question, stop, shared);
    let connection = open(shared, stop).map_err(failed)?;
    let mut statement = connection.prepare(question).map_err(failed)?;
    if !statement.readonly() {
        return Err(SqlError::ReadOnly);
    }
    if statement.column_count() == 0 {
        return Err(SqlError::Nothing);
    }
    if statement.parameter_count() > 0 {
        return Err(SqlError::Parameters);
    }
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    sink.columns(&names).map_err(SqlError::Sink)?;
    give(&mut statement, sink, failed)
}

fn give(
    statement: &mut Statement<'_>,
    sink: &mut dyn Sink,
    failed: impl Fn(rusqlite::Error) -> SqlError,
) -> Result<(u64, bool), SqlError> {
    let width = statement.column_count();
    let mut rows: Rows<'_> = statement.query([]).map_err(&failed)?;
    let mut given = 0;
    let mut wanted = true;
    while let Some(row) = rows.next().map_err(&failed)? {
        if !wanted {
            return Ok((given, true));
        }
        let values = (0..width).map(|column| row.get_ref(column));
        let values = values.collect::<Result<Vec<_>, _>>().map_err(&failed)?;
        let texts: Vec<_> = values.iter().map(text).collect();
        let cells: Vec<Cell<'_>> =
            values.iter().zip(&texts).map(|(value, text)| cell(*value, text.as_deref())).collect();
        wanted = sink.row(&cells).map_err(SqlError::Sink)?;
        given += 1;
    }
    Ok((given, false))
}

fn text<'r>(value: &ValueRef<'r>) -> Option<std::borrow::Cow<'r, str>> {
    match value {
        ValueRef::Text(bytes) => Some(String::from_utf8_lossy(bytes)),
        _ => None,
    }
}

fn cell<'r>(value: ValueRef<'r>, text: Option<&'r str>) -> Cell<'r> {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Integer(number),
        ValueRef::Real(number) => Cell::Real(number),
        ValueRef::Text(_) => Cell::Text(text.unwrap_or_default()),
        ValueRef::Blob(bytes) => Cell::Blob(bytes),
    }
}

/// A database in memory with the one table, closed to everything but questions.
fn open(shared: &table::Shared, stop: &Arc<Stop>) -> rusqlite::Result<Connection> {
    let mut connection = Connection::open_in_memory()?;
    connection
        .execute_batch(&format!(
            "PRAGMA cache_size = -{PAGES_KIB}; PRAGMA temp_store = 1; PRAGMA hard_heap_limit = {MEMORY}; \
         PRAGMA trusted_schema = 0; PRAGMA query_only = 1;"
        ))
        .or_else(|error| match error {
            // These pragmas give rows.
            rusqlite::Error::ExecuteReturnedResults => Ok(()),
            error => Err(error),
        })?;
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, LONGEST)?;
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    connection.create_collation(moments::COLLATION, moments::compare)?;
    table::register(&connection, shared)?;
    guard::close(&mut connection, stop)?;
    Ok(connection)
}
