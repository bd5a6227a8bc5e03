//! Tables of a report.
//!
//! Promises: a table says the same as text and as CSV; what clients wrote is text in every format, as [`spelt`] says.

use anyhow::Context;
use comfy_table::presets::UTF8_BORDERS_ONLY;
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table as Drawn, Width};
use serde::Serialize;

use crate::report::Output;
use crate::say;
use crate::spelt::{self, shown};

/// Columns are no wider than this; what is longer goes on in the next line.
const WIDEST: u16 = 60;

/// A table with a title above and notes below.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    /// What it is about; empty for none.
    pub(crate) title: String,
    /// The names of the columns; with a `#` in front for columns of numbers.
    pub(crate) columns: Vec<&'static str>,
    /// The rows.
    pub(crate) rows: Vec<Vec<String>>,
    /// What else is to be said.
    pub(crate) notes: Vec<String>,
}

impl Table {
    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        if !self.title.is_empty() {
            text.push_str(&format!("{}\n", shown(&self.title)));
        }
        if self.rows.is_empty() {
            text.push_str("  none\n");
        } else {
            text.push_str(&format!("{}\n", self.drawn()));
        }
        self.notes.iter().for_each(|note| text.push_str(&format!("  {}\n", shown(note))));
        text
    }

    /// Says to stderr, where notes have no place, that there are more rows.
    fn tell_more(&self) {
        let more = self.notes.iter().filter(|note| note.ends_with("more rows: see --limit"));
        more.for_each(|note| crate::say::aside(&shown(note)));
    }

    /// Without those of the first `most` columns in which no row has anything.
    pub(crate) fn without_empty_columns(mut self, most: usize) -> Table {
        for column in (0..most).rev() {
            if !self.rows.is_empty() && self.rows.iter().all(|row| row[column].is_empty()) {
                self.columns.remove(column);
                self.rows.iter_mut().for_each(|row| drop(row.remove(column)));
            }
        }
        self
    }

    /// Rows whose columns are named only when they are there, for people.
    pub(crate) fn of_rows(columns: Vec<String>, rows: Vec<Vec<String>>) -> String {
        if rows.is_empty() {
            return "  none\n".into();
        }
        let mut drawn = empty();
        drawn.set_header(columns.iter().map(|name| shown(name)));
        rows.iter().for_each(|row| {
            drawn.add_row(row.iter().map(|cell| shown(cell)));
        });
        format!("{drawn}\n")
    }

    fn drawn(&self) -> Drawn {
        let mut drawn = empty();
        drawn.set_header(self.columns.iter().map(|name| name.trim_start_matches('#')));
        self.rows.iter().for_each(|row| {
            drawn.add_row(row.iter().map(|cell| shown(cell)));
        });
        for (column, name) in drawn.column_iter_mut().zip(&self.columns) {
            column.set_constraint(ColumnConstraint::UpperBoundary(Width::Fixed(WIDEST)));
            if name.starts_with('#') {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        drawn
    }

    /// For programs and spreadsheets: numbers without separators, texts as [`spelt::cell`] says.
    ///
    /// # Errors
    /// None that can happen while writing to memory.
    pub(crate) fn csv(&self) -> anyhow::Result<String> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(self.columns.iter().map(|name| name.trim_start_matches('#')))?;
        for row in &self.rows {
            let numbers = row.iter().zip(&self.columns);
            writer.write_record(numbers.map(|(cell, name)| match name.starts_with('#') {
                true => spelt::cell(&cell.replace(',', "")),
                false => spelt::cell(cell),
            }))?;
        }
        let bytes = writer.into_inner().map_err(|error| error.into_error())?;
        String::from_utf8(bytes).context("the table is text")
    }
}

/// Tells a report to stdout.
///
/// # Errors
/// When stdout cannot be written.
pub(crate) fn print<R: Serialize>(
    output: Output,
    report: &R,
    tables: impl FnOnce(&R) -> Vec<Table>,
) -> anyhow::Result<()> {
    let text = match output {
        Output::Json => {
            spelt::json(serde_json::to_string_pretty(report).context("the report cannot be written")?) + "\n"
        }
        Output::Yaml => spelt::yaml(report).context("the report cannot be written")?,
        Output::Csv => {
            let first = tables(report).into_iter().next();
            first.iter().for_each(Table::tell_more);
            first.as_ref().map(Table::csv).transpose()?.unwrap_or_default()
        }
        Output::Table => tables(report).iter().map(Table::text).collect::<Vec<_>>().join("\n"),
    };
    say::result(&text)
}

fn empty() -> Drawn {
    let mut drawn = Drawn::new();
    drawn.load_style(UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_says_the_same_as_text_and_as_csv() {
        let table = Table {
            title: "calls".into(),
            columns: vec!["user", "#count"],
            rows: vec![vec!["a,\"b\"".into(), "1,234".into()]],
            notes: vec!["that was all".into()],
        };
        assert_eq!(table.csv().unwrap(), "user,count\n\"a,\"\"b\"\"\",1234\n");
        let text = table.text();
        assert!(
            text.contains("1,234") && text.contains("a,\"b\"") && text.contains("that was all"),
            "{text}"
        );
    }
}
