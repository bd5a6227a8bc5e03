//! Lines as they are, for destinations that keep original bytes: one zstd frame per batch.
//!
//! Promise: every byte comes out as it went in, invalid UTF-8 included. A block that a batch brought along and of
//! which all lines are wanted is stored as it is.

use std::io;

use bytes::Bytes;
use proto::Encoding;

use crate::manifest::Listed;
use crate::parcel::{Packer, Parcel, listed};
use crate::record::{self, Header, Kind, Record};

/// Packs lines as they are.
pub(crate) struct Blocks;

impl Packer for Blocks {
    fn pack(&self, parcel: &Parcel) -> io::Result<Vec<Record>> {
        let lines: Vec<Listed> = parcel.lines.iter().map(listed).collect();
        let length: usize = parcel.lines.iter().map(|line| line.bytes.len() + 1).sum();
        let record = Record::new(Kind::Body, &lines, length as u64, parcel.read_at_us, |out| {
            match &parcel.block {
                Some(block) => out.extend_from_slice(block),
                None => out.extend_from_slice(&packed(parcel, length)?),
            }
            Ok(())
        })?;
        Ok(vec![record])
    }
}

fn packed(parcel: &Parcel, length: usize) -> io::Result<Bytes> {
    let mut raw = Vec::with_capacity(length);
    for line in &parcel.lines {
        raw.extend_from_slice(&line.bytes);
        raw.push(b'\n');
    }
    proto::encode_block(&raw, Encoding::Zstd)
}

/// The list and the lines (each with its newline) of a payload that [`Blocks`] packed.
pub(crate) fn unpack(header: &Header, payload: &Bytes) -> Result<(Vec<Listed>, Bytes), String> {
    let (lines, block) = record::open(payload).ok_or("a record's list of lines is not whole")?;
    let raw =
        proto::decode_block(&block, Encoding::Zstd, header.raw).map_err(|error| error.why().to_owned())?;
    Ok((lines, raw))
}

/// The line of an unsendable record's body.
pub(crate) fn line(header: &Header, body: &Bytes) -> Result<Bytes, String> {
    proto::decode_block(body, Encoding::Zstd, header.raw).map_err(|error| error.why().to_owned())
}

#[cfg(test)]
mod tests {
    use proto::{Line, Origin};

    use super::*;

    fn parcel(lines: &[&'static [u8]], block: Option<Bytes>) -> Parcel {
        let line = |(at, bytes): (usize, &&'static [u8])| Line {
            number: at as u64 + 5,
            read_bytes: bytes.len() as u64 + 1,
            bytes: Bytes::from_static(bytes),
        };
        let lines = lines.iter().enumerate().map(line).collect();
        Parcel { origin: Origin::default(), queue: [0; 16], read_at_us: 9, lines, block }
    }

    #[test]
    fn lines_come_out_as_they_went_in() {
        let records = Blocks.pack(&parcel(&[b"{\"a\":\"\xff\"}", b"{}"], None)).unwrap();
        let (lines, raw) = unpack(&records[0].header, &records[0].payload).unwrap();
        assert_eq!(raw.as_ref(), b"{\"a\":\"\xff\"}\n{}\n");
        assert_eq!(lines.iter().map(|line| line.number).collect::<Vec<_>>(), [5, 6]);
    }

    #[test]
    fn a_block_that_came_along_is_stored_as_it_is() {
        let block = proto::encode_block(b"{}\n{}\n", Encoding::Zstd).unwrap();
        let records = Blocks.pack(&parcel(&[b"{}", b"{}"], Some(block.clone()))).unwrap();
        assert!(records[0].payload.ends_with(&block));
        assert_eq!(unpack(&records[0].header, &records[0].payload).unwrap().1.as_ref(), b"{}\n{}\n");
    }
}
