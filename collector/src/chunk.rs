//! Bytes become whole lines.
//!
//! Promises: a chunk is up to the wanted size, or one longer line; it always ends behind a newline; a line beyond
//! the limit is passed over without being held; what is no whole line yet waits, however long.

use std::io;

use crate::content::{Content, Reached};

/// Bytes of a line beyond the limit that are kept for inspection.
pub(crate) const KEPT_BYTES: usize = 64 << 10;

/// The bounds of a chunk, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// What a chunk holds when its lines are short.
    pub(crate) chunk: usize,
    /// The longest line that is held.
    pub(crate) line: usize,
}

impl Bounds {
    /// The longest line with what may end it.
    fn held(self) -> usize {
        self.line + b"\r\n".len()
    }
}

/// What was found at an offset.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Chunk {
    /// Whole lines: the first so many bytes of the buffer.
    Lines(usize),
    /// One line beyond the limit, of so many bytes with its newline; the buffer has its beginning.
    TooLong(u64),
    /// In the middle of such a line; ask again.
    Skipping,
    /// So many NULs that belong to no line.
    Nuls(u64),
    /// No whole line; so many bytes of one.
    Half(u64),
}

/// How far into a line beyond the limit reading came.
#[derive(Debug, Default)]
pub(crate) struct Skip {
    /// Bytes of the line that were passed over; 0: not in such a line.
    passed: u64,
    head: Vec<u8>,
}

/// Reads the next chunk at `offset` into `buffer`, not beyond `limit`.
///
/// # Errors
/// What reading or unpacking says.
pub(crate) fn next(
    content: &mut Content,
    offset: u64,
    limit: u64,
    bounds: Bounds,
    skip: &mut Skip,
    buffer: &mut Vec<u8>,
) -> io::Result<Chunk> {
    buffer.clear();
    if skip.passed > 0 {
        return pass_over(content, offset, limit, bounds, skip, buffer);
    }
    let mut reached = read(content, offset, limit, buffer, bounds.chunk)?;
    let nuls = buffer.iter().take_while(|&&byte| byte == 0).count();
    if nuls > 0 {
        content.put_back(&buffer[nuls..]);
        return Ok(Chunk::Nuls(nuls as u64));
    }
    if let Some(newline) = memchr::memrchr(b'\n', buffer) {
        content.put_back(&buffer[newline + 1..]);
        return Ok(Chunk::Lines(newline + 1));
    }
    loop {
        if buffer.len() > bounds.held() {
            skip.passed = buffer.len() as u64;
            buffer.truncate(KEPT_BYTES);
            skip.head.clone_from(buffer);
            return Ok(Chunk::Skipping);
        }
        if reached == Reached::End {
            content.put_back(buffer);
            return Ok(Chunk::Half(buffer.len() as u64));
        }
        let searched = buffer.len();
        let want = bounds.chunk.min(bounds.held() + 1 - searched);
        reached = read(content, offset, limit, buffer, want)?;
        if let Some(newline) = memchr::memchr(b'\n', &buffer[searched..]) {
            let end = searched + newline + 1;
            content.put_back(&buffer[end..]);
            return Ok(Chunk::Lines(end));
        }
    }
}

/// One step further through a line beyond the limit.
fn pass_over(
    content: &mut Content,
    offset: u64,
    limit: u64,
    bounds: Bounds,
    skip: &mut Skip,
    buffer: &mut Vec<u8>,
) -> io::Result<Chunk> {
    let reached = read(content, offset + skip.passed, limit, buffer, bounds.chunk)?;
    if let Some(newline) = memchr::memchr(b'\n', buffer) {
        content.put_back(&buffer[newline + 1..]);
        let length = skip.passed + newline as u64 + 1;
        *buffer = std::mem::take(&mut skip.head);
        *skip = Skip::default();
        return Ok(Chunk::TooLong(length));
    }
    skip.passed += buffer.len() as u64;
    Ok(if reached == Reached::End { Chunk::Half(skip.passed) } else { Chunk::Skipping })
}

