//! Lists of events, as the API server's webhook backend posts them, become the lines of its log backend.
//!
//! Promises: an item of the list becomes exactly the line that the log backend would have written: `kind` and
//! `apiVersion` stand before the rest where the item has none, blanks between tokens go, tokens stay byte for byte
//! (order of keys, spelling of numbers, escapes, keys that come twice, invalid UTF-8 in strings); a document that is
//! no such list is refused as a whole, with why; nothing here calls itself, however deep a document is nested.

use std::ops::Range;

use memchr::{memchr2, memmem};
use serde::de::IgnoredAny;

const KIND: &[u8] = b"\"kind\":\"Event\",";
const API_VERSION: &[u8] = b"\"apiVersion\":\"audit.k8s.io/v1\",";
/// How the log backend begins every event.
const KIND_FIRST: &[u8] = b"{\"kind\":\"Event\",";
/// Items of a list, which the API server bounds with --audit-webhook-batch-max-size, 400 by default: what is spliced
/// into tiny ones is bounded with them.
const MOST_ITEMS: usize = 1 << 16;
/// Characters of a value that a message shows.
const SHOWN: usize = 64;

/// Why a document is no list of events that can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoEventList {
    /// It is not well-formed.
    #[error("no JSON at byte {offset}: {why}")]
    NotJson {
        /// Where that was noticed.
        offset: usize,
        /// What is wrong there.
        why: String,
    },
    /// It is JSON, and no object.
    #[error("no JSON object, so no EventList")]
    NoObject,
    /// A member that says what the document is stands there twice.
    #[error("`{0}` is there twice; an EventList has it once")]
    Twice(&'static str),
    /// It is something else.
    #[error("kind is {0}: only an EventList is read")]
    Kind(String),
    /// It is a list of another version.
    #[error(
        "apiVersion is {0}: only audit.k8s.io/v1 is read; the API server writes it with --audit-webhook-version=audit.k8s.io/v1"
    )]
    ApiVersion(String),
    /// There are no items, or they are something else.
    #[error("`items` is {0}: an EventList has a list of events there")]
    Items(&'static str),
    /// There are too many items.
    #[error("more than {MOST_ITEMS} items: set a smaller --audit-webhook-batch-max-size at the API server")]
    TooMany,
}

/// Whether `line` of a log file is a list of events, good or bad, and not an event. It costs next to nothing for the
/// lines that the API server writes.
pub fn is_event_list(line: &[u8]) -> bool {
    if line.starts_with(KIND_FIRST) || memmem::find(line, b"\"EventList\"").is_none() {
        return false;
    }
    let kind = Members::of(line).find(|member| names(member.key, "kind"));
    kind.is_some_and(|kind| &line[kind.value] == b"\"EventList\"")
}

/// Divides a list of events into lines, which are appended to `out`, each with a newline behind it; gives where they
/// are, without the newline. Items that are no objects become lines as they are: whoever judges lines refuses those.
///
/// # Errors
/// [`NoEventList`]; then nothing was appended.
pub fn split(document: &[u8], out: &mut Vec<u8>) -> Result<Vec<Range<usize>>, NoEventList> {
    well_formed(document)?;
    let items = items(document)?;
    let (mut lines, before) = (Vec::new(), out.len());
    out.reserve(items.len() + items.len() / 8);
    let mut at = blanks_end(document, items.start + 1);
    while at < items.end - 1 {
        let start = out.len();
        if lines.len() == MOST_ITEMS {
            out.truncate(before);
            return Err(NoEventList::TooMany);
        }
        at = blanks_end(document, event(document, at, out));
        lines.push(start..out.len());
        out.push(b'\n');
        if document.get(at) == Some(&b',') {
            at = blanks_end(document, at + 1);
        }
    }
    Ok(lines)
}

/// Whether all of the document is JSON, but for bytes within strings that are no UTF-8.
fn well_formed(document: &[u8]) -> Result<(), NoEventList> {
    let Err(error) = serde_json::from_slice::<IgnoredAny>(document) else { return Ok(()) };
    let before = memchr::memchr_iter(b'\n', document).take(error.line().saturating_sub(1));
    let offset = before.last().map_or(0, |newline| newline + 1) + error.column().saturating_sub(1);
    let said = error.to_string();
    let why = said.split(" at line ").next().unwrap_or(&said).to_owned();
    Err(NoEventList::NotJson { offset, why })
}

/// Where the items of a list are, with their brackets.
fn items(document: &[u8]) -> Result<Range<usize>, NoEventList> {
    if document.get(blanks_end(document, 0)) != Some(&b'{') {
        return Err(NoEventList::NoObject);
    }
    let wanted = ["kind", "apiVersion", "items"];
    let mut found = [const { None }; 3];
    for member in Members::of(document) {
        let Some(at) = wanted.iter().position(|name| names(member.key, name)) else { continue };
        if found[at].replace(member.value).is_some() {
            return Err(NoEventList::Twice(wanted[at]));
        }
    }
    let [kind, version, items] = found;
    let text =
        |value: &Option<Range<usize>>| value.as_ref().map_or(&b""[..], |value| &document[value.clone()]);
    if text(&kind) != b"\"EventList\"" {
        return Err(NoEventList::Kind(shown(text(&kind))));
    }
    if text(&version) != b"\"audit.k8s.io/v1\"" {
        return Err(NoEventList::ApiVersion(shown(text(&version))));
    }
    match items {
        None => Err(NoEventList::Items("missing")),
        Some(items) if document[items.start] == b'[' => Ok(items),
        Some(_) => Err(NoEventList::Items("no list")),
    }
}

