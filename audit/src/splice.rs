//! A line with pieces left out or replaced.
//!
//! Promises: what is not cut is copied byte for byte, in order; nothing is written until the first cut; a change
//! can be taken back to a mark.

use crate::scan::{self, Member, Step, Walk};
use std::io::Write;
use std::ops::Range;

/// Copies a line to `out`, but for the cuts, which must come in order.
pub(crate) struct Splice<'l, 'o> {
    line: &'l [u8],
    out: &'o mut Vec<u8>,
    copied: usize,
    changed: bool,
}

/// A state of a [`Splice`] to go back to.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    copied: usize,
    length: usize,
    changed: bool,
}

impl<'l, 'o> Splice<'l, 'o> {
    pub(crate) fn new(line: &'l [u8], out: &'o mut Vec<u8>) -> Splice<'l, 'o> {
        Splice { line, out, copied: 0, changed: false }
    }

    /// The line as it was.
    pub(crate) fn line(&self) -> &'l [u8] {
        self.line
    }

    /// Leaves a range out.
    pub(crate) fn cut(&mut self, range: Range<usize>) {
        self.out.extend_from_slice(&self.line[self.copied..range.start]);
        self.copied = range.end;
        self.changed = true;
    }

    /// Puts text in the place of a range.
    pub(crate) fn replace(&mut self, range: Range<usize>, text: std::fmt::Arguments<'_>) {
        self.cut(range);
        self.out.write_fmt(text).expect("writing to memory cannot fail");
    }

    /// Where the splice is now.
    pub(crate) fn mark(&self) -> Mark {
        Mark { copied: self.copied, length: self.out.len(), changed: self.changed }
    }

    /// Forgets everything behind the mark.
    pub(crate) fn back_to(&mut self, mark: Mark) {
        self.out.truncate(mark.length);
        self.copied = mark.copied;
        self.changed = mark.changed;
    }

    /// Copies the rest; `false` when nothing was cut, and then nothing was written.
    pub(crate) fn finish(self) -> bool {
        if self.changed {
            self.out.extend_from_slice(&self.line[self.copied..]);
        }
        self.changed
    }

    /// Removes the members of the object at `range` that `remove` says.
    pub(crate) fn trim_object(&mut self, range: Range<usize>, remove: impl Fn(&Member) -> bool) {
        // Positions are relative to the object, as `remove` sees it, and brought back for the cuts.
        let object = &self.line[range.clone()];
        let mut trim = Trim::default();
        let mut members = scan::members(object).peekable();
        while let Some((member, value)) = members.next() {
            let next = members.peek().map(|(next, _)| range.start + next.key_start);
            let whole = range.start + member.key_start..range.start + value.end;
            if remove(&member) { trim.remove(self, whole, next) } else { trim.keep(whole) }
        }
    }
}

/// Which comma goes with a removed member: the one behind it while nothing has been kept, else the one before it.
#[derive(Default)]
pub(crate) struct Trim {
    kept_end: Option<usize>,
}

impl Trim {
    /// A member stays.
    pub(crate) fn keep(&mut self, member: Range<usize>) {
        self.kept_end = Some(member.end);
    }

    /// A member goes; `next` is where the key of the next one begins.
    pub(crate) fn remove(&mut self, splice: &mut Splice<'_, '_>, member: Range<usize>, next: Option<usize>) {
        match (self.kept_end.replace(member.end), next) {
            (Some(kept_end), _) => splice.cut(kept_end..member.end),
            (None, next) => {
                splice.cut(member.start..next.unwrap_or(member.end));
                self.kept_end = None;
            }
        }
    }
}

/// Walks over the elements of the array at `at`, giving each start to `visit`, which returns where the element
/// ends; the answer is where the array ends.
pub(crate) fn each_element(
    line: &[u8],
    at: usize,
    mut visit: impl FnMut(usize) -> Option<usize>,
) -> Option<usize> {
    let mut walk = Walk::array(line, at)?;
    loop {
        match walk.next_element()? {
            Step::End(end) => return Some(end),
            Step::Item(start) => walk.resume(visit(start)?),
        }
    }
}
