//! A YAML text as a tree, as the API server's reader takes it.
//!
//! Promises: never recurses on the text; aliases cannot make the tree grow beyond what the server's reader allows,
//! nor deeper than [`DEEPEST`]; what follows the first document is not read.

mod anchors;
mod fault;
mod merge;
mod prefix;
mod strictness;

use super::scalar::{self, Scalar};
use super::{DEEPEST, Document, Entry, Fault, Format, Key, Node, Place, Value};
use anchors::Anchors;
use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, Span, Tag};
use std::borrow::Cow;

/// The server's reader takes a comment right behind a quoted scalar; a text may have this many of them.
const MOST_TIGHT_COMMENTS: usize = 100;

/// Reads the first document of the text.
pub(super) fn read(text: &str) -> Result<Document, Fault> {
    let mut text = Cow::Borrowed(text.strip_prefix('\u{feff}').unwrap_or(text));
    for _ in 0..MOST_TIGHT_COMMENTS {
        match read_strictly(&text) {
            Err(Stop::TightComment(at)) => text.to_mut().insert(at, ' '),
            Err(Stop::Fault(fault)) => return Err(fault),
            Ok(document) => return Ok(document),
        }
    }
    Err(Fault {
        message: "yaml: too many comments without a blank before them".to_owned(),
        place: Place::START,
    })
}

/// Why reading stopped.
enum Stop {
    Fault(Fault),
    /// A blank is missing before a comment; putting it in moves nothing but the comment.
    TightComment(usize),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Stop {
        Stop::Fault(fault)
    }
}

fn read_strictly(text: &str) -> Result<Document, Stop> {
    prefix::check(text)?;
    let options = granit_parser::options! {
        emit_comments: false,
        bom_inside_document_as_content: true,
        block_scalar_eof_without_line_feed: true,
        flow_nesting_limit: DEEPEST,
        block_nesting_limit: DEEPEST,
    };
    let mut builder = Builder::default();
    let mut seen = strictness::Seen::default();
    let mut parser = Parser::new_from_str_with_options(text, options);
    let end = loop {
        let (event, span) = match parser.next_event() {
            Some(Ok(next)) => next,
            Some(Err(error)) => return Err(stop(text, &error)),
            None => break text.len(),
        };
        seen.take(text, &event, &span)?;
        match event {
            Event::DocumentStart(_, Some(version)) if (version.major, version.minor) != (1, 1) => {
                return Err(fault::at("yaml: found incompatible YAML document", &span).into());
            }
            Event::DocumentEnd => break span.end.byte_offset().unwrap_or(text.len()),
            Event::StreamEnd => break text.len(),
            event => builder.take(event, &span)?,
        }
    };
    prefix::check_characters(text, end)?;
    seen.check_tabs(text, end)?;
    let root = builder.root.unwrap_or(Node { place: Place::START, value: Value::Null });
    Ok(Document { root, format: Format::Yaml, ignored_from: second_document(&mut parser) })
}

fn stop(text: &str, error: &granit_parser::ScanError) -> Stop {
    let at = error.marker().byte_offset().unwrap_or(text.len());
    let comment = text
        .get(at..)
        .and_then(|rest| rest.find('#'))
        .filter(|skipped| *skipped <= 1)
        .map(|skipped| at + skipped);
    match comment {
        Some(at) if *error.kind() == ErrorKind::CommentNotSeparated => Stop::TightComment(at),
        _ => Stop::Fault(fault::of_scan(text, error)),
    }
}

/// Where another document with content begins; a text that breaks there is not looked at further.
fn second_document<'t>(parser: &mut Parser<'t, granit_parser::StrInput<'t>>) -> Option<Place> {
    loop {
        match parser.next_event()?.ok()? {
            (Event::DocumentStart(..), span) => return Some(place(&span)),
            (Event::StreamEnd, _) => return None,
            _ => {}
        }
    }
}

fn place(span: &Span) -> Place {
    Place { line: span.start.line(), column: span.start.col() + 1 }
}

/// A key that still waits for its value.
#[derive(Debug)]
enum Waiting {
    Key(Key, Place),
    Merge,
}

/// A collection that is still open.
#[derive(Debug)]
struct Open {
    place: Place,
    anchor: usize,
    /// How deep the deepest member is below this one.
    depth: usize,
    content: Content,
}

