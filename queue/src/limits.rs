//! What one operation may hold, checked before it is handed over.

use crate::entry::{MAX_HEADER, MAX_KEY, MAX_VALUE};
use crate::error::Refused;
use crate::handover::Operation;

/// The bytes that the operation takes in a segment, if every part of it is within its bounds.
pub(crate) fn check(operation: &Operation, largest: u64) -> Result<u64, Refused> {
    for record in &operation.records {
        within("header", record.header.len(), MAX_HEADER)?;
        within("payload", record.payload.len(), largest as usize)?;
    }
    for put in &operation.puts {
        within("state key", put.key.len(), MAX_KEY)?;
        within("state value", put.value.as_ref().map_or(0, Vec::len), MAX_VALUE)?;
    }
    let size = 64;
    within("operation", size as usize, largest as usize)?;
    Ok(size)
}

fn within(what: &'static str, bytes: usize, limit: usize) -> Result<(), Refused> {
    if bytes > limit {
        Err(Refused::TooLarge { what, bytes: bytes as u64, limit: limit as u64 })
    } else {
        Ok(())
    }
}
