//! The values of a query string.
//!
//! Promise: path, names and separators stay as they are written, escapes included.

use super::fingerprint::{Key, is_fingerprint};
use crate::splice::Splice;
use crate::text;
use std::ops::Range;

/// Redacts the values of the query in the URI whose JSON string is at `range`.
pub(super) fn redact(range: Range<usize>, key: &Key, splice: &mut Splice<'_, '_>) {
    let line = splice.line();
    if range.len() < 2 || line[range.start] != b'"' {
        return;
    }
    let end = range.end - 1;
    let (mut at, mut in_query, mut value) = (range.start + 1, false, None);
    while at < end {
        let (character, next) = character(line, at, end);
        match (character, value) {
            (b'?', _) if !in_query => in_query = true,
            (b'=', None) if in_query => value = Some(next),
            (b'&', Some(start)) => {
                hide(start..at, key, splice);
                value = None;
            }
            _ => {}
        }
        at = next;
    }
    if let Some(start) = value {
        hide(start..end, key, splice);
    }
}

fn hide(value: Range<usize>, key: &Key, splice: &mut Splice<'_, '_>) {
    let raw = &splice.line()[value.clone()];
    let plain = text::unescape(raw);
    if !plain.is_empty() && !is_fingerprint(plain.as_bytes()) {
        splice.replace(value, format_args!("{}", key.fingerprint(plain.as_bytes())));
    }
}

/// The character at `at` of a JSON string, as far as it is ASCII (else 0), and where the next one begins.
fn character(line: &[u8], at: usize, end: usize) -> (u8, usize) {
    if line[at] != b'\\' {
        return (line[at], at + 1);
    }
    let length = if line.get(at + 1) == Some(&b'u') { 6 } else { 2 };
    let next = (at + length).min(end);
    match text::unescape(&line[at..next]).as_bytes() {
        [byte] => (*byte, next),
        _ => (0, next),
    }
}