fn read(
    content: &mut Content,
    offset: u64,
    limit: u64,
    buffer: &mut Vec<u8>,
    want: usize,
) -> io::Result<Reached> {
    let left = limit.saturating_sub(offset + buffer.len() as u64);
    let allowed = usize::try_from(left).map_or(want, |left| left.min(want));
    let before = buffer.len();
    let reached = content.read(offset, buffer, allowed)?;
    let at_limit = (buffer.len() - before) as u64 == left;
    Ok(if at_limit { Reached::End } else { reached })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { chunk: 10, line: 20 };

    /// All chunks of a file with this text, as the bytes of each.
    fn chunks(text: &[u8], limit: u64) -> (Vec<Vec<u8>>, Chunk) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.log");
        std::fs::write(&path, text).unwrap();
        let (mut content, _) = Content::open(&path).unwrap();
        let (mut offset, mut buffer, mut skip, mut found) = (0, Vec::new(), Skip::default(), Vec::new());
        loop {
            match next(&mut content, offset, limit, BOUNDS, &mut skip, &mut buffer).unwrap() {
                Chunk::Lines(end) => {
                    found.push(buffer[..end].to_vec());
                    offset += end as u64;
                }
                Chunk::TooLong(length) => {
                    found.push(format!("{length} too long").into_bytes());
                    offset += length;
                }
                Chunk::Skipping => {}
                Chunk::Nuls(count) => {
                    found.push(format!("{count} NULs").into_bytes());
                    offset += count;
                }
                half => return (found, half),
            }
        }
    }

    #[test]
    fn a_chunk_is_whole_lines_or_one_longer_line() {
        let (found, rest) = chunks(b"aa\nbb\ncc\ndd\n0123456789abcd\nee\n", u64::MAX);
        assert_eq!(
            found,
            [b"aa\nbb\ncc\n".to_vec(), b"dd\n".into(), b"0123456789abcd\n".into(), b"ee\n".into()]
        );
        assert_eq!(rest, Chunk::Half(0));
    }

    #[test]
    fn a_half_line_waits_and_a_limit_is_an_end() {
        assert_eq!(chunks(b"aa\nbb", u64::MAX), (vec![b"aa\n".to_vec()], Chunk::Half(2)));
        assert_eq!(chunks(b"aa\nbb\ncc\n", 4), (vec![b"aa\n".to_vec()], Chunk::Half(1)));
    }

    #[test]
    fn a_hole_of_nuls_is_passed_over_however_long_and_the_line_behind_it_is_read() {
        let (found, _) = chunks(&[b"aa\n".to_vec(), vec![0; 45], b"bb\n".to_vec()].concat(), u64::MAX);
        assert_eq!(found.first().unwrap(), b"aa\n");
        assert_eq!(found.last().unwrap(), b"bb\n");
        assert!(found[1..found.len() - 1].iter().all(|chunk| chunk.ends_with(b" NULs")));
    }

    #[test]
    fn a_line_beyond_the_limit_is_passed_over_and_what_follows_is_read() {
        let text = [b"aa\n".to_vec(), vec![b'x'; 99], b"\nbb\n".to_vec()].concat();
        let (found, rest) = chunks(&text, u64::MAX);
        assert_eq!(found, [b"aa\n".to_vec(), b"100 too long".into(), b"bb\n".into()]);
        assert_eq!(rest, Chunk::Half(0));
        let unfinished = [b"aa\n".to_vec(), vec![b'x'; 99]].concat();
        assert_eq!(chunks(&unfinished, u64::MAX), (vec![b"aa\n".to_vec()], Chunk::Half(99)));
    }

    proptest::proptest! {
        #[test]
        fn every_byte_up_to_the_last_newline_is_given_once_and_in_order(
            text in proptest::collection::vec(proptest::sample::select(b"ab\0\r\n\n".to_vec()), 0..200),
            chunk in 1..40_usize,
            line in 1..40_usize,
        ) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("audit.log");
            std::fs::write(&path, &text).unwrap();
            let (mut content, _) = Content::open(&path).unwrap();
            let (mut offset, mut buffer, mut skip) = (0_usize, Vec::new(), Skip::default());
            let bounds = Bounds { chunk, line };
            loop {
                match next(&mut content, offset as u64, u64::MAX, bounds, &mut skip, &mut buffer).unwrap() {
                    Chunk::Lines(end) => {
                        assert_eq!(&buffer[..end], &text[offset..offset + end]);
                        assert!(buffer[..end].ends_with(b"\n"));
                        offset += end;
                    }
                    Chunk::TooLong(length) => {
                        let whole = &text[offset..offset + length as usize];
                        assert!(whole.ends_with(b"\n") && whole.len() > line + 2, "{whole:?}");
                        assert_eq!(whole.iter().filter(|&&byte| byte == b'\n').count(), 1);
                        offset += length as usize;
                    }
                    Chunk::Nuls(count) => {
                        assert!(text[offset..offset + count as usize].iter().all(|&byte| byte == 0));
                        offset += count as usize;
                    }
                    Chunk::Skipping => {}
                    Chunk::Half(bytes) => {
                        assert_eq!(bytes as usize, text.len() - offset);
                        assert!(!text[offset..].contains(&b'\n'));
                        break;
                    }
                }
            }
        }
    }
}
