//! The records of a batch, packed as brokers and consumers read them.
//!
//! Promise: unpacking never makes more than the caller says there is at most.

use std::io::{self, Read, Write};

use crate::config::KafkaCompression;

const ZSTD_LEVEL: i32 = 1;
const GZIP_LEVEL: u32 = 6;

/// The number that a batch's attributes have for it.
pub(super) fn number(codec: KafkaCompression) -> u8 {
    match codec {
        KafkaCompression::None => 0,
        KafkaCompression::Gzip => 1,
        KafkaCompression::Snappy => 2,
        KafkaCompression::Lz4 => 3,
        KafkaCompression::Zstd => 4,
    }
}

/// The records, packed.
pub(super) fn compress(codec: KafkaCompression, records: &[u8]) -> io::Result<Vec<u8>> {
    match codec {
        KafkaCompression::None => Ok(records.to_vec()),
        KafkaCompression::Zstd => zstd::bulk::compress(records, ZSTD_LEVEL),
        KafkaCompression::Snappy => snap::raw::Encoder::new().compress_vec(records).map_err(io::Error::other),
        KafkaCompression::Gzip => {
            let level = flate2::Compression::new(GZIP_LEVEL);
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
            encoder.write_all(records)?;
            encoder.finish()
        }
        KafkaCompression::Lz4 => {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
            encoder.write_all(records)?;
            encoder.finish().map_err(io::Error::other)
        }
    }
}

/// What was packed by the codec of this number, of `most` bytes at most.
pub(super) fn decompress(number: u8, packed: &[u8], most: usize) -> io::Result<Vec<u8>> {
    match number {
        0 => Ok(packed.to_vec()),
        1 => read(flate2::read::GzDecoder::new(packed), most),
        2 if snap::raw::decompress_len(packed).is_ok_and(|length| length <= most) => {
            snap::raw::Decoder::new().decompress_vec(packed).map_err(io::Error::other)
        }
        3 => read(lz4_flex::frame::FrameDecoder::new(packed), most),
        4 => zstd::bulk::decompress(packed, most),
        _ => Err(io::Error::other("a record batch is not packed as this program packs")),
    }
}

fn read(from: impl Read, most: usize) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    from.take(most as u64 + 1).read_to_end(&mut out)?;
    if out.len() > most {
        return Err(io::Error::other("a record batch has more bytes than it should"));
    }
    Ok(out)
}
