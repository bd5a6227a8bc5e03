//! The rows of an answer, told as they come.
//!
//! Promises: CSV, JSON and YAML hold one row at a time; a table holds at most as many rows as were asked for, and cuts
//! long values; bytes that are no text are told as SQL writes them, `x'0a'`; two columns of one name are told apart; texts
//! are written as [`spelt`] says.

use std::io::{self, BufWriter, Stdout, Write};

use insight::sql::{Cell, Sink};
use serde::{Serialize, Serializer};
use serde_json::{Number, Value};

use crate::report::Output;
use crate::spelt;
use crate::table::Table;

/// The longest value in a table, in characters.
const LONGEST: usize = 200;

/// Rows on their way to stdout.
pub(crate) struct Rows {
    output: Output,
    most: u64,
    given: u64,
    names: Vec<String>,
    table: Vec<Vec<String>>,
    out: BufWriter<Stdout>,
}

impl Rows {
    /// At most so many.
    pub(crate) fn new(output: Output, most: u64) -> Rows {
        let out = BufWriter::new(io::stdout());
        Rows { output, most, given: 0, names: Vec::new(), table: Vec::new(), out }
    }

    /// Writes what ends the answer.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        match self.output {
            Output::Json => self.out.write_all(if self.given == 0 { b"[]\n" } else { b"\n]\n" })?,
            Output::Yaml if self.given == 0 => self.out.write_all(b"[]\n")?,
            Output::Table => {
                let rows = std::mem::take(&mut self.table);
                let columns = std::mem::take(&mut self.names);
                self.out.write_all(Table::of_rows(columns, rows).as_bytes())?;
            }
            Output::Yaml | Output::Csv => {}
        }
        self.out.flush()
    }

    fn csv(&mut self, cells: impl Iterator<Item = String>) -> io::Result<()> {
        let mut line = csv::Writer::from_writer(&mut self.out);
        line.write_record(cells.map(|cell| spelt::cell(&cell)))?;
        line.flush()
    }
}

impl Sink for Rows {
    fn columns(&mut self, names: &[String]) -> io::Result<()> {
        self.names = told_apart(names);
        match self.output {
            Output::Csv => {
                let names = self.names.clone();
                self.csv(names.into_iter())
            }
            _ => Ok(()),
        }
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<bool> {
        if self.given == self.most {
            return Ok(false);
        }
        match self.output {
            Output::Csv => self.csv(cells.iter().map(text))?,
            Output::Table => self.table.push(cells.iter().map(|cell| short(&text(cell))).collect()),
            Output::Json => {
                self.out.write_all(if self.given == 0 { b"[\n" } else { b",\n" })?;
                let row = serde_json::to_string(&Object { names: &self.names, cells })?;
                self.out.write_all(spelt::json(row).as_bytes())?;
            }
            Output::Yaml => {
                let row = spelt::yaml(&[Object { names: &self.names, cells }]).map_err(io::Error::other)?;
                self.out.write_all(row.as_bytes())?;
            }
        }
        self.given += 1;
        Ok(self.given < self.most)
    }
}

/// A row with the names of its columns, in their order.
struct Object<'r> {
    names: &'r [String],
    cells: &'r [Cell<'r>],
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.names.iter().zip(self.cells.iter().map(value)))
    }
}

/// `a, a` as `a, a_2`.
fn told_apart(names: &[String]) -> Vec<String> {
    let mut apart: Vec<String> = Vec::new();
    for name in names {
        let numbered = (2..).map(|number| format!("{name}_{number}"));
        let mut candidates = std::iter::once(name.clone()).chain(numbered);
        apart.extend(candidates.find(|candidate| !apart.contains(candidate)));
    }
    apart
}

fn text(cell: &Cell<'_>) -> String {
    match cell {
        Cell::Null => String::new(),
        Cell::Integer(number) => number.to_string(),
        Cell::Real(number) => number.to_string(),
        Cell::Text(text) => (*text).to_owned(),
        Cell::Blob(bytes) => hex(bytes),
    }
}

fn value(cell: &Cell<'_>) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Integer(number) => Value::from(*number),
        Cell::Real(number) => Number::from_f64(*number).map_or(Value::Null, Value::Number),
        Cell::Text(text) => Value::from(*text),
        Cell::Blob(bytes) => Value::from(hex(bytes)),
    }
}

fn hex(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("x'{digits}'")
}

fn short(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
