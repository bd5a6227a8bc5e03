//! Which detections rows may be about, told by the numbers of their texts.
//!
//! Promise: a row is meant exactly as [`Kind::detections`] tells of its texts, which are looked at once for each user, each
//! kind of request and each namespace, not for each row; only whether somebody is at home in a namespace is left to
//! [`By::is_there`](super::catalogue::By::is_there).

use super::catalogue::{DETECTIONS, Detection};
use super::select::Kinds;
use crate::groups::Groups;
use crate::requests::is_long;
use crate::rows::{Rows, Text};

/// Detections by their places, a bit for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bits(u32);

const _: () = assert!(DETECTIONS.len() <= 32, "there is a bit for each detection");

impl Bits {
    fn which(is: impl Fn(&Detection) -> bool) -> Bits {
        let bits = DETECTIONS.iter().enumerate().map(|(place, detection)| u32::from(is(detection)) << place);
        Bits(bits.sum())
    }

    pub(super) fn is_none(self) -> bool {
        self.0 == 0
    }

    /// The places of those that are in it.
    pub(super) fn places(self) -> impl Iterator<Item = usize> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let place = left.trailing_zeros();
            left &= left.wrapping_sub(1);
            (place < u32::BITS).then_some(place as usize)
        })
    }
}

/// Rows by what matters of them.
pub(super) struct Meant<'b> {
    who: Groups,
    what: Groups,
    namespace: Text<'b>,
    of_who: Vec<Bits>,
    of_what: Vec<Bits>,
    /// By the number of the namespace; the last one is that of none.
    of_namespace: Vec<Bits>,
    is_long: Vec<bool>,
}

/// What a row is about but for the name, by numbers that hold among these rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct About {
    who: u32,
    what: u32,
    namespace: u32,
}

impl<'b> Meant<'b> {
    pub(super) fn of(rows: &Rows<'b>, kinds: &Kinds<'b>, [user, acts_as]: [&Text<'b>; 2]) -> Meant<'b> {
        let texts = ["api_group", "resource", "subresource", "verb", "namespace"];
        let [group, resource, subresource, verb, namespace] = texts.map(|column| rows.text(column));
        let who = Groups::by(&[user, acts_as]);
        let what = Groups::by(&[&resource, &group, &subresource, &verb]);
        let long = |group: usize| {
            let row = what.example(group);
            is_long(verb.or_empty(row), subresource.or_empty(row))
        };
        let is_long = (0..what.len()).map(long).collect();
        let of_who = (0..who.len()).map(|group| {
            let kind = kinds.at(who.example(group));
            let is_component = kind.is_component();
            Bits::which(|found| found.rule.may_be_of(&kind) && found.by.is_them(&kind, is_component))
        });
        let of_what = (0..what.len()).map(|group| {
            let kind = kinds.at(what.example(group));
            Bits::which(|found| found.rule.may_be_about(&kind))
        });
        let mut of_namespace = namespace.each(|text| Bits::which(|found| found.rule.may_be_in(text)));
        of_namespace.push(Bits::which(|found| found.rule.may_be_in("")));
        let (of_who, of_what) = (of_who.collect(), of_what.collect());
        Meant { of_who, of_what, of_namespace, is_long, who, what, namespace }
    }

    /// What the row may be.
    pub(super) fn of_row(&self, row: usize) -> Bits {
        let namespace = (self.namespace.key(row) as usize).min(self.of_namespace.len() - 1);
        let [who, what] = [self.of_who[self.who.of(row)], self.of_what[self.what.of(row)]];
        Bits(who.0 & what.0 & self.of_namespace[namespace].0)
    }

    /// Whether the row's request is meant to last.
    pub(super) fn is_long(&self, row: usize) -> bool {
        self.is_long[self.what.of(row)]
    }

    pub(super) fn about(&self, row: usize) -> About {
        let number = |group: usize| u32::try_from(group).expect("a batch has fewer than 2^32 rows");
        About {
            who: number(self.who.of(row)),
            what: number(self.what.of(row)),
            namespace: self.namespace.key(row),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::table;
    use crate::laws;

    #[test]
    fn a_row_is_meant_as_its_texts_tell() {
        let detections = include_bytes!("../../../../tests/fixtures/detections.log");
        let detections = detections.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let lines: Vec<Vec<u8>> = detections.map(<[u8]>::to_vec).chain(laws::recording()).collect();
        let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
        let columns =
            ["user", "impersonated_user", "verb", "api_group", "resource", "subresource", "namespace"];
        let batch = table("a.log", &lines, &columns).unwrap();
        let rows = Rows::new(&batch);
        let (user, acts_as) = (rows.text("user"), rows.text("impersonated_user"));
        let kinds = Kinds::of(&rows);
        let meant = Meant::of(&rows, &kinds, [&user, &acts_as]);
        let mut all = 0;
        for row in 0..rows.len() {
            let kind = kinds.at(row);
            let places = meant.of_row(row).places().map(|place| &DETECTIONS[place]);
            let found: Vec<&str> =
                places.filter(|found| found.by.is_there(&kind)).map(|found| found.id).collect();
            assert_eq!(found, kind.detections().map(|found| found.id).collect::<Vec<_>>(), "{kind:?}");
            all |= meant.of_row(row).0;
        }
        let without_many_refusals = DETECTIONS.len() - 1;
        assert_eq!(all.count_ones() as usize, without_many_refusals, "not every detection is in the lines");
    }
}
