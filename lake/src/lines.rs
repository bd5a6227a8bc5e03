//! Recorded lines as rows of the table, without a lake.
//!
//! Promise: a line has the same values in the same columns here as in a file of the lake, so that whoever reads both
//! sees no difference.

use arrow_array::RecordBatch;

use crate::columns::Columns;
use crate::row::Row;
use crate::{LakeError, Rows, schema};

/// The named columns of these lines, in the order of the lines; columns are in the table's order.
///
/// # Errors
/// [`LakeError::Column`] for a name that the table does not have; [`LakeError::Rows`] when the rows contradict
/// themselves; [`LakeError::Encode`] when they are too large for one batch (2 GiB of one column).
pub fn table(rows: &Rows<'_>, columns: &[&str]) -> Result<RecordBatch, LakeError> {
    schema::check(columns)?;
    rows.check()?;
    let mut table = Columns::named(columns);
    for line in 0..rows.lines.len() {
        table.append(&Row::new(rows, line));
    }
    table.finish().map_err(|error| LakeError::Encode {
        first: rows.first,
        last: rows.last,
        why: error.to_string(),
    })
}
