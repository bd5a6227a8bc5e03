//! What a queue holds and how it fares, as status and metrics show it.

use crate::damage::Damaged;

/// A snapshot of a queue's fill.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// Records that are queued and durable.
    pub records: u64,
    /// Bytes of their payloads.
    pub payload_bytes: u64,
    /// Bytes of all segment files, removed records and room ahead included; the index is not counted.
    pub disk_bytes: u64,
    /// What counts against `limit`: bytes written into segments that still exist, and what waits to be written.
    pub used_bytes: u64,
    /// `max_bytes`.
    pub limit: u64,
    /// Records found damaged since the queue was opened, the opening included.
    pub damaged_records: u64,
    /// Their bytes.
    pub damaged_bytes: u64,
    /// Position of the oldest record, if any.
    pub oldest: Option<u64>,
    /// Why the last group was not written; empty again after the next one that is.
    pub last_error: Option<String>,
}

/// What opening a queue found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Opened {
    /// There was no queue yet.
    pub fresh: bool,
    /// The last writer closed the queue; otherwise every record's CRC was checked.
    pub clean: bool,
    /// The index was missing or damaged, and was built from the segments.
    pub rebuilt_index: bool,
    /// The newest state could not be proven, so the queue has a new id.
    pub renewed_id: bool,
    /// Records that the segments had beyond the index, and that are queued now.
    pub replayed: u64,
    /// Bytes cut off the end because of an unfinished, never acknowledged group, with the room ahead behind it.
    pub cut_bytes: u64,
    /// Records found damaged, or lost, and set aside.
    pub damaged_records: u64,
    /// Their bytes.
    pub damaged_bytes: u64,
    /// All of them, and what was damaged between records; no more than the segments held. They are told of this once:
    /// [`Options::note`](crate::Options::note) keeps what is needed of them.
    pub damaged: Vec<Damaged>,
}
