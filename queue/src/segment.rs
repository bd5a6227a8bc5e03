//! Segment files: their names and the header that makes each of them understandable alone.
//!
//! A header names the queue, and holds a snapshot of all state at the moment the segment was begun, so that nothing
//! older is needed for it.
//!
//! Promises: a segment file has a complete header from the moment it has its name; a version above [`VERSION`] is
//! told from a damaged header, as the version stands there twice.

pub(crate) mod active;
pub(crate) mod reading;
pub(crate) mod scan;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::commit::{decode_puts, encode_puts};
use crate::entry::Put;
use crate::positional;
use crate::record::align;
use crate::wire::Reader;

/// The format that this program writes, and the newest that it reads.
pub(crate) const VERSION: u32 = 1;
const MAGIC: [u8; 8] = *b"\xA7queue\r\n";
/// Length of the header's fixed part.
pub(crate) const FIXED: usize = 80;

/// What a segment says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) number: u64,
    pub(crate) id: [u8; 16],
    /// Random and secret to whoever sends payloads; the same in all segments of a directory.
    pub(crate) seal: u64,
    /// The next position at the time.
    pub(crate) next: u64,
    /// Number of the last commit before this segment.
    pub(crate) txn: u64,
    pub(crate) state: Vec<Put>,
}

/// A header as found in a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The header, and where records begin.
    Whole(Header, u64),
    Newer(u32),
    Damaged,
}

impl Header {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut state = Vec::new();
        encode_puts(&self.state, &mut state);
        let mut out = Vec::with_capacity(FIXED + state.len() + 8);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&(!VERSION).to_le_bytes());
        for number in [self.number, self.seal, self.next, self.txn, state.len() as u64] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.id);
        let mut crc = crc32fast::Hasher::new();
        crc.update(&out);
        crc.update(&state);
        out.extend_from_slice(&crc.finalize().to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&state);
        out.resize(align(out.len() as u64) as usize, 0);
        out
    }

    fn decode(number: u64, fixed: &[u8; FIXED], state: &[u8]) -> Option<Header> {
        let mut reader = Reader(&fixed[16..]);
        let (named, seal, next, txn, _) =
            (reader.u64()?, reader.u64()?, reader.u64()?, reader.u64()?, reader.u64()?);
        let id = reader.array()?;
        let mut crc = crc32fast::Hasher::new();
        crc.update(&fixed[..72]);
        crc.update(state);
        let whole = reader.u32()? == crc.finalize() && named == number;
        let state = decode_puts(&mut Reader(state))?;
        whole.then_some(Header { number, id, seal, next, txn, state })
    }
}

/// Reads the header of segment `number`.
pub(crate) fn read_header(file: &File, number: u64) -> io::Result<Found> {
    let length = file.metadata()?.len();
    let mut fixed = [0; FIXED];
    match positional::read_exact(file, &mut fixed, 0) {
        Err(error) if positional::is_medium_error(&error) => return Ok(Found::Damaged),
        other => other?,
    }
    let mut reader = Reader(&fixed);
    let (magic, version, inverse) = (reader.array(), reader.u32().unwrap_or(0), reader.u32().unwrap_or(0));
    if magic != Some(MAGIC) || version != !inverse {
        return Ok(Found::Damaged);
    }
    if version > VERSION {
        return Ok(Found::Newer(version));
    }
    let state_len = Reader(&fixed[48..]).u64().unwrap_or(u64::MAX);
    if state_len > length - FIXED as u64 {
        return Ok(Found::Damaged);
    }
    let mut state = vec![0; state_len as usize];
    match positional::read_exact(file, &mut state, FIXED as u64) {
        Err(error) if positional::is_medium_error(&error) => return Ok(Found::Damaged),
        other => other?,
    }
    let records = align(FIXED as u64 + state_len);
    Ok(Header::decode(number, &fixed, &state).map_or(Found::Damaged, |header| Found::Whole(header, records)))
}

/// The directory of segments in a queue directory.
pub(crate) fn directory(dir: &Path) -> PathBuf {
    dir.join("segments")
}

/// The file of segment `number`.
pub(crate) fn path(dir: &Path, number: u64) -> PathBuf {
    directory(dir).join(format!("{number:016x}.seg"))
}

/// Numbers of all segments, ascending.
pub(crate) fn list(dir: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    let entries = match fs::read_dir(directory(dir)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(numbers),
        other => other?,
    };
    for entry in entries {
        let name = entry?.file_name();
        let stem = name.to_str().and_then(|name| name.strip_suffix(".seg")).filter(|stem| stem.len() == 16);
        numbers.extend(stem.and_then(|stem| u64::from_str_radix(stem, 16).ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        let state = vec![Put::set("checkpoint", "17"), Put::set("watermark", vec![0; 300])];
        Header { number: 5, id: [9; 16], seal: 77, next: 1000, txn: 40, state }
    }

    fn found(bytes: &[u8]) -> Found {
        let file = tempfile::tempfile().unwrap();
        positional::write_all(&file, bytes, 0).unwrap();
        read_header(&file, 5).unwrap()
    }

    #[test]
    fn a_header_says_all_that_a_rebuild_needs() {
        let bytes = header().encode();
        assert_eq!(found(&bytes), Found::Whole(header(), bytes.len() as u64));
    }

    #[test]
    fn a_newer_version_is_told_from_a_flipped_bit_in_the_version() {
        let mut bytes = header().encode();
        bytes[8] = 2;
        assert_eq!(found(&bytes), Found::Damaged);
        bytes[12..16].copy_from_slice(&(!2u32).to_le_bytes());
        assert_eq!(found(&bytes), Found::Newer(2));
    }

    #[test]
    fn every_flipped_byte_and_every_cut_of_a_header_is_noticed() {
        let bytes = header().encode();
        for at in 0..FIXED + 300 {
            let mut changed = bytes.clone();
            changed[at] ^= 0x40;
            let reserved = (76..80).contains(&at);
            assert_eq!(found(&changed) == Found::Damaged, !reserved, "byte {at}");
            assert_eq!(found(&bytes[..at]), Found::Damaged, "cut at {at}");
        }
    }
}
