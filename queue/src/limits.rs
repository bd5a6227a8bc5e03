//! What one operation may hold, checked before it is handed over.
//!
//! Promise: an operation that passes can be written, listed and read back; whoever builds one that does not is told
//! which part is too large.

use crate::commit::Commit;
use crate::entry::{MAX_HEADER, MAX_KEY, MAX_VALUE};
use crate::error::Refused;
use crate::handover::Operation;
use crate::record::{self, MAX_META};

/// The bytes that the operation takes in a segment, if every part of it is within its bounds.
pub(crate) fn check(operation: &Operation, largest: u64) -> Result<u64, Refused> {
    for record in &operation.records {
        within("header", record.header.len() as u64, MAX_HEADER as u64)?;
    }
    for put in &operation.puts {
        within("state key", put.key.len() as u64, MAX_KEY as u64)?;
        within("state value", put.value.as_ref().map_or(0, Vec::len) as u64, MAX_VALUE as u64)?;
    }
    let commit = Commit::encoded_len(operation.removals.len(), &operation.puts);
    within("list of removals and state changes", commit as u64, MAX_META as u64)?;
    let records =
        operation.records.iter().map(|record| record::size(record.header.len(), record.payload.len()));
    let size = records.sum::<u64>() + record::size(commit, 0);
    within("operation", size, largest)?;
    Ok(size)
}

fn within(what: &'static str, bytes: u64, limit: u64) -> Result<(), Refused> {
    if bytes > limit { Err(Refused::TooLarge { what, bytes, limit }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::entry::Put;
    use crate::handover::Data;

    fn refused(header: usize, payload: usize, value: usize) -> Option<&'static str> {
        let record = Data { position: None, header: vec![0; header], payload: Bytes::from(vec![0; payload]) };
        let puts = vec![Put::set("key", vec![0; value])];
        let operation = Operation { records: vec![record], puts, ..Operation::default() };
        match check(&operation, 100_000) {
            Ok(_) => None,
            Err(Refused::TooLarge { what, .. }) => Some(what),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn what_is_too_large_is_named() {
        assert_eq!(refused(MAX_HEADER, 10, 10), None);
        assert_eq!(refused(MAX_HEADER + 1, 10, 10), Some("header"));
        assert_eq!(refused(0, 10, MAX_VALUE + 1), Some("state value"));
        assert_eq!(refused(0, 100_000, 0), Some("operation"));
    }
}
