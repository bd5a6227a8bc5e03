//! Parts of an object's metadata, left out as the API server leaves out managed fields.
//!
//! Promises: removed from the object itself, from each of `items` of a list, and from the object of each of `rows`
//! of a Table; nowhere else. If an item is no object, the whole object stays as it is. One walk, no allocation.

use crate::event::{member_value, plain_key, same_key};
use crate::scan::{self, Step, Walk};
use crate::splice::{Splice, Trim, each_element};
use crate::text;
use std::ops::Range;

/// The annotation in which `kubectl apply` keeps a copy of the whole object.
const LAST_APPLIED: &[u8] = b"kubectl.kubernetes.io/last-applied-configuration";

/// What is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// `metadata.managedFields`.
    ManagedFields,
    /// The annotation in which `kubectl apply` keeps a copy of the whole object.
    LastApplied,
}

/// Leaves a part out of the JSON value at `range`, if that is an object.
pub(crate) fn remove(part: Part, range: Range<usize>, splice: &mut Splice<'_, '_>) {
    let mark = splice.mark();
    if splice.line().get(range.start) == Some(&b'{') && part.object(range, splice).is_none() {
        splice.back_to(mark);
    }
}

impl Part {
    /// `None` when an item cannot have metadata; then the caller takes everything back.
    fn object(self, range: Range<usize>, splice: &mut Splice<'_, '_>) -> Option<usize> {
        let line = splice.line();
        let mut walk = Walk::object(line, range.start)?;
        loop {
            let member = match walk.next_member()? {
                Step::Item(member) => member,
                Step::End(end) => return Some(end),
            };
            let at = member.value_start;
            let end = match (&*plain_key(member.raw_key(line)), line.get(at)?) {
                (b"metadata", b'{') => self.metadata(at, splice)?,
                (b"items", b'[') => each_element(line, at, |item| self.item(item, splice))?,
                (b"rows", b'[') if is_table(&line[range.clone()]) => each_element(line, at, |row| {
                    enter(row, splice, b"object", |at, splice| self.item(at, splice))
                })?,
                _ => scan::skip_value(line, at)?,
            };
            walk.resume(end);
        }
    }

    /// An element of `items`: an object whose own metadata is trimmed.
    fn item(self, at: usize, splice: &mut Splice<'_, '_>) -> Option<usize> {
        enter(at, splice, b"metadata", |at, splice| self.metadata(at, splice))
    }

    fn metadata(self, at: usize, splice: &mut Splice<'_, '_>) -> Option<usize> {
        match self {
            Part::ManagedFields => trim(at, splice, b"managedFields"),
            Part::LastApplied => enter(at, splice, b"annotations", |annotations, splice| {
                trim(annotations, splice, LAST_APPLIED)
            }),
        }
    }
}

/// Steps into the members with this key that are objects, and over all others; the answer is where the object at
/// `at` ends.
fn enter(
    at: usize,
    splice: &mut Splice<'_, '_>,
    key: &[u8],
    mut inside: impl FnMut(usize, &mut Splice<'_, '_>) -> Option<usize>,
) -> Option<usize> {
    let line = splice.line();
    let mut walk = Walk::object(line, at)?;
    loop {
        let member = match walk.next_member()? {
            Step::Item(member) => member,
            Step::End(end) => return Some(end),
        };
        let start = member.value_start;
        let enters = same_key(member.raw_key(line), key) && line.get(start) == Some(&b'{');
        walk.resume(if enters { inside(start, splice)? } else { scan::skip_value(line, start)? });
    }
}

/// Removes the members with this key from the object at `at`; the answer is where that object ends.
fn trim(at: usize, splice: &mut Splice<'_, '_>, key: &[u8]) -> Option<usize> {
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
        if same_key(member.raw_key(line), key) {
            let next = if let Step::Item(next) = step { Some(next.key_start) } else { None };
            trim.remove(splice, member.key_start..end, next);
        } else {
            trim.keep(member.key_start..end);
        }
    }
}

/// Whether an object is a `Table` of `meta.k8s.io`.
fn is_table(object: &[u8]) -> bool {
    let value = |key| member_value(object, key).unwrap_or_default();
    text::is(value(b"kind"), "Table")
        && text::of_value(value(b"apiVersion")).is_some_and(|version| version.starts_with("meta.k8s.io/"))
}

#[cfg(test)]
mod tests {
    use super::{Part, remove};
    use crate::splice::Splice;

    fn trimmed(part: Part, object: &str) -> String {
        let mut out = Vec::new();
        let mut splice = Splice::new(object.as_bytes(), &mut out);
        remove(part, 0..object.len(), &mut splice);
        if splice.finish() { String::from_utf8(out).unwrap() } else { object.to_owned() }
    }

    #[test]
    fn managed_fields_go_from_the_object_its_items_and_the_objects_of_its_rows() {
        for (object, left) in [
            (r#"{"metadata":{"managedFields":[{"a":1}]}}"#, r#"{"metadata":{}}"#),
            (
                r#"{"metadata":{"name":"x","managedFields":[],"uid":"u"},"spec":1}"#,
                r#"{"metadata":{"name":"x","uid":"u"},"spec":1}"#,
            ),
            (r#"{"metadata":{"managedFields":null,"name":"x"}}"#, r#"{"metadata":{"name":"x"}}"#),
            (
                r#"{"items":[{"metadata":{"managedFields":[]}},{"metadata":{"name":"b"}},{}]}"#,
                r#"{"items":[{"metadata":{}},{"metadata":{"name":"b"}},{}]}"#,
            ),
            (
                r#"{"rows":[{"object":{"metadata":{"managedFields":[]}}},{"object":null}],"kind":"Table","apiVersion":"meta.k8s.io/v1"}"#,
                r#"{"rows":[{"object":{"metadata":{}}},{"object":null}],"kind":"Table","apiVersion":"meta.k8s.io/v1"}"#,
            ),
        ] {
            assert_eq!(trimmed(Part::ManagedFields, object), left);
        }
    }

    #[test]
    fn nested_copies_and_what_only_looks_like_them_stay() {
        for object in [
            r#"{"spec":{"template":{"metadata":{"managedFields":[]}}}}"#,
            r#"{"managedFields":[]}"#,
            r#"{"metadata":"managedFields"}"#,
            r#"{"rows":[{"object":{"metadata":{"managedFields":[]}}}],"kind":"Table","apiVersion":"example.com/v1"}"#,
            r#"{"metadata":{"managedFields":[]},"items":[1]}"#,
            r#"["managedFields"]"#,
            "null",
        ] {
            assert_eq!(trimmed(Part::ManagedFields, object), object);
        }
    }

    #[test]
    fn the_last_applied_configuration_goes_alone() {
        assert_eq!(
            trimmed(
                Part::LastApplied,
                r#"{"metadata":{"annotations":{"a":"b","kubectl.kubernetes.io/last-applied-configuration":"{}"}}}"#
            ),
            r#"{"metadata":{"annotations":{"a":"b"}}}"#
        );
    }
}
