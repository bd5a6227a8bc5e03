//! Packing a request body as the intake takes it, and unpacking our own.
//!
//! Promise: unpacking never makes more than the caller says the body has.

use std::io::{self, Read, Write};

use bytes::Bytes;

use crate::config::Compression;

const ZSTD_LEVEL: i32 = 1;
const GZIP_LEVEL: u32 = 6;

/// Appends `raw`, packed, to `out`.
pub(crate) fn encode(compression: Compression, raw: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    match compression {
        Compression::None => out.extend_from_slice(raw),
        Compression::Zstd => out.extend_from_slice(&zstd::bulk::compress(raw, ZSTD_LEVEL)?),
        Compression::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::new(GZIP_LEVEL));
            encoder.write_all(raw)?;
            encoder.finish()?;
        }
    }
    Ok(())
}

/// Unpacks `body`, which has `length` bytes when unpacked. How it is packed is seen from its first bytes, so that
/// bodies of a spool stay readable when the setting changes.
pub(crate) fn decode(body: &Bytes, length: usize) -> io::Result<Bytes> {
    let raw = match compression_of(body) {
        Compression::None => body.clone(),
        Compression::Zstd => zstd::bulk::decompress(body, length)?.into(),
        Compression::Gzip => {
            let mut raw = Vec::with_capacity(length);
            flate2::read::GzDecoder::new(body.as_ref()).take(length as u64 + 1).read_to_end(&mut raw)?;
            raw.into()
        }
    };
    if raw.len() != length {
        return Err(io::Error::other(format!("a body of {} bytes should have {length}", raw.len())));
    }
    Ok(raw)
}

/// How a JSON body is packed.
pub(crate) fn compression_of(body: &[u8]) -> Compression {
    match body {
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Compression::Zstd,
        [0x1f, 0x8b, ..] => Compression::Gzip,
        _ => Compression::None,
    }
}

/// The value of `Content-Encoding`.
pub(crate) fn content_encoding(compression: Compression) -> Option<&'static str> {
    match compression {
        Compression::None => None,
        Compression::Zstd => Some("zstd"),
        Compression::Gzip => Some("gzip"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_comes_back_and_says_how_it_is_packed() {
        let raw = br#"[{"message":"{}"}]"#.repeat(50);
        for compression in [Compression::None, Compression::Zstd, Compression::Gzip] {
            let mut body = b"before".to_vec();
            encode(compression, &raw, &mut body).unwrap();
            let body = Bytes::from(body).slice(6..);
            assert_eq!(compression_of(&body), compression);
            assert_eq!(decode(&body, raw.len()).unwrap(), raw);
            assert!(decode(&body, raw.len() - 1).is_err() && decode(&body, raw.len() + 1).is_err());
        }
    }
}
