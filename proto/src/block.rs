//! The block of a batch: lines, each ended by one newline, packed as one compressed frame.
//!
//! Decoding never makes more than [`MAX_BLOCK_BYTES`], whatever the frame says of itself.

use std::io::Read;

use bytes::Bytes;

use crate::{Encoding, MAX_BLOCK_BYTES, Refusal};

/// The level of blocks on their way: the next stage unpacks them soon, so speed counts.
const ZSTD_LEVEL: i32 = 1;

/// Packs a block.
pub fn encode_block(raw: &[u8], encoding: Encoding) -> std::io::Result<Bytes> {
    Ok(match encoding {
        Encoding::None => Bytes::copy_from_slice(raw),
        Encoding::Zstd => zstd::bulk::compress(raw, ZSTD_LEVEL)?.into(),
        Encoding::Lz4 => {
            let mut frame = lz4_flex::frame::FrameEncoder::new(Vec::with_capacity(raw.len() / 4));
            std::io::Write::write_all(&mut frame, raw)?;
            frame.finish().map_err(std::io::Error::other)?.into()
        }
    })
}

/// Unpacks a block whose decoded length is known to be `length`.
///
/// # Errors
/// [`Refusal::TooLarge`] over [`MAX_BLOCK_BYTES`], [`Refusal::Invalid`] for a damaged frame or another length.
pub fn decode_block(block: &Bytes, encoding: Encoding, length: u64) -> Result<Bytes, Refusal> {
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > MAX_BLOCK_BYTES {
        let why = format!("a block of {length} bytes is over the limit of {MAX_BLOCK_BYTES}");
        return Err(Refusal::TooLarge { why });
    }
    let raw = match encoding {
        Encoding::None => block.clone(),
        Encoding::Zstd => zstd::bulk::decompress(block, length).map_err(damaged)?.into(),
        Encoding::Lz4 => read_exactly(lz4_flex::frame::FrameDecoder::new(block.as_ref()), length)?,
    };
    if raw.len() != length {
        return Err(Refusal::Invalid {
            why: format!("a block of {} bytes says that it has {length}", raw.len()),
        });
    }
    Ok(raw)
}

fn read_exactly(frame: impl Read, length: usize) -> Result<Bytes, Refusal> {
    let mut raw = Vec::with_capacity(length);
    frame.take(length as u64 + 1).read_to_end(&mut raw).map_err(damaged)?;
    Ok(raw.into())
}

fn damaged(error: std::io::Error) -> Refusal {
    Refusal::Invalid { why: format!("the block cannot be unpacked: {error}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENCODINGS: [Encoding; 3] = [Encoding::None, Encoding::Lz4, Encoding::Zstd];

    #[test]
    fn a_block_comes_back_as_it_was() {
        let raw = b"{\"kind\":\"Event\"}\n".repeat(1000);
        for encoding in ENCODINGS {
            let block = encode_block(&raw, encoding).unwrap();
            assert_eq!(decode_block(&block, encoding, raw.len() as u64).unwrap(), raw);
        }
    }

    #[test]
    fn a_block_that_lies_about_its_length_is_refused() {
        let raw = vec![b'x'; 1 << 20];
        for encoding in ENCODINGS {
            let block = encode_block(&raw, encoding).unwrap();
            for lie in [0, 10, raw.len() as u64 - 1, raw.len() as u64 + 1] {
                assert!(
                    matches!(decode_block(&block, encoding, lie), Err(Refusal::Invalid { .. })),
                    "{encoding:?} {lie}"
                );
            }
            assert!(matches!(decode_block(&block, encoding, u64::MAX), Err(Refusal::TooLarge { .. })));
        }
    }
}
