//! Lines are told apart: events, lists of events, blanks, NUL runs, what rules leave out, and what is no event.
//!
//! Promises: every byte that was read is counted once; an event's bytes are those of the file but for a `\r` at its
//! end, NULs before it, and what a rule masks; bytes within strings are not judged, so that invalid UTF-8 passes. The
//! items of an EventList are lines as the log backend would have written them, and count as those.

use std::io;
use std::ops::Range;

use chassis::datadog::{Fate, Rules};
use proto::{Batch, Encoding};
use serde::de::IgnoredAny;

use crate::event_list;
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
    /// How many of the bytes they are: what masks make of a chunk may be no larger than the chunk or the longest
    /// line, so that the last lines may have to wait.
    pub(crate) used: usize,
    /// All of them.
    pub(crate) read: Tally,
    /// Lines left out on purpose.
    pub(crate) filtered: Causes,
    pub(crate) events: Vec<Event>,
    /// The events, with their bytes as read.
    pub(crate) kept: Tally,
    /// Lines that are no events.
    pub(crate) bad: Vec<Bad>,
    /// Lines that do not stand in the file as they go on.
    made: Vec<u8>,
}

/// An event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// Number of its line, from 0.
    pub(crate) number: u64,
    /// Bytes of its line as read, with one newline.
    pub(crate) read_bytes: u64,
    pub(crate) place: Place,
}

/// Where bytes stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the bytes that were judged.
    Raw(Range<usize>),
    /// In what was made of them.
    Made(Range<usize>),
}

/// A line that is no event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Bad {
    /// Number of the line, from 0.
    pub(crate) number: u64,
    /// Where it was read; for an item of a list, where the list was.
    pub(crate) range: Range<usize>,
    /// Its bytes as read, with one newline.
    pub(crate) bytes: u64,
    /// What of it may be kept.
    pub(crate) place: Place,
    pub(crate) why: String,
}

/// Judges `lines`, which end with a newline, after `rules` had their say; a line beyond `longest` bytes is no event.
pub(crate) fn judge(lines: &[u8], longest: usize, rules: &Rules) -> Judged {
    let most = lines.len().max(longest + 1);
    let mut judge = Judge { lines, longest, rules, most, out: 0, judged: Judged::default() };
    for newline in memchr::memchr_iter(b'\n', lines) {
        if !judge.line(newline) {
            break;
        }
    }
    judge.judged
}

struct Judge<'a> {
    lines: &'a [u8],
    longest: usize,
    rules: &'a Rules,
    /// Bytes that the lines may have when the rules are done with them.
    most: usize,
    /// Bytes that they have so far.
    out: usize,
    judged: Judged,
}

impl Judge<'_> {
    /// The next line, which ends at `newline`; false when there is no room for what it became.
    fn line(&mut self, newline: usize) -> bool {
        let mut range = self.judged.used..newline;
        if self.lines[range.clone()].ends_with(b"\r") {
            range.end -= 1;
        }
        let nuls = self.lines[range.clone()].iter().take_while(|&&byte| byte == 0).count();
        range.start += nuls;
        let line = &self.lines[range.clone()];
        if event_list::is_event_list(line) && line.len() <= self.longest {
            return self.list(range, newline, nuls);
        }
        let is_blank = line.trim_ascii().is_empty();
        let fate = if is_blank { Fate::Passes } else { self.rules.judge(line, self.longest) };
        let length = if let Fate::Masked { line, .. } = &fate { line.len() } else { line.len() };
        self.out += length + 1;
        if self.out > self.most && self.judged.lines > 0 {
            return false;
        }
        let judged = &mut self.judged;
        judged.reach(newline + 1, nuls);
        let tally = judged.count(line);
        match fate {
            _ if is_blank => judged.filtered.add(BLANK, tally),
            Fate::LeftOut(by) => judged.filtered.add(by, tally),
            fate => judged.stands(line, Place::Raw(range.clone()), range, fate, self.longest),
        }
        true
    }

    /// A list of events, which stands alone in its line.
    fn list(&mut self, range: Range<usize>, newline: usize, nuls: usize) -> bool {
        let document = &self.lines[range.clone()];
        let mut divided = Vec::new();
        let items = event_list::split(document, &mut divided).map_err(|error| error.to_string());
        let items = items.and_then(|items| match divided.len() > self.longest {
            true => {
                Err(format!("divided into lines it has {}", too_long(divided.len() as u64, self.longest)))
            }
            false => Ok(items),
        });
        self.out += divided.len().max(document.len() + 1);
        if self.out > self.most && self.judged.lines > 0 {
            return false;
        }
        let judged = &mut self.judged;
        judged.reach(newline + 1, nuls);
        match items {
            Ok(items) if items.is_empty() => {
                let tally = judged.count(document);
                judged.filtered.add(BLANK, tally);
            }
            Ok(items) => {
                let items = items.into_iter().map(|item| &divided[item]);
                items.for_each(|item| judged.item(item, range.clone(), self.rules, self.longest));
            }
            Err(why) => judged.no_list(document, range, self.rules.judge(document, self.longest), why),
        }
        true
    }
}

