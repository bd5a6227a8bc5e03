//! Events that do not stand one on a line: printed prettily, as items of a list (`EventList`, kubectl's `List`, an
//! array), or several on a line. Each becomes the line that the API server would have written.
//!
//! Promises: a line as the API server writes it passes as it is; an event that is laid out otherwise has the same
//! tokens without the blanks between; a list is taken item by item, so that one item is in memory, up to the limit of a
//! line; what was torn, or is no JSON, is told with where it began, and the next whole line is read again.

use memchr::memchr2;
use memchr::memmem::{self, Finder};
use proto::MAX_LINE_BYTES;

use crate::recorded::{Line, Unread};

/// How the API server begins every event.
const KIND_FIRST: &[u8] = b"{\"kind\":\"Event\",";
const BEFORE: &[u8] = b"{\"kind\":\"EventList\",\"apiVersion\":\"audit.k8s.io/v1\",\"items\":[";
const BEHIND: &[u8] = b"]}";
/// Deeper is no audit event.
const DEEPEST: usize = 1 << 10;

/// Lines on their way to events.
#[derive(Debug)]
pub(crate) struct Documents {
    begun: Option<Begun>,
    /// Finds an event behind another in one line; made once, since that takes longer than to look.
    second: Finder<'static>,
}

impl Default for Documents {
    fn default() -> Documents {
        Documents { begun: None, second: Finder::new(KIND_FIRST) }
    }
}

/// A document whose end is not there yet.
#[derive(Debug)]
struct Begun {
    /// The line that the event begins in, or the document.
    number: u64,
    /// The event so far; or what may become one.
    value: Vec<u8>,
    too_long: bool,
    lines: u64,
    /// Whether each bracket that is open is that of a list.
    open: Vec<bool>,
    /// How many are open around an event of a list.
    around: Option<usize>,
    /// The list has ended: nothing behind it is told.
    is_behind: bool,
    /// The beginning of the last string right in the document's object.
    name: Vec<u8>,
    /// The last byte that is no blank.
    last: u8,
}

/// How a line goes on in a document.
enum Step {
    /// It ends with the document open.
    Open,
    /// An event, or the document, ends before this byte.
    Event(usize),
    /// The document ends before this byte, with nothing to tell.
    End(usize),
    /// That is no JSON.
    Wrong,
}

