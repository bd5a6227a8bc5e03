//! What goes into a queue and what is listed from it.
//!
//! Positions are given once per queue id, rise with the order of appending, and stay with their record until it is
//! removed, wherever its bytes are moved.

/// Longest header of a record, in bytes.
pub const MAX_HEADER: usize = 1024;
/// Longest key of a state change, in bytes.
pub const MAX_KEY: usize = 1024;
/// Longest value of a state change, in bytes.
pub const MAX_VALUE: usize = 64 * 1024;

/// One change of the state that is kept beside the records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// At most [`MAX_KEY`] bytes.
    pub key: Vec<u8>,
    /// At most [`MAX_VALUE`] bytes; `None` deletes the key.
    pub value: Option<Vec<u8>>,
}

impl Put {
    /// Sets `key` to `value`.
    pub fn set(key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Put {
        Put { key: key.into(), value: Some(value.into()) }
    }

    /// Deletes `key`.
    pub fn delete(key: impl Into<Vec<u8>>) -> Put {
        Put { key: key.into(), value: None }
    }
}

/// A record as the index knows it, without its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Its place in the order of the queue.
    pub position: u64,
    /// What was given as header.
    pub header: Vec<u8>,
    /// Length of the payload.
    pub bytes: u32,
}

/// State keys with their values, in order of keys.
pub type State = Vec<(Vec<u8>, Vec<u8>)>;