impl Judged {
    /// What comes before `used`, NULs among it, is dealt with.
    fn reach(&mut self, used: usize, nuls: usize) {
        self.used = used;
        self.read.add(Tally::new(0, nuls as u64));
        self.filtered.add(NUL, Tally::new(0, nuls as u64));
    }

    /// A line was read.
    fn count(&mut self, line: &[u8]) -> Tally {
        let tally = Tally::new(1, line.len() as u64 + 1);
        self.lines += 1;
        self.read.add(tally);
        tally
    }

    /// An item of the list that was read at `range`.
    fn item(&mut self, line: &[u8], range: Range<usize>, rules: &Rules, longest: usize) {
        let tally = self.count(line);
        match rules.judge(line, longest) {
            Fate::LeftOut(by) => self.filtered.add(by, tally),
            fate => {
                let place = self.make(if fate == Fate::Passes { line } else { b"" });
                self.stands(line, place, range, fate, longest);
            }
        }
    }

    /// A list that cannot be divided.
    fn no_list(&mut self, document: &[u8], range: Range<usize>, fate: Fate<'_>, why: String) {
        let tally = self.count(document);
        let place = match fate {
            Fate::LeftOut(by) => return self.filtered.add(by, tally),
            Fate::Masked { line, .. } => self.make(&line),
            Fate::Grown(_) => Place::Made(0..0),
            Fate::Passes => Place::Raw(range.clone()),
        };
        self.bad.push(Bad { number: self.lines - 1, range, bytes: tally.bytes, place, why });
    }

    /// Takes the last line, which no rule left out, as an event or as none. It stands at `place`.
    fn stands(&mut self, line: &[u8], place: Place, range: Range<usize>, fate: Fate<'_>, longest: usize) {
        let number = self.lines - 1;
        let read_bytes = line.len() as u64 + 1;
        let (place, why) = match fate {
            Fate::Masked { line: masked, .. } if line.len() > longest => {
                (self.make(&masked), Some(too_long(line.len() as u64, longest)))
            }
            Fate::Masked { by, line: masked } => {
                let why = no_event(&masked, longest).map(|what| match no_event(line, longest) {
                    None => format!("after the rule `{by}` masked it: {what}"),
                    Some(_) => what,
                });
                (self.make(&masked), why)
            }
            Fate::Grown(by) => {
                let grown = format!("the rule `{by}` makes it longer than {longest} bytes (max_line_size)");
                (Place::Made(0..0), Some(grown))
            }
            Fate::Passes | Fate::LeftOut(_) => (place, no_event(line, longest)),
        };
        match why {
            None => {
                self.kept.add(Tally::new(1, read_bytes));
                self.events.push(Event { number, read_bytes, place });
            }
            Some(why) => self.bad.push(Bad { number, range, bytes: read_bytes, place, why }),
        }
    }

    fn make(&mut self, line: &[u8]) -> Place {
        let start = self.made.len();
        self.made.extend_from_slice(line);
        Place::Made(start..self.made.len())
    }