impl Documents {
    /// Takes a line, and gives `each` the lines that end in it.
    ///
    /// # Errors
    /// What `each` returns.
    pub(crate) fn take(
        &mut self,
        line: Line<'_>,
        each: &mut impl FnMut(Line<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let number = line.number;
        let Ok(bytes) = line.bytes else {
            self.give_up(each)?;
            return each(line);
        };
        if self.begun.as_ref().is_some_and(|begun| begun.is_torn_by(bytes)) {
            self.give_up(each)?;
        }
        if self.begun.is_none() && self.is_line(bytes) {
            return each(Line { number, bytes: Ok(bytes) });
        }
        self.walk(number, bytes, each)
    }

    /// No line follows.
    ///
    /// # Errors
    /// What `each` returns.
    pub(crate) fn finish(
        mut self,
        each: &mut impl FnMut(Line<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        self.give_up(each)
    }

    /// Whoever judges lines says what is wrong with one that is not whole.
    fn give_up(&mut self, each: &mut impl FnMut(Line<'_>) -> anyhow::Result<()>) -> anyhow::Result<()> {
        match self.begun.take() {
            Some(begun) if begun.too_long => each(Line { number: begun.number, bytes: Err(Unread::TooLong) }),
            Some(begun) if begun.around.is_some() && begun.value.is_empty() => {
                each(Line { number: begun.number, bytes: Ok(b"[ that is not closed") })
            }
            Some(begun) => each(Line { number: begun.number, bytes: Ok(&begun.value) }),
            None => Ok(()),
        }
    }

    /// Whether that is a line for whoever judges lines: an event, a list of them in one line, or nothing of the kind.
    fn is_line(&self, bytes: &[u8]) -> bool {
        let text = bytes.trim_ascii();
        let has = |what: &[u8]| memmem::find(text, what).is_some();
        match text.first() {
            // One that is torn is one line, too. A second event in it begins as the first does.
            _ if text.starts_with(KIND_FIRST) => self.second.find(&text[1..]).is_none(),
            Some(b'{') => {
                text.ends_with(b"}")
                    && !has(b"}{")
                    && !has(b"} {")
                    && (!has(b"\"items\"") || collector::is_event_list(text))
            }
            Some(b'[') => false,
            _ => true,
        }
    }

    fn walk(
        &mut self,
        number: u64,
        bytes: &[u8],
        each: &mut impl FnMut(Line<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut at = 0;
        loop {
            let rest = &bytes[at..];
            if rest.iter().all(u8::is_ascii_whitespace) && self.begun.is_none() {
                return Ok(());
            }
            let begun = self.begun.get_or_insert_with(|| Begun::at(number));
            match begun.step(number, rest) {
                Step::Open => {
                    begun.lines += 1;
                    begun.keep(b"\n");
                    return Ok(());
                }
                Step::Event(end) => {
                    begun.event(each)?;
                    at += end;
                    if begun.open.is_empty() {
                        self.begun = None;
                    }
                }
                Step::End(end) => {
                    at += end;
                    self.begun = None;
                }
                Step::Wrong if begun.lines == 0 => {
                    self.begun = None;
                    return each(Line { number, bytes: Ok(rest) });
                }
                Step::Wrong => {
                    self.give_up(each)?;
                    return each(Line { number, bytes: Ok(rest) });
                }
            }
        }
    }
}

impl Begun {
    fn at(number: u64) -> Begun {
        Begun {
            number,
            value: Vec::new(),
            too_long: false,
            lines: 0,
            open: Vec::new(),
            around: None,
            is_behind: false,
            name: Vec::new(),
            last: 0,
        }
    }

    /// Whether this line begins something new where nothing can begin.
    fn is_torn_by(&self, line: &[u8]) -> bool {
        let in_list = self.open.last().is_some_and(|list| *list);
        line.starts_with(b"{") && !(self.last == b':' || in_list && matches!(self.last, b'[' | b','))
    }

    /// Goes through a line up to where something ends.
    fn step(&mut self, number: u64, line: &[u8]) -> Step {
        let mut at = 0;
        while let Some(byte) = line.get(at) {
            let next = match byte {
                b'"' => match string_end(line, at) {
                    Some(end) => end,
                    None => return Step::Wrong,
                },
                _ => at + 1,
            };
            let token = &line[at..next];
            at = next;
            if byte.is_ascii_whitespace() {
                self.keep(token);
                continue;
            }
            if self.open.is_empty() && !matches!(byte, b'{' | b'[') {
                return Step::Wrong;
            }
            let is_between =
                !self.is_behind && self.around == Some(self.open.len()) && matches!(byte, b',' | b']');
            if is_between && !self.value.trim_ascii().is_empty() {
                // A value of the list that has no brackets: whoever judges lines refuses it.
                return Step::Event(at - 1);
            }
            if self.value.is_empty() {
                self.number = number;
            }
            if !is_between {
                self.keep(token);
            }
            if let Some(step) = self.brackets(*byte, token, at) {
                return step;
            }
            self.last = *byte;
        }
        Step::Open
    }

    /// What a token does to the brackets, and whether something ends with it.
    fn brackets(&mut self, byte: u8, token: &[u8], at: usize) -> Option<Step> {
        match byte {
            b'{' | b'[' if self.open.len() == DEEPEST => return Some(Step::Wrong),
            b'{' | b'[' => {
                let is_items = self.open == [false] && self.last == b':' && self.name == b"\"items\"";
                self.open.push(byte == b'[');
                if self.around.is_none() && byte == b'[' && (self.open.len() == 1 || is_items) {
                    self.around = Some(self.open.len());
                    self.value.clear();
                    self.too_long = false;
                }
            }
            b'}' | b']' => {
                if self.open.pop() != Some(byte == b']') {
                    return Some(Step::Wrong);
                }
                self.last = byte;
                return self.closed(at);
            }
            b'"' if self.open == [false] => token[..token.len().min(8)].clone_into(&mut self.name),
            _ => {}
        }
        None
    }

    fn closed(&mut self, at: usize) -> Option<Step> {
        match (self.around, self.open.len()) {
            (None, 0) => Some(Step::Event(at)),
            (Some(_), 0) => Some(Step::End(at)),
            _ if self.is_behind => None,
            (Some(around), open) if open == around => Some(Step::Event(at)),
            (Some(around), open) if open < around => {
                self.is_behind = true;
                self.value.clear();
                None
            }
            _ => None,
        }
    }

    /// Keeps bytes of an event.
    fn keep(&mut self, bytes: &[u8]) {
        if self.is_behind || self.too_long || (self.value.is_empty() && bytes.trim_ascii().is_empty()) {
            return;
        }
        if self.value.len() + bytes.len() > MAX_LINE_BYTES {
            self.too_long = true;
            self.value = b"{".to_vec();
            return;
        }
        self.value.extend_from_slice(bytes);
    }

    /// Gives the event that has ended.
    fn event(&mut self, each: &mut impl FnMut(Line<'_>) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let value = std::mem::take(&mut self.value);
        let number = self.number;
        if std::mem::take(&mut self.too_long) {
            return each(Line { number, bytes: Err(Unread::TooLong) });
        }
        let value = value.trim_ascii();
        if self.around.is_none() && self.lines == 0 {
            return each(Line { number, bytes: Ok(value) });
        }
        let (document, mut line) = ([BEFORE, value, BEHIND].concat(), Vec::new());
        match collector::split_event_list(&document, &mut line) {
            Ok(ranges) => {
                ranges.into_iter().try_for_each(|range| each(Line { number, bytes: Ok(&line[range]) }))
            }
            // Whoever judges lines says what is wrong with it.
            Err(_) => each(Line { number, bytes: Ok(value) }),
        }
    }
}

/// Where the string that begins at `at` ends; None when it does not end in this line.
fn string_end(line: &[u8], at: usize) -> Option<usize> {
    let mut next = at + 1;
    loop {
        let found = next + memchr2(b'"', b'\\', line.get(next..)?)?;
        if line[found] == b'"' {
            return Some(found + 1);
        }
        next = found + 2;
    }
}

#[cfg(test)]
mod tests;
