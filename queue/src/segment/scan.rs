//! Walking through a segment without knowing what is in it.
//!
//! Promises: every record that is whole is found, also behind damage; a record whose payload alone is damaged is
//! found with its position; memory is bounded by the largest header or commit, not by payloads.

use std::fs::File;
use std::io;

use crate::commit::Commit;
use crate::positional;
use crate::record::{self, ALIGN, HEAD, Head, Kind, MAGIC, Place};

const CHUNK: usize = 256 * 1024;

/// What a walk comes by, in the order of the file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Data(Data),
    Commit {
        txn: u64,
        commit: Commit,
        end: u64,
    },
    /// Bytes that are no record, with records behind them.
    Damage {
        offset: u64,
        bytes: u64,
    },
    /// Nothing but this follows.
    Tail {
        offset: u64,
        bytes: u64,
        zeros: bool,
    },
}

/// A data record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Data {
    pub(crate) position: u64,
    pub(crate) place: Place,
    pub(crate) header: Vec<u8>,
    pub(crate) payload: u32,
    /// Whether the payload is the one that was written.
    pub(crate) whole: bool,
}

/// A walk through one segment.
pub(crate) struct Scan<'a> {
    file: &'a File,
    segment: u64,
    seal: u64,
    offset: u64,
    length: u64,
    ended: bool,
}

