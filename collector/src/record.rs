//! What the queue's index keeps of a batch: the header beside the payload.
//!
//! The payload is the batch as it goes over the wire, so that it is sent again with the same identity for ever. The
//! header says what accounting needs without unpacking it.

use crate::tally::Tally;

const VERSION: u8 = 2;
const BYTES: usize = 1 + 2 * 4 + 9 * 8;

/// The header of a queued batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Number of the source.
    pub(crate) source: u32,
    /// Number of the file, per source.
    pub(crate) file: u32,
    /// Where its lines begin in the file.
    pub(crate) start: u64,
    /// Where they end.
    pub(crate) end: u64,
    /// Number of the first line that the batch covers.
    pub(crate) first: u64,
    /// Number of the last line that the batch covers.
    pub(crate) last: u64,
    /// Its events, and their bytes.
    pub(crate) kept: Tally,
    /// All events of the source before them.
    pub(crate) before: Tally,
    /// When they were read: microseconds since 1970-01-01 UTC.
    pub(crate) read_at_us: i64,
}

impl Header {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(BYTES);
        bytes.push(VERSION);
        bytes.extend(self.source.to_le_bytes());
        bytes.extend(self.file.to_le_bytes());
        let Header { kept, before, .. } = self;
        let counts = [kept.events, kept.bytes, before.events, before.bytes];
        let numbers = [self.start, self.end, self.first, self.last].into_iter().chain(counts);
        bytes.extend(numbers.flat_map(u64::to_le_bytes));
        bytes.extend(self.read_at_us.to_le_bytes());
        bytes
    }

    /// The header in `bytes`; none where this program did not write it.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Header> {
        if bytes.len() != BYTES || bytes[0] != VERSION {
            return None;
        }
        let (mut small, large) = bytes[1..].split_at(8);
        let mut next = || small.split_off(..4).and_then(|four| four.try_into().ok()).map(u32::from_le_bytes);
        let (source, file) = (next()?, next()?);
        let mut large = large.chunks_exact(8).filter_map(|eight| eight.try_into().ok());
        let mut next = || large.next().map(u64::from_le_bytes);
        let (start, end, first, last) = (next()?, next()?, next()?, next()?);
        let kept = Tally::new(next()?, next()?);
        let before = Tally::new(next()?, next()?);
        Some(Header { source, file, start, end, first, last, kept, before, read_at_us: next()? as i64 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_comes_back_as_it_was_and_nothing_else_is_one() {
        let kept = Tally::new(7, 8);
        let before = Tally::new(9, 10);
        let header =
            Header { source: 1, file: 2, start: 3, end: 4, first: 5, last: 6, kept, before, read_at_us: -9 };
        let bytes = header.encode();
        assert_eq!(Header::decode(&bytes), Some(header));
        assert_eq!(Header::decode(&bytes[1..]), None);
        assert_eq!(Header::decode(&[&[9], &bytes[1..]].concat()), None);
    }
}
