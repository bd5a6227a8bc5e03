//! What the index holds: one slot per record, and how far it has followed the segments.
//!
//! Invariant: `Applied::sum` is the sum of [`weight`] over all slots and all state, so that an index that lost or
//! changed anything is told from a good one when it is opened.

use crate::record::{self, Place};
use crate::wire::Reader;

const FORMAT: u8 = 1;

/// Where a record is, with its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) place: Place,
    pub(crate) payload: u32,
    pub(crate) header: Vec<u8>,
}

impl Slot {
    /// Bytes of the record in its segment.
    pub(crate) fn size(&self) -> u64 {
        record::size(self.header.len(), self.payload as usize)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(20 + self.header.len());
        out.extend_from_slice(&self.place.segment.to_le_bytes());
        out.extend_from_slice(&self.place.offset.to_le_bytes());
        out.extend_from_slice(&self.payload.to_le_bytes());
        out.extend_from_slice(&self.header);
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Slot> {
        let mut reader = Reader(bytes);
        let place = Place { segment: reader.u64()?, offset: reader.u64()? };
        let payload = reader.u32()?;
        Some(Slot { place, payload, header: reader.0.to_vec() })
    }
}

/// How far the index has followed, and what it then holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Applied {
    pub(crate) id: [u8; 16],
    pub(crate) seal: u64,
    /// Everything before this place is in the index.
    pub(crate) place: Place,
    /// Number of the last commit.
    pub(crate) txn: u64,
    /// The next position.
    pub(crate) next: u64,
    pub(crate) records: u64,
    pub(crate) payload_bytes: u64,
    pub(crate) sum: u64,
}

impl Applied {
    /// Of a new index.
    pub(crate) fn blank(id: [u8; 16], seal: u64) -> Applied {
        let place = Place { segment: 0, offset: 0 };
        Applied { id, seal, place, txn: 0, next: 1, records: 0, payload_bytes: 0, sum: 0 }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![FORMAT];
        out.extend_from_slice(&self.id);
        let Place { segment, offset } = self.place;
        let numbers =
            [self.seal, segment, offset, self.txn, self.next, self.records, self.payload_bytes, self.sum];
        out.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        out
    }

    /// `None` for another format too: such an index is built anew.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Applied> {
        let mut reader = Reader(bytes);
        if reader.u8()? != FORMAT {
            return None;
        }
        Some(Applied {
            id: reader.array()?,
            seal: reader.u64()?,
            place: Place { segment: reader.u64()?, offset: reader.u64()? },
            txn: reader.u64()?,
            next: reader.u64()?,
            records: reader.u64()?,
            payload_bytes: reader.u64()?,
            sum: reader.u64()?,
        })
    }
}

/// What one key with its value adds to [`Applied::sum`]: FNV-1a over both.
pub(crate) fn weight(key: &[u8], value: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let length = (key.len() as u32).to_le_bytes();
    for byte in length.iter().chain(key).chain(value) {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_and_progress_decode_to_what_was_encoded() {
        let slot = Slot { place: Place { segment: 1, offset: 2 }, payload: 3, header: b"head".to_vec() };
        assert_eq!(Slot::decode(&slot.encode()), Some(slot.clone()));
        let applied = Applied {
            id: [4; 16],
            seal: 5,
            place: slot.place,
            txn: 6,
            next: 7,
            records: 8,
            payload_bytes: 9,
            sum: 10,
        };
        assert_eq!(Applied::decode(&applied.encode()), Some(applied));
        assert_eq!(Applied::decode(b"\x02"), None);
    }

    #[test]
    fn a_byte_that_moves_from_key_to_value_changes_the_weight() {
        assert_ne!(weight(b"ab", b"c"), weight(b"a", b"bc"));
    }
}
