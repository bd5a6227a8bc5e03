//! What the server's reader refuses before it looks at the structure.
//!
//! Promises: characters are checked as far as that reader looks, which is in pieces of 512 bytes; directives other
//! than `%YAML` and `%TAG` are refused.

use super::{Fault, Place};

/// The server's reader takes the text in pieces of this many bytes.
const PIECE: usize = 512;

/// Refuses directives that do not exist.
pub(super) fn check(text: &str) -> Result<(), Fault> {
    for (number, line) in text.lines().enumerate() {
        if let Some(directive) = line.strip_prefix('%') {
            let name = directive.split([' ', '\t']).next().unwrap_or_default();
            if !matches!(name, "YAML" | "TAG") {
                let place = Place { line: number + 1, column: 1 };
                return Err(Fault { message: "yaml: found unknown directive name".to_owned(), place });
            }
        } else if !line.trim().is_empty() && !line.starts_with('#') {
            break;
        }
    }
    Ok(())
}

/// Refuses characters that YAML does not allow, up to the end of the piece in which the document ends.
pub(super) fn check_characters(text: &str, document_end: usize) -> Result<(), Fault> {
    let end = document_end.next_multiple_of(PIECE);
    let (mut line, mut column) = (1, 1);
    for (at, c) in text.char_indices() {
        if at >= end {
            break;
        }
        if !is_allowed(c) {
            let message = "yaml: control characters are not allowed".to_owned();
            return Err(Fault { message, place: Place { line, column } });
        }
        (line, column) = if c == '\n' { (line + 1, 1) } else { (line, column + 1) };
    }
    Ok(())
}

fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
        && c != '\u{feff}'
}
