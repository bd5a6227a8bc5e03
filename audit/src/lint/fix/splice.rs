//! Changes in the text of a document.
//!
//! Promise: what is not changed stays as it is. How far a value goes is seen from its first character and from the
//! indentation, which may be wrong for unusual layouts: whoever splices reads the result again.

use super::change::{self, Change, Step};
use crate::policy::document::{Document, Format, Node, Place, Value};
use std::ops::Range;

/// A text that is changed between two places: what is there goes, something else comes.
pub(super) type Splice = (Range<usize>, String);

/// The changes in the text, in its order, if all of them could be placed.
pub(super) fn splices(lines: &Lines<'_>, document: &Document, changes: &[Change]) -> Option<Vec<Splice>> {
    let splicer = Splicer { text: lines.text, lines, root: &document.root };
    let mut edits = Vec::new();
    for change in changes {
        match change {
            Change::Replace { at, raw, .. } => {
                edits.push((splicer.scalar(change::node(&document.root, at)?)?, raw.clone()));
            }
            Change::Rename { at, name } => edits.push((splicer.key(at)?, scalar(name, document.format))),
            Change::Remove { at } => edits.push((splicer.removal(at)?, String::new())),
            Change::Move { from, to, before } => edits.extend(splicer.moving(from, to, *before)?),
            Change::Insert { to, name, word } => {
                let pair = format!("{}: {}", scalar(name, document.format), scalar(word, document.format));
                edits.push(splicer.insertion(to, &pair)?);
            }
            Change::Append { rule } => edits.push(splicer.appending(rule)?),
        }
    }
    edits.sort_by_key(|(range, _)| range.start);
    let apart = edits.windows(2).all(|pair| pair[0].0.end <= pair[1].0.start);
    apart.then_some(edits)
}

/// The text with splices, which are in its order.
pub(super) fn written(text: &str, splices: &[Splice]) -> String {
    let mut written = String::with_capacity(text.len());
    let mut done = 0;
    for (range, new) in splices {
        written.push_str(&text[done..range.start]);
        written.push_str(new);
        done = range.end;
    }
    written + &text[done..]
}

/// A text, and where its lines begin.
pub(super) struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
    line_break: &'static str,
}

impl<'t> Lines<'t> {
    pub(super) fn of(text: &'t str) -> Lines<'t> {
        let first = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        let others = text.match_indices('\n').map(|(at, _)| at + 1);
        let line_break = if text.contains("\r\n") { "\r\n" } else { "\n" };
        Lines { text, starts: std::iter::once(first).chain(others).collect(), line_break }
    }

    fn offset(&self, place: Place) -> Option<usize> {
        let start = *self.starts.get(place.line - 1)?;
        let mut columns =
            self.text[start..].char_indices().map(|(at, _)| start + at).chain([self.text.len()]);
        columns.nth(place.column - 1)
    }

    /// The place of a character.
    pub(super) fn place(&self, offset: usize) -> Place {
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts[line - 1].min(offset);
        Place { line, column: self.text[start..offset].chars().count() + 1 }
    }
}

/// How a text is written: bare where that means the same.
pub(super) fn scalar(word: &str, format: Format) -> String {
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"-./".contains(&byte);
    let bare =
        word.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic()) && word.bytes().all(letters);
    if bare && format == Format::Yaml { word.to_owned() } else { format!("\"{word}\"") }
}

/// A scalar as it is written.
pub(super) fn word(lines: &Lines<'_>, node: &Node) -> Option<String> {
    let splicer = Splicer { text: lines.text, lines, root: node };
    Some(lines.text[splicer.scalar(node)?].to_owned())
}

struct Splicer<'t> {
    text: &'t str,
    lines: &'t Lines<'t>,
    root: &'t Node,
}

