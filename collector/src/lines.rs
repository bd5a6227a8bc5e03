//! Lines are told apart: events, blanks, NUL runs, and what is no event.
//!
//! Promises: every byte that was read is counted once; an event's bytes are those of the file but for a `\r` at its
//! end and NULs before it; bytes within strings are not judged, so that invalid UTF-8 passes.

use std::ops::Range;

use serde::de::IgnoredAny;

use crate::tally::{Causes, Tally};

/// The cause of dead lines that are no event.
pub(crate) const QUARANTINE: &str = "quarantine";
/// What leaves out blank lines.
pub(crate) const BLANK: &str = "blank";
/// What leaves out runs of NULs, which copying and truncating a file in use leaves behind. They are no lines.
pub(crate) const NUL: &str = "nul";

/// What whole lines turned out to be. Places are offsets in the bytes that were judged.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Judged {
    /// How many lines there are.
    pub(crate) lines: u64,
    /// All of them.
    pub(crate) read: Tally,
    /// Lines left out on purpose.
    pub(crate) filtered: Causes,
    /// The events: number of the line, from 0, and where it is.
    pub(crate) events: Vec<(u64, Range<usize>)>,
    /// Bytes of the events, each with a newline.
    pub(crate) kept: Tally,
    /// Lines that are no events.
    pub(crate) bad: Vec<Bad>,
}

/// A line that is no event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Bad {
    /// Number of the line, from 0.
    pub(crate) number: u64,
    pub(crate) range: Range<usize>,
    pub(crate) why: String,
}

/// Judges `lines`, which end with a newline; a line beyond `longest` bytes is no event.
pub(crate) fn judge(lines: &[u8], longest: usize) -> Judged {
    let mut judged = Judged::default();
    let mut start = 0;
    for newline in memchr::memchr_iter(b'\n', lines) {
        judged.line(lines, start..newline, longest);
        start = newline + 1;
    }
    judged
}

impl Judged {
    fn line(&mut self, lines: &[u8], mut range: Range<usize>, longest: usize) {
        if lines[range.clone()].ends_with(b"\r") {
            range.end -= 1;
        }
        let nuls = lines[range.clone()].iter().take_while(|&&byte| byte == 0).count();
        range.start += nuls;
        self.read.add(Tally::new(0, nuls as u64));
        self.filtered.add(NUL, Tally::new(0, nuls as u64));
        let number = self.lines;
        let tally = Tally::new(1, range.len() as u64 + 1);
        self.lines += 1;
        self.read.add(tally);
        let line = &lines[range.clone()];
        if line.trim_ascii().is_empty() {
            self.filtered.add(BLANK, tally);
            return;
        }
        match no_event(line, longest) {
            None => {
                self.kept.add(tally);
                self.events.push((number, range));
            }
            Some(why) => self.bad.push(Bad { number, range, why }),
        }
    }

    /// Whether the events are the lines as they stand.
    pub(crate) fn is_all(&self, lines: &[u8]) -> bool {
        self.kept.events == self.lines && self.kept.bytes == lines.len() as u64
    }
}

/// Why `line` is no JSON object, if it is none.
fn no_event(line: &[u8], longest: usize) -> Option<String> {
    if line.len() > longest {
        return Some(too_long(line.len() as u64, longest));
    }
    if line.trim_ascii_start().first() != Some(&b'{') {
        return Some("no JSON object: it does not begin with `{`".to_owned());
    }
    serde_json::from_slice::<IgnoredAny>(line).err().map(|error| format!("no JSON object: {error}"))
}

/// Why a line of so many bytes is no event.
pub(crate) fn too_long(bytes: u64, longest: usize) -> String {
    format!("{bytes} bytes, and the longest line that is passed on has {longest} (max_line_size)")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(lines: &[u8]) -> Vec<(u64, &[u8])> {
        judge(lines, 100).events.into_iter().map(|(number, range)| (number, &lines[range])).collect()
    }

    #[test]
    fn every_line_takes_a_number_and_only_objects_are_events() {
        let lines = b"{\"a\":1}\n\n  \t\ngarbage\n[1]\n{\"a\":\n{\"b\":\"\xff\xfe\"}\r\n{} x\n {\"c\":2}\n";
        let expected: [(u64, &[u8]); 3] =
            [(0, b"{\"a\":1}"), (6, b"{\"b\":\"\xff\xfe\"}"), (8, b" {\"c\":2}")];
        assert_eq!(events(lines), expected);
        let judged = judge(lines, 100);
        assert_eq!(judged.lines, 9);
        assert_eq!(judged.bad.len(), 4);
        let blank = Tally::new(2, 1 + 4);
        let mut filtered = Causes::default();
        filtered.add(BLANK, blank);
        assert_eq!(judged.filtered, filtered);
        let bad: u64 = judged.bad.iter().map(|bad| bad.range.len() as u64 + 1).sum();
        assert_eq!(judged.read, Tally::new(9, blank.bytes + bad + judged.kept.bytes));
        assert!(!judged.is_all(lines));
    }

    #[test]
    fn nuls_before_a_line_are_counted_and_left_out() {
        let lines = b"\0\0\0{\"a\":1}\n\0\0\n";
        assert_eq!(events(lines), [(0, &b"{\"a\":1}"[..])]);
        assert_eq!(judge(lines, 100).read, Tally::new(2, lines.len() as u64));
    }

    #[test]
    fn a_line_over_the_limit_is_no_event_and_one_at_the_limit_is() {
        let line = |bytes: usize| format!("{{\"a\":\"{}\"}}\n", "x".repeat(bytes - 8)).into_bytes();
        assert!(judge(&line(100), 100).bad.is_empty());
        assert!(judge(&line(101), 100).bad[0].why.contains("101 bytes"));
    }

    #[test]
    fn deep_nesting_and_duplicate_keys_are_no_reason_to_refuse() {
        let deep = format!("{{\"a\":1,\"a\":{}{}}}\n", "[".repeat(40_000), "]".repeat(40_000));
        assert!(judge(deep.as_bytes(), 1 << 20).bad.is_empty());
    }
}
