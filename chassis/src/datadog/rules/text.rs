//! A line as text for patterns, whatever its bytes are.
//!
//! Promise: a byte that belongs to no character stands as one U+FFFD, as Go's patterns see it; ranges of the text lead
//! back to the line's own bytes.

use std::borrow::Cow;
use std::ops::Range;

/// A line, and its text.
#[derive(Debug)]
pub(super) struct Text<'l> {
    line: &'l [u8],
    text: Cow<'l, str>,
    /// Where in `text` a character stands for one byte.
    stand_ins: Vec<usize>,
}

impl<'l> Text<'l> {
    pub(super) fn of(line: &'l [u8]) -> Text<'l> {
        if let Ok(text) = std::str::from_utf8(line) {
            return Text { line, text: Cow::Borrowed(text), stand_ins: Vec::new() };
        }
        let (mut text, mut stand_ins) = (String::with_capacity(line.len() + 16), Vec::new());
        for chunk in line.utf8_chunks() {
            text.push_str(chunk.valid());
            for _ in chunk.invalid() {
                stand_ins.push(text.len());
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        Text { line, text: Cow::Owned(text), stand_ins }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// The line's bytes that stand in this range of the text.
    pub(super) fn bytes(&self, range: Range<usize>) -> &'l [u8] {
        &self.line[self.offset(range.start)..self.offset(range.end)]
    }

    fn offset(&self, at: usize) -> usize {
        let longer = char::REPLACEMENT_CHARACTER.len_utf8() - 1;
        at - longer * self.stand_ins.partition_point(|&stand_in| stand_in < at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn every_character_leads_back_to_its_bytes(
            line in proptest::collection::vec(proptest::sample::select(b"a\xff\xc3\xa9\xf0\x9f".to_vec()), 0..40),
        ) {
            let text = Text::of(&line);
            let mut joined = Vec::new();
            for (at, character) in text.as_str().char_indices() {
                let bytes = text.bytes(at..at + character.len_utf8());
                assert!(std::str::from_utf8(bytes).is_ok() || bytes.len() == 1);
                joined.extend_from_slice(bytes);
            }
            assert_eq!(joined, line);
        }
    }
}