impl Splicer<'_> {
    fn offset(&self, place: Place) -> Option<usize> {
        self.lines.offset(place)
    }

    fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind('\n').map_or(0, |end| end + 1)
    }

    /// Where the line ends, before its line break.
    fn line_end(&self, at: usize) -> usize {
        let end = self.text[at..].find('\n').map_or(self.text.len(), |length| at + length);
        at + self.text[at..end].trim_end_matches('\r').len()
    }

    fn scalar(&self, node: &Node) -> Option<Range<usize>> {
        let start = self.offset(node.place)?;
        let rest = &self.text[start..];
        let length = match rest.chars().next()? {
            quote @ ('"' | '\'') => quoted_length(rest, quote)?,
            _ => match &node.value {
                Value::Text(text) if rest.starts_with(text.as_str()) => text.len(),
                Value::Bool(_) | Value::Number(_) => {
                    rest.find(|c: char| c.is_whitespace() || ",]}#:".contains(c)).unwrap_or(rest.len())
                }
                _ => return None,
            },
        };
        (length > 0).then_some(start..start + length)
    }

    fn key(&self, at: &[Step]) -> Option<Range<usize>> {
        let entry = change::entry(self.root, at)?;
        let key = Node { place: entry.key_place, value: Value::Text(entry.key.text.clone()) };
        self.scalar(&key)
    }

    /// Where the value of an entry ends.
    fn end(&self, at: &[Step]) -> Option<usize> {
        let entry = change::entry(self.root, at)?;
        let start = self.offset(entry.value.place)?;
        match (&entry.value.value, self.text[start..].chars().next()?) {
            (Value::List(_) | Value::Map(_), '[' | '{') => {
                Some(start + balanced_length(&self.text[start..])?)
            }
            (Value::List(_) | Value::Map(_), _) => {
                let key = self.offset(entry.key_place)?;
                Some(self.block_end(start, key - self.line_start(key)))
            }
            _ => Some(self.scalar(&entry.value)?.end),
        }
    }

    /// Where a block collection ends whose key is indented this much: a list may be indented as much as its key.
    fn block_end(&self, start: usize, indent: usize) -> usize {
        let mut end = self.line_end(start);
        let mut at = end;
        while let Some(next) = self.text[at..].find('\n').map(|length| at + length + 1) {
            let line = &self.text[next..self.line_end(next)];
            at = self.line_end(next);
            let content = line.trim_start_matches(' ');
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            let depth = line.len() - content.len();
            let is_item = content == "-" || content.starts_with("- ");
            if depth < indent || (depth == indent && !is_item) {
                break;
            }
            end = at;
        }
        end
    }

    fn is_flow(&self, map: &Node) -> Option<bool> {
        Some(self.text[self.offset(map.place)?..].starts_with('{'))
    }

    /// Whether only blanks are before it in its line.
    fn begins_line(&self, at: usize) -> bool {
        self.text[self.line_start(at)..at].bytes().all(|byte| byte == b' ')
    }

    /// What goes when an entry goes.
    fn removal(&self, at: &[Step]) -> Option<Range<usize>> {
        let (Step::Entry(index), parent) = at.split_last()? else { return None };
        let map = change::node(self.root, parent)?;
        let beside = |index: usize| [parent, &[Step::Entry(index)]].concat();
        let start = self.key(at)?.start;
        let next = change::entries(map).get(index + 1).and_then(|next| self.offset(next.key_place));
        if self.is_flow(map)? {
            return match (next, index.checked_sub(1)) {
                (Some(next), _) => Some(start..next),
                (None, Some(before)) => Some(self.end(&beside(before))?..self.end(at)?),
                (None, None) => Some(start..self.end(at)?),
            };
        }
        if !self.begins_line(start) {
            return Some(start..next?);
        }
        let end = self.line_end(self.end(at)?);
        let line_break = self.text[end..].find('\n').map_or(0, |length| length + 1);
        Some(self.line_start(start)..end + line_break)
    }

    /// Takes an entry away and puts it into another map.
    fn moving(&self, from: &[Step], to: &[Step], before: usize) -> Option<[Splice; 2]> {
        let (_, parent) = from.split_last()?;
        let from_flow = self.is_flow(change::node(self.root, parent)?)?;
        let map = change::node(self.root, to)?;
        let target = self.offset(change::entries(map).get(before)?.key_place)?;
        let start = self.key(from)?.start;
        let end = self.end(from)?;
        if self.is_flow(map)? {
            let moved = format!("{}, ", &self.text[start..end]);
            return from_flow.then_some([(self.removal(from)?, String::new()), (target..target, moved)]);
        }
        let column = |at: usize| self.text[self.line_start(at)..at].chars().count();
        let indent = column(target);
        let end = if from_flow { end } else { self.line_end(end) };
        let moved = indented(&self.text[start..end], column(start), indent);
        let line_break = self.line_break();
        let at = self.above_comments(target);
        let new = if at == target {
            format!("{moved}{line_break}{}", " ".repeat(indent))
        } else {
            format!("{}{moved}{line_break}", " ".repeat(indent))
        };
        Some([(self.removal(from)?, String::new()), (at..at, new)])
    }

    /// An entry before the first one of a map.
    fn insertion(&self, to: &[Step], pair: &str) -> Option<Splice> {
        let map = change::node(self.root, to)?;
        let at = self.offset(change::entries(map).first()?.key_place)?;
        if self.is_flow(map)? {
            return Some((at..at, format!("{pair}, ")));
        }
        let indent = self.text[self.line_start(at)..at].chars().count();
        Some((at..at, format!("{pair}{}{}", self.line_break(), " ".repeat(indent))))
    }

    fn line_break(&self) -> &'static str {
        self.lines.line_break
    }

    /// The start of the comments that stand right above a key, at its own indentation; else the key.
    fn above_comments(&self, key: usize) -> usize {
        let mut top = self.line_start(key);
        let indent = &self.text[top..key];
        let own = |line: &str| line.strip_prefix(indent).is_some_and(|rest| rest.starts_with('#'));
        if !self.begins_line(key) {
            return key;
        }
        let mut found = false;
        while top > 0 && own(&self.text[self.line_start(top - 1)..top]) {
            top = self.line_start(top - 1);
            found = true;
        }
        if found { top } else { key }
    }

    /// A rule behind the last one.
    fn appending(&self, rule: &str) -> Option<Splice> {
        let rules = change::entries(self.root).iter().position(|entry| entry.key.text == "rules")?;
        let at = [Step::Entry(rules)];
        let list = change::node(self.root, &at)?;
        let last = change::list(self.root, &at)?.last()?;
        let end = self.end(&at)?;
        if self.text[self.offset(list.place)?..].starts_with('[') {
            let before = self.text[..end - 1].trim_end();
            let comma = if before.ends_with(',') { " " } else { ", " };
            let rule = if rule.starts_with('{') { rule.to_owned() } else { format!("{{{rule}}}") };
            return Some((before.len()..before.len(), format!("{comma}{rule}")));
        }
        let start = self.offset(last.place)?;
        let dash = &self.text[self.line_start(start)..start];
        let line_break = self.line_break();
        (dash.trim_matches(' ') == "-").then(|| (end..end, format!("{line_break}{dash}{rule}")))
    }
}

