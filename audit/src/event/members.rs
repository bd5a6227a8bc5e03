//! Where the members of an event's top level are in its line.
//!
//! Promise: the first [`INLINE`] members need no allocation; an event of the API server has at most 19.

use super::Field;
use crate::scan::Member;
use std::ops::Range;

const INLINE: usize = 20;
const ABSENT: u32 = u32::MAX;

/// One member: its field, where its key begins, where its value begins and ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) field: Field,
    key_start: u32,
    value_start: u32,
    value_end: u32,
}

impl Span {
    /// Positions are known to fit: [`super::Event::scan`] refuses longer lines.
    pub(crate) fn new(field: Field, member: &Member, value_end: usize) -> Span {
        let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Span {
            field,
            key_start: narrow(member.key_start),
            value_start: narrow(member.value_start),
            value_end: narrow(value_end),
        }
    }

    const NONE: Span = Span { field: Field::Other, key_start: 0, value_start: 0, value_end: 0 };

    /// From the quote of the key to the end of the value.
    pub(crate) fn whole(self) -> Range<usize> {
        self.key_start as usize..self.value_end as usize
    }

    /// The value.
    pub(crate) fn value(self) -> Range<usize> {
        self.value_start as usize..self.value_end as usize
    }
}

/// All members, in the order of the line, and for each field the last one that is not null.
#[derive(Debug, Clone)]
pub(crate) struct Members {
    inline: [Span; INLINE],
    more: Vec<Span>,
    count: u32,
    last: [u32; Field::COUNT],
}

impl Default for Members {
    fn default() -> Members {
        Members { inline: [Span::NONE; INLINE], more: Vec::new(), count: 0, last: [ABSENT; Field::COUNT] }
    }
}

impl Members {
    pub(crate) fn push(&mut self, span: Span, null: bool) {
        match self.inline.get_mut(self.count as usize) {
            Some(place) => *place = span,
            None => self.more.push(span),
        }
        if !null {
            self.last[span.field as usize] = self.count;
        }
        self.count += 1;
    }

    pub(crate) fn last(&self, field: Field) -> Option<Span> {
        let index = self.last[field as usize] as usize;
        self.inline.get(index).or_else(|| self.more.get(index.checked_sub(INLINE)?)).copied()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Span> {
        let inline = &self.inline[..INLINE.min(self.count as usize)];
        inline.iter().chain(&self.more).copied()
    }
}
