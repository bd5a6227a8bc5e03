//! Faults of YAML in the words of the server's reader.
//!
//! Promise: the place is always exact; the words are the server's where one of its messages fits.

use super::prefix;
use super::{Fault, Place, place};
use granit_parser::{ErrorKind, ScanError, Span};

/// A fault at the place of an event.
pub(super) fn at(message: &str, span: &Span) -> Fault {
    Fault { message: message.to_owned(), place: place(span) }
}

/// What the parser did not take.
pub(super) fn of_scan(text: &str, error: &ScanError) -> Fault {
    let marker = error.marker();
    let place = Place { line: marker.line().max(1), column: marker.col() + 1 };
    // A character that is not allowed breaks the server's reader before anything else can.
    if let Err(fault) = prefix::check_characters(text, marker.byte_offset().unwrap_or(text.len())) {
        return fault;
    }
    if *error.kind() == ErrorKind::UnknownAnchor {
        let name = alias_name(text, marker.byte_offset().unwrap_or(text.len()));
        return Fault { message: format!("yaml: unknown anchor '{name}' referenced"), place };
    }
    let (kind, end_line) = (error.kind(), text.matches('\n').count() + 1);
    let (line, words) = match (scanner_words(kind), parser_words(kind)) {
        (Some(words), _) if *kind == ErrorKind::UnclosedQuotedScalar => (end_line, words.to_owned()),
        // The server's reader only misses the colon at the end of the line.
        (Some(words), _) if *kind == ErrorKind::SimpleKeyExpected => (place.line + 1, words.to_owned()),
        (Some(words), _) if *kind == ErrorKind::TabInPlainScalar => {
            (tabbed_line(text, place.line), words.to_owned())
        }
        (Some(words), _) => (place.line, words.to_owned()),
        // The server's reader counts lines from 0 here, and then does not name line 0.
        (None, Some(words)) => (place.line - 1, words.to_owned()),
        (None, None) if matches!(kind, ErrorKind::UnclosedFlowCollection { .. }) => {
            (end_line - 1, "did not find expected ',' or ']'".to_owned())
        }
        (None, None) => (place.line, error.info().to_owned()),
    };
    let line = if line == 0 { String::new() } else { format!("line {line}: ") };
    Fault { message: format!("yaml: {line}{words}"), place }
}

/// The name of the alias at or just behind this place.
fn alias_name(text: &str, at: usize) -> &str {
    let alias = text.get(at..).and_then(|rest| rest.trim_start().strip_prefix('*')).unwrap_or_default();
    let end =
        alias.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-')).unwrap_or(alias.len());
    &alias[..end]
}

/// The first line from this one on that has a tab in its indentation.
fn tabbed_line(text: &str, from: usize) -> usize {
    let indented_by_tab = |line: &str| line.trim_start_matches(' ').starts_with('\t');
    text.lines().skip(from - 1).position(indented_by_tab).map_or(from, |lines| from + lines)
}

/// Faults of the server's scanner.
fn scanner_words(kind: &ErrorKind) -> Option<&'static str> {
    Some(match kind {
        ErrorKind::MissingAnchorOrAliasName => "did not find expected alphabetic or numeric character",
        ErrorKind::UnclosedQuotedScalar => "found unexpected end of stream",
        ErrorKind::DocumentIndicatorInQuotedScalar => "found unexpected document indicator",
        ErrorKind::TabInBlockIndentation | ErrorKind::TabInIndentation | ErrorKind::TabInPlainScalar => {
            "found a tab character that violates indentation"
        }
        ErrorKind::UnexpectedCharacter { .. } | ErrorKind::TabNotAllowed => {
            "found character that cannot start any token"
        }
        ErrorKind::MappingValueNotAllowed => "mapping values are not allowed in this context",
        ErrorKind::MappingKeyNotAllowed => "mapping keys are not allowed in this context",
        ErrorKind::BlockSequenceEntryNotAllowed => "block sequence entries are not allowed in this context",
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => "could not find expected ':'",
        ErrorKind::UnknownQuotedScalarEscape => "found unknown escape character",
        _ => return None,
    })
}

/// Faults of the server's parser.
fn parser_words(kind: &ErrorKind) -> Option<&'static str> {
    Some(match kind {
        ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::MisplacedFlowCollectionEnd
        | ErrorKind::InvalidTrailingSingleQuotedScalar
        | ErrorKind::InvalidTrailingDoubleQuotedScalar => "did not find expected key",
        ErrorKind::ExpectedFlowSequenceSeparator | ErrorKind::UnexpectedEofFlowSequence => {
            "did not find expected ',' or ']'"
        }
        ErrorKind::ExpectedFlowMappingSeparator
        | ErrorKind::FlowMappingValueAdjacentCollection
        | ErrorKind::UnexpectedEofFlowMapping => "did not find expected ',' or '}'",
        ErrorKind::ExpectedNodeContent | ErrorKind::UnexpectedEofImplicitFlowMapping => {
            "did not find expected node content"
        }
        ErrorKind::ExpectedBlockSequenceEntry => "did not find expected '-' indicator",
        ErrorKind::ExpectedDocumentStart => "did not find expected <document start>",
        _ => return None,
    })
}
