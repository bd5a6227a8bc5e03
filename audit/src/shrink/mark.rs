//! The annotation that says what is missing.
//!
//! Promise: what was named before stays named.

use crate::event::{Event, Field, same_key};
use crate::scan;
use crate::splice::Splice;
use std::borrow::Cow;

/// The annotation's key; its value is a list, separated by commas.
pub const REMOVED: &str = "auditrail.dev/removed";

/// The event's line with the annotation.
pub(super) fn with_removed(event: &Event<'_>, removed: &[&str]) -> Vec<u8> {
    let before = event.annotation(REMOVED);
    let mut names: Vec<Cow<'_, str>> = Vec::new();
    let earlier =
        before.as_deref().unwrap_or_default().split(',').filter(|name| !name.is_empty()).map(Cow::Borrowed);
    for name in earlier.chain(removed.iter().map(|name| Cow::Borrowed(*name))) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let names = crate::go_text::json_string(&names.join(","));
    let mut out = Vec::with_capacity(event.line().len() + names.len() + 64);
    let mut splice = Splice::new(event.line(), &mut out);
    insert(event, &mut splice, &names);
    splice.finish();
    out
}

fn insert(event: &Event<'_>, splice: &mut Splice<'_, '_>, names: &str) {
    let line = event.line();
    let Some(annotations) = event.last(Field::Annotations) else {
        let end = event.spans().last().map_or(0, |span| span.whole().end);
        return splice.replace(end..end, format_args!(",\"annotations\":{{\"{REMOVED}\":{names}}}"));
    };
    let (start, object) = (annotations.value().start, &line[annotations.value()]);
    let mut members = scan::members(object);
    if let Some((_, value)) = scan::members(object)
        .filter(|(member, _)| same_key(member.raw_key(object), REMOVED.as_bytes()))
        .last()
    {
        return splice.replace(start + value.start..start + value.end, format_args!("{names}"));
    }
    let comma = if members.next().is_some() { "," } else { "" };
    splice.replace(start + 1..start + 1, format_args!("\"{REMOVED}\":{names}{comma}"));
}
