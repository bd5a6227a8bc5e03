//! `metadata.managedFields`, left out as the API server leaves it out.
//!
//! Promises: removed from the object itself, from each of `items` of a list, and from the object of each of `rows`
//! of a Table; nowhere else. If an item is no object, the whole object stays as it is. One walk, no allocation.

use crate::scan::{self, Step, Walk};
use crate::splice::{Splice, Trim, each_element};
use std::ops::Range;

/// Removes the managed fields of the JSON value at `range`, if it is an object.
pub(crate) fn remove(range: Range<usize>, splice: &mut Splice<'_, '_>) {
    let mark = splice.mark();
    if splice.line().get(range.start) == Some(&b'{') && object(range, splice).is_none() {
        splice.back_to(mark);
    }
}

/// `None` when an item cannot have metadata; then the caller takes everything back.
fn object(range: Range<usize>, splice: &mut Splice<'_, '_>) -> Option<usize> {
    let line = splice.line();
    let mut walk = Walk::object(line, range.start)?;
    loop {
        let member = match walk.next_member()? {
            Step::Item(member) => member,
            Step::End(end) => return Some(end),
        };
        let at = member.value_start;
        let end = match (member.raw_key(line), line.get(at)?) {
            (b"metadata", b'{') => metadata(at, splice)?,
            (b"items", b'[') => each_element(line, at, |item| item_object(item, splice))?,
            (b"rows", b'[') if is_table(&line[range.clone()]) => {
                each_element(line, at, |row| table_row(row, splice))?
            }
            _ => scan::skip_value(line, at)?,
        };
        walk.resume(end);
    }
}

/// An element of `items`: an object whose own metadata is trimmed.
fn item_object(at: usize, splice: &mut Splice<'_, '_>) -> Option<usize> {
    trim_below(at, splice, b"metadata", metadata)
}

/// An element of `rows`: its `object` is trimmed, if it has one.
fn table_row(at: usize, splice: &mut Splice<'_, '_>) -> Option<usize> {
    trim_below(at, splice, b"object", item_object)
}

/// Steps into the members with this key that are objects, and over all others.
fn trim_below(
    at: usize,
    splice: &mut Splice<'_, '_>,
    key: &[u8],
    inside: impl Fn(usize, &mut Splice<'_, '_>) -> Option<usize>,
) -> Option<usize> {
    let line = splice.line();
    let mut walk = Walk::object(line, at)?;
    loop {
        let member = match walk.next_member()? {
            Step::Item(member) => member,
            Step::End(end) => return Some(end),
        };
        let start = member.value_start;
        let enters = member.raw_key(line) == key && line.get(start) == Some(&b'{');
        walk.resume(if enters { inside(start, splice)? } else { scan::skip_value(line, start)? });
    }
}

/// Removes `managedFields` from the metadata object at `at`; the answer is where that object ends.
fn metadata(at: usize, splice: &mut Splice<'_, '_>) -> Option<usize> {
    let line = splice.line();
    let mut trim = Trim::default();
    let mut walk = Walk::object(line, at)?;
    let mut step = walk.next_member()?;
    loop {
        let member = match step {
            Step::Item(member) => member,
            Step::End(end) => return Some(end),
        };
        let end = scan::skip_value(line, member.value_start)?;
        walk.resume(end);
        step = walk.next_member()?;
        if member.raw_key(line) == b"managedFields" {
            let next = if let Step::Item(next) = step { Some(next.key_start) } else { None };
            trim.remove(splice, member.key_start..end, next);
        } else {
            trim.keep(member.key_start..end);
        }
    }
}

/// Whether an object is a `Table` of `meta.k8s.io`.
fn is_table(object: &[u8]) -> bool {
    let value = |key| crate::event::member_value(object, key).unwrap_or_default();
    value(b"kind") == br#""Table""# && value(b"apiVersion").starts_with(br#""meta.k8s.io/"#)
}