impl<'a> Scan<'a> {
    pub(crate) fn new(file: &'a File, segment: u64, seal: u64, offset: u64) -> io::Result<Scan<'a>> {
        let length = file.metadata()?.len();
        Ok(Scan { file, segment, seal, offset: record::align(offset), length, ended: false })
    }

    /// The next find; `None` after the tail.
    pub(crate) fn next(&mut self) -> io::Result<Option<Found>> {
        if self.ended {
            return Ok(None);
        }
        let start = self.offset;
        if let Some((head, meta)) = self.head_at(start)? {
            return self.found(start, head, meta).map(Some);
        }
        match self.search(start + ALIGN)? {
            Some(next) => {
                self.offset = next;
                Ok(Some(Found::Damage { offset: start, bytes: next - start }))
            }
            None => {
                self.ended = true;
                let bytes = self.length.saturating_sub(start);
                Ok(Some(Found::Tail { offset: start, bytes, zeros: self.is_zero(start)? }))
            }
        }
    }

    fn found(&mut self, offset: u64, head: Head, meta: Vec<u8>) -> io::Result<Found> {
        self.offset = offset + head.size();
        if head.kind == Kind::Commit {
            let commit = Commit::decode(&meta).unwrap_or_default(); // its CRC held, so it decodes
            return Ok(Found::Commit { txn: head.number, commit, end: self.offset });
        }
        let payload_at = offset + (HEAD + meta.len()) as u64;
        let whole = self.payload_crc(payload_at, head.payload)?.is_some_and(|crc| head.has_payload(crc));
        let place = Place { segment: self.segment, offset };
        Ok(Found::Data(Data { position: head.number, place, header: meta, payload: head.payload, whole }))
    }

    /// The head and meta of the record at `offset`, if there is a whole one.
    fn head_at(&self, offset: u64) -> io::Result<Option<(Head, Vec<u8>)>> {
        let mut fixed = [0; HEAD];
        if !self.read(&mut fixed, offset)? {
            return Ok(None);
        }
        let Some(head) = record::parse(&fixed) else { return Ok(None) };
        if offset + HEAD as u64 + u64::from(head.meta) > self.length {
            return Ok(None);
        }
        let mut meta = vec![0; head.meta as usize];
        let place = Place { segment: self.segment, offset };
        let whole =
            self.read(&mut meta, offset + HEAD as u64)? && head.is_whole(self.seal, place, &fixed, &meta);
        Ok(whole.then_some((head, meta)))
    }

    /// Where the next whole head is, from `offset` on.
    fn search(&self, mut offset: u64) -> io::Result<Option<u64>> {
        let mut chunk = vec![0; CHUNK];
        while offset + HEAD as u64 <= self.length {
            let count = (self.length - offset).min(CHUNK as u64) as usize;
            if self.read(&mut chunk[..count], offset)? {
                for at in (0..count.saturating_sub(MAGIC.len())).step_by(ALIGN as usize) {
                    if chunk[at..at + MAGIC.len()] == MAGIC && self.head_at(offset + at as u64)?.is_some() {
                        return Ok(Some(offset + at as u64));
                    }
                }
            }
            offset += CHUNK as u64;
        }
        Ok(None)
    }

    fn payload_crc(&self, mut offset: u64, length: u32) -> io::Result<Option<u32>> {
        let end = offset + u64::from(length);
        let mut chunk = vec![0; CHUNK.min(length as usize)];
        let mut crc = crc32fast::Hasher::new();
        while offset < end {
            let count = (end - offset).min(CHUNK as u64) as usize;
            if !self.read(&mut chunk[..count], offset)? {
                return Ok(None);
            }
            crc.update(&chunk[..count]);
            offset += count as u64;
        }
        Ok(Some(crc.finalize()))
    }

    fn is_zero(&self, mut offset: u64) -> io::Result<bool> {
        let mut chunk = vec![0; CHUNK];
        while offset < self.length {
            let count = (self.length - offset).min(CHUNK as u64) as usize;
            if !self.read(&mut chunk[..count], offset)? || chunk[..count].iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            offset += count as u64;
        }
        Ok(true)
    }

    /// Whether these bytes could be read; a medium error is damage, any other is an error.
    fn read(&self, buffer: &mut [u8], offset: u64) -> io::Result<bool> {
        match positional::read_exact(self.file, buffer, offset) {
            Ok(()) => Ok(true),
            Err(error) if positional::is_medium_error(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Records back to back from offset 0, and where each begins.
    fn segment(payloads: &[&[u8]]) -> (Vec<u8>, Vec<usize>) {
        let (mut bytes, mut begins) = (Vec::new(), Vec::new());
        for (position, payload) in payloads.iter().enumerate() {
            let place = Place { segment: 1, offset: bytes.len() as u64 };
            begins.push(bytes.len());
            bytes.extend_from_slice(&record::encode(
                9,
                place,
                Kind::Data,
                position as u64,
                b"header",
                payload,
            ));
            bytes.extend_from_slice(b"header");
            bytes.extend_from_slice(payload);
            bytes.resize(record::align(bytes.len() as u64) as usize, 0);
        }
        (bytes, begins)
    }

    fn walk(bytes: &[u8]) -> Vec<Found> {
        let file = tempfile::tempfile().unwrap();
        positional::write_all(&file, bytes, 0).unwrap();
        let mut scan = Scan::new(&file, 1, 9, 0).unwrap();
        std::iter::from_fn(|| scan.next().unwrap()).collect()
    }

    fn positions(found: &[Found]) -> Vec<(u64, bool)> {
        let data = |found: &Found| match found {
            Found::Data(data) => Some((data.position, data.whole)),
            _ => None,
        };
        found.iter().filter_map(data).collect()
    }

    #[test]
    fn a_damaged_payload_costs_its_record_alone() {
        let (mut bytes, begins) = segment(&[b"first", b"second", b"third"]);
        bytes[begins[1] + HEAD + 8] ^= 1;
        assert_eq!(positions(&walk(&bytes)), [(0, true), (1, false), (2, true)]);
    }

    #[test]
    fn behind_a_damaged_head_the_walk_goes_on_at_the_next_record() {
        let (mut bytes, begins) = segment(&[b"first", &[1; 300_000], b"third"]);
        bytes[begins[1] + 17] ^= 1;
        let found = walk(&bytes);
        assert_eq!(positions(&found), [(0, true), (2, true)]);
        let damage = Found::Damage { offset: begins[1] as u64, bytes: (begins[2] - begins[1]) as u64 };
        assert_eq!(found[1], damage);
    }

    #[test]
    fn a_record_quoted_in_a_payload_is_not_taken_for_one() {
        let (quoted, _) = segment(&[b"forged"]);
        let (mut bytes, begins) = segment(&[b"first", &quoted, b"third"]);
        bytes[begins[1]] ^= 1;
        assert_eq!(positions(&walk(&bytes)), [(0, true), (2, true)]);
    }

    #[test]
    fn zeros_at_the_end_are_told_from_a_torn_record() {
        let (mut bytes, _) = segment(&[b"first"]);
        let end = bytes.len() as u64;
        bytes.resize(bytes.len() + 5000, 0);
        assert_eq!(walk(&bytes)[1], Found::Tail { offset: end, bytes: 5000, zeros: true });
        bytes[end as usize + 100] = 1;
        assert_eq!(walk(&bytes)[1], Found::Tail { offset: end, bytes: 5000, zeros: false });
    }
}
