//! Where damaged bytes go: out of the way, never silently.
//!
//! Promise: what is set aside is counted, and kept under `damaged/` as long as that directory stays below its limit;
//! beyond it, bytes are counted only.

/// One damaged place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damaged {
    /// Number of the segment file.
    pub segment: u64,
    /// Where the damage begins in it.
    pub offset: u64,
    /// How many bytes it covers.
    pub bytes: u64,
    /// The record that was there, if that is known.
    pub position: Option<u64>,
    /// Its header, if that is known.
    pub header: Option<Vec<u8>>,
}
