//! The table's schema, for those who read it.
//!
//! Invariant: names and order are those of the column table; operators' queries call them, so they stay.

use crate::LakeError;
use crate::columns::{COLUMNS, field};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use std::sync::{Arc, LazyLock};

static SCHEMA: LazyLock<SchemaRef> =
    LazyLock::new(|| Arc::new(Schema::new(COLUMNS.iter().map(field).collect::<Vec<_>>())));

/// The version of a file's meaning, which it names in its metadata: raised when a reader that does not know would read
/// something wrong. A further column is no reason: it is stepped
/// over by those who do not know it, and made of the lines where a file lacks it.
pub(crate) const FORMAT: u32 = 1;
/// What the metadata calls it.
pub(crate) const FORMAT_KEY: &str = "auditrail.version";

/// Names, types and order of the columns in a file. Times are microseconds in UTC; `raw` is binary, because
/// a line need not be UTF-8. `date` and `hour` are not among them: they are in the path.
pub fn schema() -> SchemaRef {
    SCHEMA.clone()
}

/// A file's columns, with these texts as dictionaries: of texts that repeat, each is unpacked once.
pub(crate) fn with_dictionaries(file: &Schema, columns: &[&str]) -> SchemaRef {
    let of = |field: &Arc<Field>| {
        let kind = match field.data_type() {
            _ if !columns.contains(&field.name().as_str()) => return field.clone(),
            DataType::Utf8 => dictionary(),
            DataType::List(texts) if *texts.data_type() == DataType::Utf8 => {
                DataType::List(Arc::new(texts.as_ref().clone().with_data_type(dictionary())))
            }
            _ => return field.clone(),
        };
        Arc::new(field.as_ref().clone().with_data_type(kind))
    };
    Arc::new(Schema::new(file.fields().iter().map(of).collect::<Vec<_>>()))
}

fn dictionary() -> DataType {
    DataType::Dictionary(DataType::Int32.into(), DataType::Utf8.into())
}

/// Refuses a column that the table does not have.
pub(crate) fn check(columns: &[&str]) -> Result<(), LakeError> {
    let known = || COLUMNS.iter().map(|column| column.name);
    match columns.iter().find(|name| !known().any(|known| known == **name)) {
        Some(name) => {
            Err(LakeError::Column { name: (*name).into(), known: known().collect::<Vec<_>>().join(", ") })
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever changes this list changes every operator's queries.
    #[test]
    fn names_types_and_order_of_the_columns_stay() {
        let schema = schema();
        let columns = schema.fields().iter().map(|field| {
            let null = if field.is_nullable() { "" } else { " not null" };
            format!("{}: {}{null}", field.name(), field.data_type())
        });
        let columns: Vec<String> = columns.collect();
        assert_eq!(columns.join("\n"), include_str!("../tests/columns.txt").trim_end());
    }

    #[test]
    fn the_documented_table_is_that_of_the_code() {
        let page = include_str!("../../docs/lake.md");
        let table = page.split("| column | type | from |").nth(1).unwrap().split("\n\n").next().unwrap();
        let rows = table.lines().skip(2).map(|row| row.split('|').map(str::trim).collect::<Vec<_>>());
        let told: Vec<_> = rows.map(|row| format!("{}: {}", row[1].trim_matches('`'), row[2])).collect();
        let schema = schema();
        let columns = schema.fields().iter().map(|field| {
            let null = if field.is_nullable() { "" } else { " not null" };
            let kind = match field.data_type() {
                DataType::List(_) => "List(Utf8)".to_owned(),
                DataType::Map(..) => "Map(Utf8, Utf8)".to_owned(),
                plain => plain.to_string(),
            };
            format!("{}: {kind}{null}", field.name())
        });
        let columns: Vec<String> = columns.collect();
        let (last, told) = told.split_last().unwrap();
        assert_eq!(told, columns);
        assert!(last.starts_with("date`, `hour"), "{last}");
    }

    #[test]
    fn an_unknown_column_is_refused_with_the_known_ones() {
        let message = check(&["verb", "usr"]).unwrap_err().to_string();
        assert!(message.contains("no column `usr`; it has time, received,"), "{message}");
    }
}
