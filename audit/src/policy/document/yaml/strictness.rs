//! What YAML 1.2 allows and the server's reader of YAML 1.1 does not.
//!
//! Promise: refuses tabs where that reader wants blanks, the escapes that it does not know, and what it does not
//! take for one scalar or one key within brackets.

use super::{Fault, Place};
use granit_parser::{Event, ScalarStyle, Span};
use std::ops::Range;

/// What has been seen of a document, as far as these checks need it.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Quoted scalars, block scalars and flow collections: a tab in them is no indentation.
    free: Vec<Range<usize>>,
    /// Plain scalars: where each ends, and the indentation of the block that it is in.
    plain: Vec<(usize, usize)>,
    /// The columns of the open collections; `None` for flow ones, with where they begin.
    open: Vec<(Option<usize>, usize)>,
}

impl Seen {
    /// Takes note of an event; an unknown escape is refused at once.
    pub(super) fn take(&mut self, text: &str, event: &Event<'_>, span: &Span) -> Result<(), Fault> {
        let (start, end) = (byte(&span.start, text), byte(&span.end, text));
        if let (Event::Scalar(_, style, ..), Some((None, open))) = (event, self.open.last()) {
            let close = if text.as_bytes().get(*open) == Some(&b'[') { "']'" } else { "'}'" };
            check_flow_scalar(text, start..end, *style, span, close)?;
        }
        match event {
            Event::Scalar(_, ScalarStyle::Plain, ..) => {
                let indent = self.open.iter().rev().find_map(|(column, _)| *column).unwrap_or(0);
                self.plain.push((end, indent));
            }
            Event::Scalar(_, style, ..) => {
                if *style == ScalarStyle::DoubleQuoted {
                    check_escapes(text.get(start..end).unwrap_or_default(), super::place(span))?;
                }
                self.free.push(start..end);
            }
            Event::SequenceStart(..) | Event::MappingStart(..) => {
                let flow = matches!(text.as_bytes().get(start), Some(b'[' | b'{'));
                self.open.push(((!flow).then(|| span.start.col()), start));
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some((None, start)) = self.open.pop() {
                    self.free.push(start..end);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Refuses a tab in the indentation of a line, or behind the dash of a list.
    pub(super) fn check_tabs(mut self, text: &str, end: usize) -> Result<(), Fault> {
        self.free.sort_by_key(|range| (range.start, std::cmp::Reverse(range.end)));
        let mut line_start = 0;
        for (number, line) in text.split_inclusive('\n').enumerate() {
            let indentation = line.len() - line.trim_start_matches([' ', '\t', '-']).len();
            if let Some(column) = line[..indentation].find('\t') {
                let at = line_start + column;
                if at >= end {
                    break;
                }
                if !line.starts_with("---") && !self.is_free(at) {
                    self.check_tab(text, at, Place { line: number + 1, column: column + 1 })?;
                }
            }
            line_start += line.len();
        }
        Ok(())
    }

    fn is_free(&self, at: usize) -> bool {
        // Ranges are nested or apart, so the last one that begins before `at` need not be the one around it.
        self.free.iter().take_while(|range| range.start < at).any(|range| at < range.end)
    }

    fn check_tab(&self, text: &str, at: usize, place: Place) -> Result<(), Fault> {
        let before = self.plain.iter().take_while(|(end, _)| *end <= at).last();
        let behind_plain = before.filter(|(end, _)| text[*end..at].trim().is_empty());
        let words = match behind_plain {
            Some((_, indent)) if place.column > indent + 1 => return Ok(()),
            Some(_) => "found a tab character that violates indentation",
            None => "found character that cannot start any token",
        };
        Err(Fault { message: format!("yaml: line {}: {words}", place.line), place })
    }
}

/// In a flow collection a question mark ends a plain scalar, a colon begins none, and a key stands on one line.
fn check_flow_scalar(
    text: &str,
    range: Range<usize>,
    style: ScalarStyle,
    span: &Span,
    close: &str,
) -> Result<(), Fault> {
    let plain = if style == ScalarStyle::Plain { text.get(range.clone()).unwrap_or_default() } else { "" };
    let is_key = || text.get(range.end..).is_some_and(|rest| rest.trim_start().starts_with(':'));
    let words = if plain.starts_with(':') {
        "did not find expected node content".to_owned()
    } else if plain.contains('?') || (span.start.line() != span.end.line() && is_key()) {
        format!("did not find expected ',' or {close}")
    } else {
        return Ok(());
    };
    // The server's reader counts lines from 0 here.
    let line = span.end.line() - 1;
    Err(Fault { message: format!("yaml: line {line}: {words}"), place: super::place(span) })
}

fn byte(marker: &granit_parser::Marker, text: &str) -> usize {
    marker.byte_offset().unwrap_or(text.len())
}

/// YAML 1.1 knows no `\/`, and `\u` names characters, not halves of pairs.
fn check_escapes(raw: &str, place: Place) -> Result<(), Fault> {
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        let escape = &rest[at + 1..];
        let kind = escape.chars().next();
        let words = match kind {
            Some('/') => "found unknown escape character",
            Some('u') if escape.get(1..3).is_some_and(is_half) => {
                "found invalid Unicode character escape code"
            }
            _ => {
                rest = &escape[kind.map_or(0, char::len_utf8)..];
                continue;
            }
        };
        return Err(Fault { message: format!("yaml: line {}: {words}", place.line), place });
    }
    Ok(())
}

/// The first two digits of a surrogate.
fn is_half(digits: &str) -> bool {
    u8::from_str_radix(digits, 16).is_ok_and(|high| (0xd8..=0xdf).contains(&high))
}
