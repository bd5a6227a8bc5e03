//! An event made to fit, by leaving out what is missed least.
//!
//! Promises: things go in one order, and no further down it than needed; what stays is kept byte for byte; the
//! result is a JSON event that names what went in the annotation [`REMOVED`]; shrinking it again for the same bound
//! changes nothing. Who did what to which object, when, and whether it was allowed, is only cut, never left out.

mod mark;
mod strings;

use crate::event::{Event, Field, NotAnEvent, Span, plain_key, same_key};
use crate::metadata::{self, Part};
use crate::scan;
use crate::splice::{Splice, Trim};
use std::borrow::Cow;

pub use mark::REMOVED;

/// The longest string that the last step leaves, in bytes of JSON.
const LONG: usize = 256;
/// How many groups and source addresses the last step leaves.
const MANY: usize = 16;

/// An event that fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shrunk<'a> {
    /// The line: the given one when nothing had to go.
    pub line: Cow<'a, [u8]>,
    /// What went this time, in the words of the annotation.
    pub removed: Vec<&'static str>,
}

/// Why an event cannot be made to fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TooSmall {
    /// The line is no event, so nothing in it is known to be less important.
    #[error("the line cannot be shrunk: {0}")]
    NotAnEvent(#[from] NotAnEvent),
    /// Everything that may go is gone.
    #[error("the event does not fit even with {bytes} bytes, when everything is gone that may go")]
    DoesNotFit {
        /// The size of the smallest form.
        bytes: usize,
    },
}

/// A step: what it takes away, and how.
type Step = (&'static str, fn(&Event<'_>, &mut Splice<'_, '_>));

/// All steps, in their order.
const STEPS: [Step; 13] = [
    ("managedFields", |event, splice| trim_objects(Part::ManagedFields, event, splice)),
    ("lastAppliedConfiguration", |event, splice| trim_objects(Part::LastApplied, event, splice)),
    ("responseObject", |event, splice| remove(event, splice, |span| span.field == Field::ResponseObject)),
    ("requestObject", |event, splice| remove(event, splice, |span| span.field == Field::RequestObject)),
    ("annotations", remove_annotations),
    ("user.extra", |event, splice| remove_extra(event, splice, Field::User)),
    ("impersonatedUser.extra", |event, splice| remove_extra(event, splice, Field::ImpersonatedUser)),
    ("requestURI", |event, splice| cut_field(event, splice, Field::RequestUri)),
    ("userAgent", |event, splice| cut_field(event, splice, Field::UserAgent)),
    ("otherFields", |event, splice| remove(event, splice, |span| span.field == Field::Other)),
    ("responseStatus", cut_status),
    ("longLists", cut_lists),
    ("longStrings", |event, splice| strings::cut_all(event.line(), splice, LONG)),
];

/// Makes an event fit, taking away as little as possible. `fits` is asked about every form, the given one first.
///
/// In this order, and only as needed: managed fields and the last applied configuration of both objects,
/// `responseObject`, `requestObject`, annotations other than those of the authorizer, `extra` of the users; then
/// long texts are cut.
///
/// # Errors
/// [`TooSmall`] when the line is no event, or does not fit in its smallest form.
pub fn shrink(line: &[u8], mut fits: impl FnMut(&[u8]) -> bool) -> Result<Shrunk<'_>, TooSmall> {
    if fits(line) {
        return Ok(Shrunk { line: Cow::Borrowed(line), removed: Vec::new() });
    }
    let mut current = line.to_vec();
    let mut removed = Vec::new();
    let mut smallest = line.len();
    for (name, step) in STEPS {
        let mut next = Vec::new();
        let event = Event::scan(&current)?;
        let mut splice = Splice::new(&current, &mut next);
        step(&event, &mut splice);
        if !splice.finish() {
            continue;
        }
        current = next;
        removed.push(name);
        let marked = mark::with_removed(&Event::scan(&current)?, &removed);
        if fits(&marked) {
            return Ok(Shrunk { line: Cow::Owned(marked), removed });
        }
        smallest = marked.len();
    }
    Err(TooSmall::DoesNotFit { bytes: smallest })
}

fn trim_objects(part: Part, event: &Event<'_>, splice: &mut Splice<'_, '_>) {
    for span in event.spans() {
        if matches!(span.field, Field::RequestObject | Field::ResponseObject) {
            metadata::remove(part, span.value(), splice);
        }
    }
}

fn remove(event: &Event<'_>, splice: &mut Splice<'_, '_>, goes: impl Fn(&Span) -> bool) {
    let mut trim = Trim::default();
    let mut spans = event.spans().peekable();
    while let Some(span) = spans.next() {
        let next = spans.peek().map(|next| next.whole().start);
        if goes(&span) { trim.remove(splice, span.whole(), next) } else { trim.keep(span.whole()) }
    }
}

/// The authorizer's annotations stay, since they say whether and why the request was allowed.
fn remove_annotations(event: &Event<'_>, splice: &mut Splice<'_, '_>) {
    let stays = |key: &[u8]| key.starts_with(b"authorization.") || key == REMOVED.as_bytes();
    for span in event.spans().filter(|span| span.field == Field::Annotations) {
        let object = &event.line()[span.value()];
        splice.trim_object(span.value(), |member| !stays(&plain_key(member.raw_key(object))));
    }
}

fn remove_extra(event: &Event<'_>, splice: &mut Splice<'_, '_>, field: Field) {
    for span in event.spans().filter(|span| span.field == field) {
        let object = &event.line()[span.value()];
        splice.trim_object(span.value(), |member| same_key(member.raw_key(object), b"extra"));
    }
}

fn cut_field(event: &Event<'_>, splice: &mut Splice<'_, '_>, field: Field) {
    for span in event.spans().filter(|span| span.field == field) {
        strings::cut(event.line(), span.value(), splice, LONG);
    }
}

/// The details go, the rest is cut.
fn cut_status(event: &Event<'_>, splice: &mut Splice<'_, '_>) {
    for span in event.spans().filter(|span| span.field == Field::ResponseStatus) {
        let object = &event.line()[span.value()];
        splice.trim_object(span.value(), |member| same_key(member.raw_key(object), b"details"));
    }
}

/// The first groups, and the last addresses, stay.
fn cut_lists(event: &Event<'_>, splice: &mut Splice<'_, '_>) {
    let line = event.line();
    for span in event.spans() {
        match span.field {
            Field::User | Field::ImpersonatedUser => {
                let object = &line[span.value()];
                let groups =
                    scan::members(object).filter(|(member, _)| same_key(member.raw_key(object), b"groups"));
                for (_, value) in groups {
                    cut_list(splice, span.value().start + value.start, |index, _| index < MANY);
                }
            }
            Field::SourceIps => cut_list(splice, span.value().start, |index, count| index + MANY >= count),
            _ => {}
        }
    }
}

fn cut_list(splice: &mut Splice<'_, '_>, at: usize, stays: impl Fn(usize, usize) -> bool) {
    let list = &splice.line()[at..];
    let count = scan::elements(list).count();
    let mut trim = Trim::default();
    let mut elements = scan::elements(list).enumerate().peekable();
    while let Some((index, element)) = elements.next() {
        let next = elements.peek().map(|(_, next)| at + next.start);
        let whole = at + element.start..at + element.end;
        if stays(index, count) { trim.keep(whole) } else { trim.remove(splice, whole, next) }
    }
}

#[cfg(test)]
mod tests;
