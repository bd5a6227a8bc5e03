//! Reading one record whose place is known.
//!
//! Promise: a payload is handed out only after its bytes, its header's and its position were checked.

use std::fs::File;
use std::io;

use bytes::Bytes;

use crate::positional;
use crate::record::{self, HEAD, Kind, Place};

/// What stands where a record was expected.
pub(crate) enum Read {
    Whole {
        header: Vec<u8>,
        payload: Bytes,
    },
    /// With the bytes that are there, as far as they can be read.
    Damaged(Vec<u8>),
}

/// Reads the data record `position` of `size` bytes at `place`.
pub(crate) fn record(file: &File, seal: u64, place: Place, position: u64, size: u64) -> io::Result<Read> {
    let mut bytes = vec![0; size as usize];
    match positional::read_exact(file, &mut bytes, place.offset) {
        Ok(()) => {}
        Err(error) if positional::is_medium_error(&error) => {
            return Ok(Read::Damaged(remains(file, place, size)));
        }
        Err(error) => return Err(error),
    }
    Ok(match check(&bytes, seal, place, position) {
        Some((meta, payload)) => {
            let header = bytes[HEAD..meta].to_vec();
            let bytes = Bytes::from(bytes);
            Read::Whole { header, payload: bytes.slice(meta..payload) }
        }
        None => Read::Damaged(bytes),
    })
}

/// Where meta and payload end, if the record is whole.
fn check(bytes: &[u8], seal: u64, place: Place, position: u64) -> Option<(usize, usize)> {
    let fixed = bytes.first_chunk::<HEAD>()?;
    let head = record::parse(fixed)?;
    let meta = HEAD + head.meta as usize;
    let payload = meta + head.payload as usize;
    let is_it = head.kind == Kind::Data && head.number == position && head.size() == bytes.len() as u64;
    (is_it
        && head.is_whole(seal, place, fixed, bytes.get(HEAD..meta)?)
        && head.has_payload(crc32fast::hash(bytes.get(meta..payload)?)))
    .then_some((meta, payload))
}

fn remains(file: &File, place: Place, size: u64) -> Vec<u8> {
    let there = file.metadata().map_or(0, |data| data.len()).saturating_sub(place.offset).min(size);
    let mut bytes = vec![0; there as usize];
    match positional::read_exact(file, &mut bytes, place.offset) {
        Ok(()) => bytes,
        Err(_) => Vec::new(),
    }
}
