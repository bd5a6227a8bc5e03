//! The columns of `events` as SQL sees them.
//!
//! Promises: the lake's columns under their names and in their order, then what its paths tell; lists and maps are JSON,
//! times are text that sorts.

use std::fmt::Write as _;

use lake::schema;

use super::moments::COLLATION;

/// Where these columns are.
pub(crate) const TIME: usize = 0;
/// `received`, which recorded lines do not tell.
pub(crate) const RECEIVED: usize = 1;

/// How many columns are in a file.
pub(crate) fn in_files() -> usize {
    schema().fields().len()
}

/// What the path tells, and what SQL cannot compute without losing digits.
pub(crate) const DERIVED: [(&str, &str); 3] =
    [("date", "TEXT"), ("hour", "INTEGER"), ("time_us", "INTEGER HIDDEN")];

/// The names of all columns, in their order.
#[must_use]
pub fn names() -> Vec<String> {
    let schema = schema();
    let files = schema.fields().iter().map(|field| field.name().clone());
    files.chain(DERIVED.iter().map(|(name, _)| (*name).to_owned())).collect()
}

/// The table as SQLite wants it declared.
pub(crate) fn declaration() -> String {
    let mut text = String::from("CREATE TABLE events(");
    for (index, field) in schema().fields().iter().enumerate() {
        let kind = match index {
            TIME | RECEIVED => format!("TEXT COLLATE {COLLATION}"),
            _ if field.data_type().is_integer() => "INTEGER".into(),
            _ if field.name() == "raw" => "BLOB".into(),
            _ => "TEXT".into(),
        };
        let _ = write!(text, "\"{}\" {kind}, ", field.name());
    }
    let derived = DERIVED.map(|(name, kind)| format!("\"{name}\" {kind}"));
    text + &derived.join(", ") + ")"
}
