//! The walk through an object to the values that are redacted.
//!
//! Promises: its stack is its own; what no redaction can be in is stepped over; if the text is no JSON, all of it is
//! redacted.

use super::Redactions;
use super::fingerprint::{Key, is_fingerprint};
use super::place::Place;
use crate::event::member_value;
use crate::scan::{self, Step, Walk};
use crate::splice::Splice;
use crate::text;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem;
use std::ops::Range;

pub(super) struct Redactor<'k, 'l, 'o> {
    pub(super) what: Redactions,
    pub(super) key: &'k Key,
    pub(super) splice: Splice<'l, 'o>,
}

/// An object or a list that the walk is in.
struct Frame<'l> {
    walk: Walk<'l>,
    is_object: bool,
    place: Place,
    /// An operation of a JSON patch: the place of its value.
    operand: Option<Place>,
}

impl Frame<'_> {
    fn member(&self, raw_key: &[u8], what: Redactions) -> Place {
        let key = text::unescape(raw_key);
        match self.operand {
            Some(place) if key == "value" => place,
            Some(_) => Place::Beside,
            None => self.place.member(key.as_bytes(), what),
        }
    }
}

impl<'l> Redactor<'_, 'l, '_> {
    /// Redacts the value at `range`.
    pub(super) fn object(&mut self, range: Range<usize>, place: Place) {
        let mark = self.splice.mark();
        if self.walk(range.start, place) != Some(range.end) {
            self.splice.back_to(mark);
            self.hide(range, Place::Hidden);
        }
    }

    /// Where the value at `start` ends.
    fn walk(&mut self, start: usize, place: Place) -> Option<usize> {
        let mut stack: Vec<Frame<'l>> = Vec::new();
        let mut next = (start, place);
        loop {
            let mut ended = match self.enter(next.0, next.1) {
                Some(frame) => {
                    stack.push(frame);
                    None
                }
                None => Some(self.leaf(next.0, next.1)?),
            };
            next = loop {
                let Some(frame) = stack.last_mut() else { return ended };
                if let Some(end) = ended.take() {
                    frame.walk.resume(end);
                }
                match self.step(frame)? {
                    Step::Item(next) => break next,
                    Step::End(end) => {
                        stack.pop();
                        ended = Some(end);
                    }
                }
            };
        }
    }

    fn step(&self, frame: &mut Frame<'l>) -> Option<Step<(usize, Place)>> {
        let line = self.splice.line();
        if frame.is_object {
            return Some(match frame.walk.next_member()? {
                Step::Item(member) => {
                    Step::Item((member.value_start, frame.member(member.raw_key(line), self.what)))
                }
                Step::End(end) => Step::End(end),
            });
        }
        Some(match frame.walk.next_element()? {
            Step::Item(start) => Step::Item((start, frame.place.element())),
            Step::End(end) => Step::End(end),
        })
    }

    /// Into a container that something may be redacted in.
    fn enter(&self, at: usize, place: Place) -> Option<Frame<'l>> {
        if !place.leads_on() {
            return None;
        }
        let line = self.splice.line();
        match line.get(at)? {
            b'[' => Some(Frame { walk: Walk::array(line, at)?, is_object: false, place, operand: None }),
            b'{' => {
                let object = &line[at..];
                let path = match place {
                    Place::Operation(_) => member_value(object, b"path").and_then(text::of_value),
                    _ => None,
                };
                let operand = path.map(|path| place.at(&path, self.what));
                let walk = Walk::object(line, at)?;
                Some(Frame { walk, is_object: true, place: place.entered(object), operand })
            }
            _ => None,
        }
    }

    /// Over a value that is not walked through, or in its place a fingerprint; the answer is where it ends.
    fn leaf(&mut self, at: usize, place: Place) -> Option<usize> {
        let end = scan::skip_value(self.splice.line(), at)?;
        match place {
            Place::Hidden | Place::HiddenData | Place::Each(_) => self.hide(at..end, place),
            Place::HiddenWithEnv if memmem::find(&self.splice.line()[at..end], b"env").is_some() => {
                self.hide(at..end, place);
            }
            _ => {}
        }
        Some(end)
    }

    fn hide(&mut self, range: Range<usize>, place: Place) {
        let value = &self.splice.line()[range.clone()];
        if value == b"null" || value == br#""""# {
            return;
        }
        let text = text::of_value(value);
        let plain = text.as_ref().map_or(value, |text| text.as_bytes());
        if text.is_some() && is_fingerprint(plain) {
            return;
        }
        let decoded = matches!(place, Place::HiddenData).then(|| STANDARD.decode(plain).ok()).flatten();
        let fingerprint = self.key.fingerprint(decoded.as_deref().unwrap_or(plain));
        self.splice.replace(range, format_args!("\"{fingerprint}\""));
    }
}
