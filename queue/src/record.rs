//! How one record stands in a segment.
//!
//! ```text
//! 0 magic  4 kind  5 zeros  8 number  16 meta length  20 payload length  24 payload crc  28 head crc  32 meta, payload, zeros to 8
//! ```
//! `number` is a data record's position, a commit's number. The head's CRC covers head, meta, the queue's random seal
//! and the place in the segments.
//!
//! Promise: bytes that merely look like a record (a payload that quotes one, an old copy, a record moved by a faulty
//! disk) do not pass for one, as their sender cannot know the seal.

use crc32fast::Hasher;

/// Length of a record's fixed part.
pub(crate) const HEAD: usize = 32;
/// Most bytes of meta that a record has.
pub(crate) const MAX_META: usize = 16 * 1024 * 1024;
/// Begins every record, at a multiple of [`ALIGN`].
pub(crate) const MAGIC: [u8; 4] = [0xA7, b'q', b'R', 0x1C];
/// Records begin at multiples of this.
pub(crate) const ALIGN: u64 = 8;

/// Where a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) segment: u64,
    pub(crate) offset: u64,
}

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A header (as meta) and a payload.
    Data = 1,
    /// Ends an operation; its meta is a [`Commit`](crate::commit::Commit).
    Commit = 2,
}

/// The fixed part, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) kind: Kind,
    pub(crate) number: u64,
    pub(crate) meta: u32,
    pub(crate) payload: u32,
    payload_crc: u32,
    crc: u32,
}

/// Bytes that a record takes in its segment.
pub(crate) fn size(meta: usize, payload: usize) -> u64 {
    align((HEAD + meta + payload) as u64)
}

/// The next place where a record may begin.
pub(crate) fn align(offset: u64) -> u64 {
    offset.next_multiple_of(ALIGN)
}

/// Encodes the fixed part.
pub(crate) fn encode(
    seal: u64,
    place: Place,
    kind: Kind,
    number: u64,
    meta: &[u8],
    payload: &[u8],
) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    head[0..4].copy_from_slice(&MAGIC);
    head[4] = kind as u8;
    head[8..16].copy_from_slice(&number.to_le_bytes());
    head[16..20].copy_from_slice(&(meta.len() as u32).to_le_bytes());
    head[20..24].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    head[24..28].copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
    let crc = head_crc(seal, place, &head, meta);
    head[28..32].copy_from_slice(&crc.to_le_bytes());
    head
}

/// Reads the fixed part; `None` where no record begins. Its CRC is not yet checked.
pub(crate) fn parse(bytes: &[u8; HEAD]) -> Option<Head> {
    let mut reader = crate::wire::Reader(bytes);
    if reader.array::<4>()? != MAGIC {
        return None;
    }
    let kind = match reader.u32()? {
        1 => Kind::Data,
        2 => Kind::Commit,
        _ => return None,
    };
    let (number, meta, payload) = (reader.u64()?, reader.u32()?, reader.u32()?);
    let longest = if kind == Kind::Data { crate::entry::MAX_HEADER } else { MAX_META };
    (meta as usize <= longest).then_some(Head {
        kind,
        number,
        meta,
        payload,
        payload_crc: reader.u32()?,
        crc: reader.u32()?,
    })
}

impl Head {
    /// Whether head and meta are those that were written at this place.
    pub(crate) fn is_whole(&self, seal: u64, place: Place, bytes: &[u8; HEAD], meta: &[u8]) -> bool {
        self.crc == head_crc(seal, place, bytes, meta)
    }

    /// Whether the payload, whose CRC was computed, is the one that was written.
    pub(crate) fn has_payload(&self, crc: u32) -> bool {
        self.payload_crc == crc
    }

    /// Bytes of the whole record.
    pub(crate) fn size(&self) -> u64 {
        size(self.meta as usize, self.payload as usize)
    }
}

fn head_crc(seal: u64, place: Place, head: &[u8; HEAD], meta: &[u8]) -> u32 {
    let mut crc = Hasher::new();
    crc.update(&seal.to_le_bytes());
    crc.update(&place.segment.to_le_bytes());
    crc.update(&place.offset.to_le_bytes());
    crc.update(&head[..28]);
    crc.update(meta);
    crc.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Place = Place { segment: 3, offset: 4096 };

    #[test]
    fn a_record_is_whole_only_under_its_seal_and_at_its_place() {
        let head = encode(7, HERE, Kind::Data, 42, b"meta", b"payload");
        let parsed = parse(&head).unwrap();
        assert_eq!((parsed.kind, parsed.number, parsed.size()), (Kind::Data, 42, 48));
        assert!(parsed.is_whole(7, HERE, &head, b"meta"));
        assert!(parsed.has_payload(crc32fast::hash(b"payload")));
        assert!(!parsed.is_whole(8, HERE, &head, b"meta"));
        assert!(!parsed.is_whole(7, Place { offset: 4104, ..HERE }, &head, b"meta"));
        assert!(!parsed.is_whole(7, HERE, &head, b"mete"));
    }

    proptest::proptest! {
        #[test]
        fn any_changed_byte_of_a_head_is_noticed(at in 0..HEAD, change in 1..=255u8) {
            let mut head = encode(7, HERE, Kind::Commit, 9, b"meta", b"");
            head[at] ^= change;
            let passes = parse(&head).is_some_and(|parsed| parsed.is_whole(7, HERE, &head, b"meta"));
            assert!(!passes);
        }
    }
}