/// A value as a message shows it.
fn shown(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    match text.chars().count() {
        0 => "missing".to_owned(),
        1..=SHOWN => text.into_owned(),
        _ => text.chars().take(SHOWN).chain("...".chars()).collect(),
    }
}

/// Writes the item at `at` as a line; gives where it ends.
fn event(document: &[u8], at: usize, out: &mut Vec<u8>) -> usize {
    if document.get(at) != Some(&b'{') {
        return copy(document, at, 0, out).end;
    }
    out.push(b'{');
    let body = out.len();
    // Items of the API server have neither, so that both are written before it is known.
    out.extend_from_slice(KIND);
    out.extend_from_slice(API_VERSION);
    let copied = copy(document, at + 1, 1, out);
    if copied.kind || copied.api_version {
        let kind = if copied.kind { &[] } else { KIND };
        let version = if copied.api_version { &[] } else { API_VERSION };
        let needed = kind.iter().chain(version).copied();
        out.splice(body..body + KIND.len() + API_VERSION.len(), needed);
    }
    if out.ends_with(b",}") {
        out.truncate(out.len() - 2); // it has no members of its own
        out.push(b'}');
    }
    copied.end
}

/// What copying a value came upon.
struct Copied {
    /// Where the value ends.
    end: usize,
    /// The object has a member `kind`.
    kind: bool,
    /// The object has a member `apiVersion`.
    api_version: bool,
}

/// Copies the value at `at`, or the rest of the object whose `{` is just before it (`depth` 1), without the blanks
/// between its tokens.
fn copy(text: &[u8], at: usize, mut depth: usize, out: &mut Vec<u8>) -> Copied {
    let mut copied = Copied { end: text.len(), kind: false, api_version: false };
    let (mut run, mut next, mut is_key) = (at, at, depth == 1);
    while let Some(byte) = text.get(next) {
        match byte {
            b'"' => {
                let end = string_end(text, next);
                if is_key && depth == 1 {
                    copied.kind |= names(&text[next..end], "kind");
                    copied.api_version |= names(&text[next..end], "apiVersion");
                }
                next = end;
                if depth == 0 {
                    copied.end = next;
                    break;
                }
                continue;
            }
            b',' | b']' | b'}' if depth == 0 => {
                copied.end = next;
                break;
            }
            b'{' | b'[' => (depth, is_key) = (depth + 1, false),
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    next += 1;
                    copied.end = next;
                    break;
                }
            }
            b',' => is_key = true,
            b':' => is_key = false,
            b' ' | b'\t' | b'\n' | b'\r' => {
                out.extend_from_slice(&text[run..next]);
                next = blanks_end(text, next);
                run = next;
                continue;
            }
            _ => {}
        }
        next += 1;
    }
    out.extend_from_slice(&text[run..next.min(text.len())]);
    copied
}

/// The members of an object; they end where the text is no object any more.
struct Members<'a> {
    text: &'a [u8],
    at: usize,
}

/// A member of an object.
struct Member<'a> {
    /// Its key, with the quotes.
    key: &'a [u8],
    value: Range<usize>,
}

impl<'a> Members<'a> {
    /// Those of the object that `text` begins with.
    fn of(text: &'a [u8]) -> Members<'a> {
        let start = blanks_end(text, 0);
        let at = if text.get(start) == Some(&b'{') { start + 1 } else { text.len() };
        Members { text, at }
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = Member<'a>;

    fn next(&mut self) -> Option<Member<'a>> {
        let text = self.text;
        let mut start = blanks_end(text, self.at);
        if text.get(start) == Some(&b',') {
            start = blanks_end(text, start + 1);
        }
        if text.get(start) != Some(&b'"') {
            return None;
        }
        let end = string_end(text, start);
        let colon = blanks_end(text, end);
        if text.get(colon) != Some(&b':') {
            return None;
        }
        let value = blanks_end(text, colon + 1);
        self.at = value_end(text, value);
        Some(Member { key: &text[start..end], value: value..self.at })
    }
}

/// Where the value at `at` ends.
fn value_end(text: &[u8], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => {
                at = string_end(text, at);
                if depth == 0 {
                    return at;
                }
                continue;
            }
            b'{' | b'[' => depth += 1,
            b',' | b' ' | b'\t' | b'\n' | b'\r' if depth == 0 => return at,
            b'}' | b']' if depth == 0 => return at,
            b'}' | b']' if depth == 1 => return at + 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    at
}

/// Where the string whose first quote is at `at` ends, behind its last quote.
fn string_end(text: &[u8], at: usize) -> usize {
    let mut next = at + 1;
    while let Some(found) = text.get(next..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        if text[next + found] == b'"' {
            return next + found + 1;
        }
        next += found + 2;
    }
    text.len()
}

fn blanks_end(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count()
}

/// Whether a key, with its quotes, is this name, however it is spelt.
fn names(key: &[u8], name: &str) -> bool {
    if memchr::memchr(b'\\', key).is_none() {
        return key.strip_prefix(b"\"").and_then(|key| key.strip_suffix(b"\"")) == Some(name.as_bytes());
    }
    serde_json::from_slice::<String>(key).is_ok_and(|key| key == name)
}

#[cfg(test)]
mod tests;
