//! What recorded input is, by its first bytes: gzip, zstd or plain; UTF-8, UTF-16 or YAML.
//!
//! Promise: names do not count, so that what was packed is unpacked also from stdin and under any name; a byte order
//! mark costs no event; what is no JSON as a whole is told once, with what to do.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use crate::recorded::Unread;

/// How much is read at a time.
pub(crate) const BLOCK: usize = 256 << 10;

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// Behind its first half byte: a frame for whoever packed in parallel, before the first one with content.
const ZSTD_SKIPPABLE: &[u8] = &[0x2a, 0x4d, 0x18];
const UTF_8: &[u8] = &[0xef, 0xbb, 0xbf];
/// Its marks, and the bracket that JSON begins with where there is no mark.
const UTF_16: [&[u8]; 4] = [&[0xff, 0xfe], &[0xfe, 0xff], b"{\0", b"[\0"];
/// What YAML of events begins with.
const YAML: [&[u8]; 6] = [b"apiVersion:", b"kind:", b"items:", b"- apiVersion:", b"- kind:", b"%YAML"];
/// Most bytes that are looked at.
pub(crate) const HEAD: u64 = 4;

/// The text of what is packed or plain.
///
/// # Errors
/// When the beginning cannot be read.
pub(crate) fn unpacked(mut packed: impl Read + 'static) -> io::Result<Box<dyn BufRead>> {
    let head = head(&mut packed)?;
    let whole = BufReader::with_capacity(BLOCK, Cursor::new(head.clone()).chain(packed));
    if head.starts_with(GZIP) {
        Ok(Box::new(BufReader::with_capacity(BLOCK, flate2::bufread::MultiGzDecoder::new(whole))))
    } else if is_zstd(&head) {
        Ok(Box::new(BufReader::with_capacity(BLOCK, zstd::Decoder::with_buffer(whole)?)))
    } else {
        Ok(Box::new(whole))
    }
}

/// Whether that is the beginning of something packed.
pub(crate) fn is_packed(head: &[u8]) -> bool {
    head.starts_with(GZIP) || is_zstd(head)
}

fn is_zstd(head: &[u8]) -> bool {
    let is_skippable = head.first().is_some_and(|first| first & 0xf0 == 0x50);
    head.starts_with(ZSTD) || (is_skippable && head[1..].starts_with(ZSTD_SKIPPABLE))
}

/// The text without a byte order mark, or why it cannot be read.
///
/// # Errors
/// When the beginning cannot be read.
pub(crate) fn without_mark(mut text: Box<dyn BufRead>) -> io::Result<Result<impl BufRead, Unread>> {
    let head = head(&mut text)?;
    if UTF_16.iter().any(|mark| head.starts_with(mark)) {
        return Ok(Err(Unread::Utf16));
    }
    let kept = head.strip_prefix(UTF_8).unwrap_or(&head).to_vec();
    Ok(Ok(Cursor::new(kept).chain(text)))
}

/// The first bytes, or all where there are fewer.
fn head(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    reader.take(HEAD).read_to_end(&mut head)?;
    Ok(head)
}

/// Whether a line is the mark of YAML between documents, which says nothing about what follows.
pub(crate) fn is_document_mark(line: &[u8]) -> bool {
    line.trim_ascii() == b"---"
}

/// Whether a text that begins with this line is YAML.
pub(crate) fn is_yaml(line: &[u8]) -> bool {
    YAML.iter().any(|key| line.starts_with(key))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn read(bytes: Vec<u8>) -> Result<String, Unread> {
        let mut text = String::new();
        without_mark(unpacked(Cursor::new(bytes)).unwrap()).unwrap()?.read_to_string(&mut text).unwrap();
        Ok(text)
    }

    fn gzip(text: &str) -> Vec<u8> {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(text.as_bytes()).unwrap();
        packed.finish().unwrap()
    }

    #[test]
    fn what_is_packed_is_known_by_its_first_bytes() {
        let zstd = |text: &str| zstd::encode_all(text.as_bytes(), 1).unwrap();
        let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 9], zstd("a\n").as_slice()].concat();
        let parts = [gzip("a"), gzip("\n")].concat();
        for packed in [gzip("a\n"), zstd("a\n"), skippable, parts, b"a\n".to_vec(), gzip("\u{feff}a\n")] {
            assert_eq!(read(packed).unwrap(), "a\n");
        }
        for short in ["", "a", "ab", "abc", "abcd"] {
            assert_eq!(read(short.into()).unwrap(), short);
            assert_eq!(read(gzip(short)).unwrap(), short);
        }
    }

    #[test]
    fn utf_16_is_told_and_a_mark_of_utf_8_is_not_read() {
        let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        assert_eq!(read("\u{feff}{}".into()).unwrap(), "{}");
        for text in ["\u{feff}{}", "{}", "[]"] {
            assert!(matches!(read(wide(text)), Err(Unread::Utf16)), "{text}");
        }
        assert!(matches!(read(vec![0xfe, 0xff, 0, b'{']), Err(Unread::Utf16)));
    }
}