    /// What stands at `place`; `lines` are those that were judged.
    pub(crate) fn bytes<'a>(&'a self, place: &Place, lines: &'a [u8]) -> &'a [u8] {
        match place {
            Place::Raw(range) => &lines[range.clone()],
            Place::Made(range) => &self.made[range.clone()],
        }
    }

    /// Whether the events are the lines as they stand.
    pub(crate) fn is_all(&self, lines: &[u8]) -> bool {
        self.made.is_empty() && self.kept.events == self.lines && self.kept.bytes == lines.len() as u64
    }
}

/// Puts the events among `lines` into a batch; `next` is the number of the first line.
///
/// # Errors
/// Only when compression fails.
pub(crate) fn packed(batch: Batch, next: u64, lines: &[u8], judged: &Judged) -> io::Result<Batch> {
    if batch.first == next && judged.is_all(lines) {
        let block = proto::encode_block(lines, Encoding::Zstd)?;
        let (events, block_bytes) = (judged.lines as u32, lines.len() as u64);
        return Ok(Batch { events, block, block_bytes, encoding: Encoding::Zstd.into(), ..batch });
    }
    let line = |event: &Event| (next + event.number, event.read_bytes, judged.bytes(&event.place, lines));
    batch.with_lines(judged.events.iter().map(line), Encoding::Zstd)
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
    use chassis::datadog::{ProcessingRule, RuleType};

    use super::*;

    fn judge(lines: &[u8], longest: usize) -> Judged {
        super::judge(lines, longest, &Rules::default())
    }

    fn events(lines: &[u8]) -> Vec<(u64, Vec<u8>)> {
        let judged = judge(lines, 100);
        let event = |event: &Event| (event.number, judged.bytes(&event.place, lines).to_vec());
        judged.events.iter().map(event).collect()
    }

    fn mask(pattern: &str, placeholder: &str) -> Rules {
        let rule = ProcessingRule {
            kind: RuleType::MaskSequences,
            name: "mask".into(),
            pattern: pattern.into(),
            replace_placeholder: Some(placeholder.into()),
        };
        Rules::new(&[], &[rule]).unwrap()
    }

    #[test]
    fn every_line_takes_a_number_and_only_objects_are_events() {
        let lines = b"{\"a\":1}\n\n  \t\ngarbage\n[1]\n{\"a\":\n{\"b\":\"\xff\xfe\"}\r\n{} x\n {\"c\":2}\n";
        let expected: [(u64, Vec<u8>); 3] =
            [(0, b"{\"a\":1}".to_vec()), (6, b"{\"b\":\"\xff\xfe\"}".to_vec()), (8, b" {\"c\":2}".to_vec())];
        assert_eq!(events(lines), expected);
        let judged = judge(lines, 100);
        assert_eq!(judged.lines, 9);
        assert_eq!(judged.bad.len(), 4);
        let blank = Tally::new(2, 1 + 4);
        let mut filtered = Causes::default();
        filtered.add(BLANK, blank);
        assert_eq!(judged.filtered, filtered);
        let bad: u64 = judged.bad.iter().map(|bad| bad.bytes).sum();
        assert_eq!(judged.read, Tally::new(9, blank.bytes + bad + judged.kept.bytes));
        assert!(!judged.is_all(lines));
    }

    #[test]
    fn the_items_of_a_list_are_lines_with_numbers_of_their_own_and_a_list_that_is_none_is_bad() {
        let list = |kind: &str, version: &str, items: &str| {
            format!("{{\"kind\":\"{kind}\",\"apiVersion\":\"audit.k8s.io/{version}\",\"items\":[{items}]}}\n")
        };
        let lines = [
            "{\"a\":1}\n".to_owned(),
            list("EventList", "v1", "{\"b\": 2}, 3,{\"c\":\"\"}"),
            list("EventList", "v1beta1", "{}"),
            list("EventList", "v1", ""),
            "{\"d\":4}\n".to_owned(),
        ];
        let lines = lines.concat();
        let judged = super::judge(lines.as_bytes(), 1000, &Rules::default());
        let head = "{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",";
        let all = |place| String::from_utf8_lossy(judged.bytes(place, lines.as_bytes())).into_owned();
        let events: Vec<_> = judged.events.iter().map(|event| (event.number, all(&event.place))).collect();
        let (b, c) = (format!("{head}\"b\":2}}"), format!("{head}\"c\":\"\"}}"));
        assert_eq!(
            events,
            [(0, "{\"a\":1}".into()), (1, b.clone()), (3, c.clone()), (6, "{\"d\":4}".into())]
        );
        let bad: Vec<_> = judged.bad.iter().map(|bad| (bad.number, all(&bad.place))).collect();
        assert_eq!((bad.len(), &bad[0]), (2, &(2, "3".to_owned())));
        assert!(judged.bad[1].why.contains("v1beta1"), "{}", judged.bad[1].why);
        assert_eq!((judged.lines, judged.used), (7, lines.len()));
        assert_eq!(judged.kept.bytes as usize, 2 * 8 + b.len() + c.len() + 2);
        let dead: u64 = judged.bad.iter().map(|bad| bad.bytes).sum();
        assert_eq!(judged.read.bytes, judged.kept.bytes + judged.filtered.sum().bytes + dead);
        assert!(!judged.is_all(lines.as_bytes()));
    }

    #[test]
    fn nuls_before_a_line_are_counted_and_left_out() {
        let lines = b"\0\0\0{\"a\":1}\n\0\0\n";
        assert_eq!(events(lines), [(0, b"{\"a\":1}".to_vec())]);
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

    #[test]
    fn a_masked_line_counts_as_it_was_read_and_one_that_a_mask_broke_is_kept_masked() {
        let lines = b"{\"key\":\"secret\"}\r\n{\"a\":1}\nkey secret\n{\"b\":\"secret}\"}\n";
        let judged = super::judge(lines, 100, &mask("secret}?\"?", "x"));
        let all = |place| judged.bytes(place, lines);
        let events: Vec<_> =
            judged.events.iter().map(|event| (event.read_bytes, all(&event.place))).collect();
        assert_eq!(events, [(8, &b"{\"a\":1}"[..])]);
        let bad: Vec<_> = judged.bad.iter().map(|bad| all(&bad.place)).collect();
        assert_eq!(bad, [&b"{\"key\":\"x}"[..], b"key x", b"{\"b\":\"x}"]);
        assert!(judged.bad[0].why.starts_with("after the rule `mask` masked it: no JSON object"));
        assert!(judged.bad[1].why.starts_with("no JSON object"));
        let unwrapped = super::judge(b"I1123 {\"a\":1}\n", 100, &mask("^[^{]*", ""));
        assert_eq!((unwrapped.events.len(), unwrapped.kept), (1, Tally::new(1, 14)));
        let long = super::judge(b"{\"a\":\"secret\"}\n", 12, &mask("secret", "x"));
        assert_eq!(long.bytes(&long.bad[0].place, b""), b"{\"a\":\"x\"}");
        assert!(long.bad[0].why.contains("max_line_size"));
        let judged = super::judge(lines, 100, &mask("secret", "a longer one"));
        let event = &judged.events[0];
        assert_eq!((event.number, event.read_bytes), (0, 17));
        assert_eq!(judged.bytes(&event.place, lines), b"{\"key\":\"a longer one\"}");
        assert_eq!(judged.kept, Tally::new(3, 17 + 8 + 16));
        assert!(!judged.is_all(lines));
    }

    #[test]
    fn what_masks_make_of_a_chunk_stays_within_its_bound_and_the_rest_waits() {
        let lines = b"{\"a\":\"s\"}\n".repeat(30);
        let rules = mask("s", &"x".repeat(40));
        let (mut at, mut events) = (0, 0);
        while at < lines.len() {
            let judged = super::judge(&lines[at..], 50, &rules);
            assert!(judged.used > 0 && judged.made.len() <= lines.len().max(50));
            assert_eq!(judged.read, Tally::new(judged.lines, judged.used as u64));
            events += judged.events.len();
            at += judged.used;
        }
        assert_eq!(events, 30);
        assert_eq!(super::judge(&lines, 40, &rules).bad.len(), 30);
    }
}