#[derive(Debug)]
enum Content {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, waiting: Option<Waiting> },
}

/// What an event completed.
struct Complete {
    node: Node,
    depth: usize,
    /// The scalar's own meaning, which a key needs.
    scalar: Option<Scalar>,
    /// Whether it is a plain `<<`, or tagged as a merge key.
    merge: bool,
}

#[derive(Debug, Default)]
struct Builder {
    open: Vec<Open>,
    anchors: Anchors,
    root: Option<Node>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: &Span) -> Result<(), Fault> {
        let place = place(span);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let complete = scalar_node(&text, style, tag.as_deref(), place)?;
                self.anchors.keep(anchor, &complete.node, 0, complete.scalar.as_ref());
                self.complete(complete)
            }
            Event::Alias(anchor) => {
                let complete = self.anchors.resolve(anchor, place)?;
                self.complete(complete)
            }
            Event::SequenceStart(_, anchor, _) => self.start(place, anchor, Content::List(Vec::new())),
            Event::MappingStart(_, anchor, _) => {
                self.start(place, anchor, Content::Map { entries: Vec::new(), waiting: None })
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            _ => Ok(()),
        }
    }

    fn start(&mut self, place: Place, anchor: usize, content: Content) -> Result<(), Fault> {
        self.anchors.count(place)?;
        self.open.push(Open { place, anchor, depth: 0, content });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Fault> {
        let Some(closed) = self.open.pop() else {
            return Ok(());
        };
        let value = match closed.content {
            Content::List(items) => Value::List(items),
            Content::Map { entries, .. } => Value::Map(entries),
        };
        let node = Node { place: closed.place, value };
        let depth = closed.depth + 1;
        self.anchors.keep(closed.anchor, &node, depth, None);
        self.complete(Complete { node, depth, scalar: None, merge: false })
    }

    /// Puts a complete node where it belongs.
    fn complete(&mut self, complete: Complete) -> Result<(), Fault> {
        self.anchors.count(complete.node.place)?;
        if self.open.len() + complete.depth > DEEPEST {
            return Err(Fault {
                message: format!("yaml: exceeded max depth of {DEEPEST}"),
                place: complete.node.place,
            });
        }
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(value(complete)?);
            return Ok(());
        };
        parent.depth = parent.depth.max(complete.depth);
        match &mut parent.content {
            Content::List(items) => items.push(value(complete)?),
            Content::Map { entries, waiting } => match waiting.take() {
                None => *waiting = Some(key(complete)?),
                Some(Waiting::Key(key, key_place)) => {
                    entries.push(Entry { key, key_place, value: value(complete)?, merged: false });
                }
                Some(Waiting::Merge) => merge::into(entries, value(complete)?)?,
            },
        }
        Ok(())
    }
}

fn key(complete: Complete) -> Result<Waiting, Fault> {
    let place = complete.node.place;
    if complete.merge {
        return Ok(Waiting::Merge);
    }
    let scalar =
        complete.scalar.ok_or_else(|| Fault { message: "yaml: invalid map key".to_owned(), place })?;
    let key = scalar.into_key().map_err(|message| Fault { message, place })?;
    Ok(Waiting::Key(key, place))
}

/// The node as a value, which some keys cannot be.
fn value(complete: Complete) -> Result<Node, Fault> {
    let place = complete.node.place;
    if let Some(scalar @ Scalar::Float(_)) = complete.scalar {
        scalar.into_value().map_err(|message| Fault { message, place })?;
    }
    Ok(complete.node)
}

fn scalar_node(text: &str, style: ScalarStyle, tag: Option<&Tag>, place: Place) -> Result<Complete, Fault> {
    let plain = style == ScalarStyle::Plain;
    let tag = tag.map_or(Cow::Borrowed(""), |tag| Cow::Owned(format!("{}{}", tag.handle(), tag.suffix())));
    let scalar = scalar::resolve(&tag, plain, text)
        .map_err(|message| Fault { message: format!("yaml: {message}"), place })?;
    // What only a key can be has no value; it is refused when it turns out to be one.
    let value = scalar.clone().into_value().unwrap_or(Value::Null);
    let merge = text == "<<" && (plain && tag.is_empty() || tag == "tag:yaml.org,2002:merge");
    Ok(Complete { node: Node { place, value }, depth: 0, scalar: Some(scalar), merge })
}
