//! Long strings, cut.
//!
//! Promises: a cut string is a JSON string: no escape and no character is cut in two; it ends in [`SUFFIX`] and is
//! no longer than the limit, so that cutting it again changes nothing. Keys are never cut.

use crate::scan;
use crate::splice::Splice;
use std::ops::Range;

/// What a cut string ends in; the API server marks its own cuts so.
const SUFFIX: &str = "...TRUNCATED";

/// Cuts the string value at `range` to `limit` bytes between its quotes.
pub(super) fn cut(line: &[u8], range: Range<usize>, splice: &mut Splice<'_, '_>, limit: usize) {
    let inner = range.start + 1..range.end.saturating_sub(1);
    if line.get(range.start) != Some(&b'"') || inner.len() <= limit {
        return;
    }
    let kept = inner.start + boundary(&line[inner.clone()], limit - SUFFIX.len());
    splice.replace(kept..inner.end, format_args!("{SUFFIX}"));
}

/// Cuts every string of the line that is no key.
pub(super) fn cut_all(line: &[u8], splice: &mut Splice<'_, '_>, limit: usize) {
    let mut at = 0;
    while let Some(start) = line.get(at..).and_then(|rest| memchr::memchr(b'"', rest)).map(|found| at + found)
    {
        let Some(end) = scan::skip_string(line, start) else {
            return;
        };
        if line.get(scan::skip_space(line, end)) != Some(&b':') {
            cut(line, start..end, splice, limit);
        }
        at = end;
    }
}

/// The greatest length up to `limit` at which neither an escape nor a character is cut in two.
fn boundary(inner: &[u8], limit: usize) -> usize {
    let mut at = 0;
    let mut length = 0;
    while at <= limit {
        length = at;
        at += match inner.get(at) {
            None => break,
            Some(b'\\') if inner.get(at + 1) == Some(&b'u') => surrogates(&inner[at..]),
            Some(b'\\') => 2,
            Some(0xc0..) => {
                1 + inner[at + 1..].iter().take(3).take_while(|byte| (0x80..0xc0).contains(*byte)).count()
            }
            Some(_) => 1,
        };
    }
    length
}

/// How long the escape is, with the one that it forms a pair with.
fn surrogates(escape: &[u8]) -> usize {
    let is_pair = matches!(escape.get(2..4), Some([b'd' | b'D', b'8' | b'9' | b'a' | b'b' | b'A' | b'B']))
        && escape.get(6..8) == Some(b"\\u");
    if is_pair { 12 } else { 6 }
}

#[cfg(test)]
mod tests {
    use super::{boundary, cut_all};
    use crate::splice::Splice;

    #[test]
    fn neither_escapes_nor_characters_are_cut_in_two() {
        for (inner, limit, length) in [
            ("abcdef", 3, 3),
            (r"ab\ncd", 3, 2),
            (r"a\u003cb", 4, 1),
            (r"a\u003cb", 7, 7),
            (r"\ud83d\ude00x", 8, 0),
            (r"\ud83d\ude00x", 12, 12),
            ("éé", 3, 2),
            ("😀", 2, 0),
        ] {
            assert_eq!(boundary(inner.as_bytes(), limit), length, "{inner}");
        }
        assert_eq!(boundary(b"a\x80\x80\x80\x80\x80b", 4), 4);
    }

    #[test]
    fn values_are_cut_and_keys_are_not() {
        let long = "x".repeat(50);
        let line = format!(r#"{{"{long}":"{long}","a":["{long}","b"]}}"#);
        let mut out = Vec::new();
        let mut splice = Splice::new(line.as_bytes(), &mut out);
        cut_all(line.as_bytes(), &mut splice, 20);
        splice.finish();
        let cut = "xxxxxxxx...TRUNCATED";
        assert_eq!(String::from_utf8(out).unwrap(), format!(r#"{{"{long}":"{cut}","a":["{cut}","b"]}}"#));
    }
}
