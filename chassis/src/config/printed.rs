//! A tree printed as YAML again, with the way back from each printed place to where it came from.
//!
//! Promise: what is printed reads as the tree says, one key or value a line, and an error at a printed line is
//! traced to the place in the file or to the variable behind it.

use super::document::{Entry, Node, Spot, Value};

/// The text, and for each of its lines what it came from.
pub(crate) struct Printed {
    pub(crate) text: String,
    lines: Vec<Line>,
}

/// What a printed line came from.
#[derive(Clone, Default)]
struct Line {
    key: Spot,
    value_column: u64,
    value: Spot,
    variable: Option<String>,
}

/// Where an error belongs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Source {
    File(Spot),
    Variable(String),
}

impl Printed {
    /// The mapping `{section: node}`.
    pub(crate) fn section(name: &str, entry: Spot, node: &Node) -> Self {
        let mut printed = Self { text: String::new(), lines: Vec::new() };
        printed.line("{", Line::default());
        printed.entry(&Entry { key: name.to_owned(), spot: entry, node: node.clone() });
        printed.line("}", Line::default());
        printed
    }

    /// What stands at `line` and `column` of the printed text (from 1).
    pub(crate) fn source(&self, line: u64, column: u64) -> Option<Source> {
        let index = usize::try_from(line.checked_sub(1)?).ok()?;
        let found = self.lines.get(index)?;
        if let Some(variable) = &found.variable {
            return Some(Source::Variable(variable.clone()));
        }
        let spot = if column < found.value_column { found.key } else { found.value };
        (spot.line > 0).then_some(Source::File(spot))
    }

    fn entry(&mut self, entry: &Entry) {
        let key = format!("{}: ", quoted(&entry.key));
        self.node(&key, entry.spot, &entry.node);
    }

    fn node(&mut self, before: &str, key: Spot, node: &Node) {
        let value_column = before.chars().count() as u64 + 1;
        let line = Line { key, value_column, value: node.spot, variable: node.variable.clone() };
        match &node.value {
            Value::Null => self.line(&format!("{before}null,"), line),
            Value::Plain(spelled) => self.line(&format!("{before}{spelled},"), line),
            Value::Text(said) => self.line(&format!("{before}{},", quoted(said)), line),
            Value::List(items) => {
                self.line(&format!("{before}["), line.clone());
                items.iter().for_each(|item| self.node("", item.spot, item));
                self.line("],", line);
            }
            Value::Map(entries) => {
                self.line(&format!("{before}{{"), line.clone());
                entries.iter().for_each(|entry| self.entry(entry));
                self.line("},", line);
            }
        }
    }

    fn line(&mut self, text: &str, line: Line) {
        self.text.push_str(text);
        self.text.push('\n');
        self.lines.push(line);
    }
}

/// `said` in double quotes, as YAML reads them.
fn quoted(said: &str) -> String {
    let mut quoted = String::with_capacity(said.len() + 2);
    quoted.push('"');
    for c in said.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            ' '..='~' => quoted.push(c),
            c => quoted.push_str(&format!("\\U{:08x}", u32::from(c))),
        }
    }
    quoted.push('"');
    quoted
}