/// Lines after the first with another indentation.
fn indented(lines: &str, from: usize, to: usize) -> String {
    let mut text = String::new();
    for (number, line) in lines.split('\n').enumerate() {
        if number == 0 {
            text.push_str(line);
            continue;
        }
        let blanks = line.len() - line.trim_start_matches(' ').len();
        let depth = if line.trim().is_empty() { 0 } else { (blanks + to).saturating_sub(from) };
        text.push('\n');
        text.push_str(&" ".repeat(depth));
        text.push_str(&line[blanks..]);
    }
    text
}

fn quoted_length(text: &str, quote: char) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 1;
    loop {
        match *bytes.get(at)? {
            b'\\' if quote == '"' => at += 2,
            b'\'' if quote == '\'' && bytes.get(at + 1) == Some(&b'\'') => at += 2,
            byte if char::from(byte) == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
}

/// The length of a collection in brackets.
fn balanced_length(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut depth, mut at) = (0, 0);
    loop {
        match *bytes.get(at)? {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth -= 1,
            quote @ (b'"' | b'\'') if at > 0 && b" ,[{:\n".contains(&bytes[at - 1]) => {
                at += quoted_length(&text[at..], char::from(quote))? - 1;
            }
            b'#' if at > 0 && b" \n".contains(&bytes[at - 1]) => at += text[at..].find('\n')?,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}
