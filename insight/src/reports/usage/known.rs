//! Uses, kept small: each text once, and all else by its number.
//!
//! Promises: what [`audit::rbac::Uses`] would keep of the same requests where there is room for all, and else a fair share
//! of it for every user (`room`), whatever the order; a name is kept only where a use is still known by its names.

use std::collections::BTreeMap;

use audit::rbac::{Left, MOST_NAMES, MOST_VIAS, Observation, Target, Via};
use serde::{Deserialize, Serialize};

mod room;
mod told;

use super::numbered::{Numbered, Texts};
use super::table::Table;
use crate::rows::NONE;
use room::{Kept, Room};

/// Uses of permissions.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Known {
    pub(super) texts: Texts,
    whos: Numbered<Who>,
    uses: Table<Seen>,
    left: BTreeMap<Left, u64>,
    span: Option<(i64, i64)>,
    room: Room,
}

/// A user, and then the groups in the order of their texts, by number.
type Who = Vec<u32>;

/// Who did what, but for the names, all by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Use {
    pub(super) who: u32,
    pub(super) verb: u32,
    pub(super) group: u32,
    pub(super) resource: u32,
    pub(super) subresource: u32,
    pub(super) namespace: u32,
    /// [`NONE`] for a use of a resource.
    pub(super) path: u32,
}

/// As [`audit::rbac::Seen`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Seen {
    allowed: Tally,
    refused: Tally,
    forbidden_after: u64,
    /// By which bindings, in the order of the numbers of the API server's reasons.
    via: Vec<Reason>,
}

/// A reason of the API server's, with the requests that it is of.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Reason {
    text: u32,
    count: u64,
    last: i64,
}

/// As [`audit::rbac::Tally`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Tally {
    count: u64,
    /// Numbers of names in their order, with requests of each.
    names: Vec<(u32, u64)>,
    many: bool,
    first: i64,
    last: i64,
}

/// Requests that are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Alike {
    pub(super) count: u64,
    pub(super) forbidden_after: u64,
    pub(super) first: i64,
    pub(super) last: i64,
}

impl Alike {
    pub(super) fn add(&mut self, other: Alike) {
        self.count += other.count;
        self.forbidden_after += other.forbidden_after;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }
}

impl Known {
    /// The number of a user with these groups.
    pub(super) fn who<'t>(&mut self, user: &str, groups: impl Iterator<Item = &'t str>) -> u32 {
        let mut groups: Vec<&str> = groups.collect();
        groups.sort_unstable();
        groups.dedup();
        let all = std::iter::once(user).chain(groups);
        let numbers: Who = all.map(|text| self.texts.number(text)).collect();
        self.whos.put(&numbers[..], <[u32]>::to_vec)
    }

    /// Adds requests of a use. The name's number is asked for only where it is kept; `via` is that of a reason.
    pub(super) fn add(
        &mut self,
        of: Use,
        allowed: bool,
        alike: Alike,
        name: impl FnOnce(&mut Texts) -> u32,
        via: Option<u32>,
    ) {
        self.spans(alike.first, alike.last);
        if self.is_cut(of) {
            self.room.add_rest(self.user_of(&of), alike.count);
            return;
        }
        let seen = self.uses.of(of);
        seen.forbidden_after += alike.forbidden_after;
        let via = via.map(|text| Reason { text, count: alike.count, last: alike.last });
        via.into_iter().for_each(|via| seen.add_via(via, &self.texts));
        let tally = if allowed { &mut seen.allowed } else { &mut seen.refused };
        tally.count(alike.count, alike.first, alike.last);
        if !tally.many {
            tally.add_name(name(&mut self.texts), alike.count);
        }
    }

    /// Adds a use that is told as the events tell it.
    pub(super) fn observe(&mut self, seen: &Observation) {
        let who = self.who(&seen.who.user, seen.who.groups.iter().map(String::as_str));
        let mut number = |text: &str| self.texts.number(text);
        let verb = number(&seen.request.verb);
        let ([group, resource, subresource, namespace], path, name) = match &seen.request.target {
            Target::Path(path) => ([number(""); 4], number(path), ""),
            Target::Resource { group, resource, subresource, namespace, name } => {
                let texts = [group, resource, subresource, namespace];
                (texts.map(|text| number(text)), NONE, name.as_str())
            }
        };
        let via = seen.via.as_ref().map(|via| number(&via.to_string()));
        let Observation { count, forbidden_after, first, last, .. } = *seen;
        let alike = Alike { count, forbidden_after, first, last };
        let of = Use { who, verb, group, resource, subresource, namespace, path };
        self.add(of, seen.allowed, alike, |texts| texts.number(name), via);
    }

    /// About so many uses more will be added.
    pub(super) fn expect(&mut self, uses: usize) {
        self.uses.expect(uses);
    }

    /// Counts what is no use.
    pub(super) fn leave(&mut self, left: Left, count: u64) {
        if count > 0 {
            *self.left.entry(left).or_default() += count;
        }
    }

    /// Adds what another one knows, whose numbers are its own.
    pub(super) fn merge(&mut self, mut other: Known) {
        if other.uses.len() > self.uses.len() {
            std::mem::swap(self, &mut other);
        }
        self.absorb(other, None);
        self.make_room();
    }

    /// Makes room when there are far too many uses. Numbers of before are none of this one any more.
    pub(super) fn make_room(&mut self) {
        if let Some(mut kept) = Some(()).filter(|()| self.is_crowded()).and_then(|()| self.kept()) {
            let mut all = std::mem::take(self);
            all.room = std::mem::take(&mut kept.room);
            self.absorb(all, Some(&kept));
        }
    }

    /// Adds what another one knows, of its uses only those that are kept.
    fn absorb(&mut self, mut other: Known, kept: Option<&Kept>) {
        std::mem::take(&mut other.left).into_iter().for_each(|(left, count)| self.leave(left, count));
        other.span.into_iter().for_each(|(first, last)| self.spans(first, last));
        let uses = std::mem::take(&mut other.uses);
        let room = std::mem::take(&mut other.room);
        let mut numbers = Numbers::new(&other);
        self.room.halved = self.room.halved.max(room.halved);
        room.others.into_iter().for_each(|count| self.room.add_others(count));
        for (user, count) in room.rest {
            let user = numbers.texts.of(user, &mut self.texts);
            self.room.add_rest(user, count);
        }
        for (user, cut) in room.cuts {
            let user = numbers.texts.of(user, &mut self.texts);
            self.room.cuts.entry(user).and_modify(|known| *known = cut.min(*known)).or_insert(cut);
        }
        for (place, (theirs, seen)) in uses.into_all().into_iter().enumerate() {
            if let Some(kept) = kept.filter(|kept| !kept.uses[place]) {
                let user = other.user_of(&theirs);
                match kept.without_room.contains(&user) {
                    true => self.room.add_others(seen.requests()),
                    false => {
                        let user = numbers.texts.of(user, &mut self.texts);
                        self.room.add_rest(user, seen.requests());
                    }
                }
                continue;
            }
            let of = numbers.of_use(theirs, self);
            if self.is_cut(of) {
                self.room.add_rest(self.user_of(&of), seen.requests());
                continue;
            }
            let known = self.uses.of(of);
            known.merge(seen, &mut |number| numbers.texts.of(number, &mut self.texts));
            known.fit(&self.texts);
        }
    }

    fn spans(&mut self, first: i64, last: i64) {
        self.span = Some(self.span.map_or((first, last), |(from, to)| (from.min(first), to.max(last))));
    }
}

/// From the numbers of one to those of another, found when they are needed.
struct Numbers<'o> {
    of: &'o Known,
    texts: OfTexts<'o>,
    whos: Vec<u32>,
}

struct OfTexts<'o> {
    of: &'o Texts,
    known: Vec<u32>,
}

impl<'o> Numbers<'o> {
    fn new(of: &'o Known) -> Numbers<'o> {
        let texts = OfTexts { of: &of.texts, known: vec![NONE; of.texts.len()] };
        Numbers { of, texts, whos: vec![NONE; of.whos.len()] }
    }

    fn of_use(&mut self, of: Use, to: &mut Known) -> Use {
        let who = self.who(of.who, to);
        let mut text = |number| self.texts.of(number, &mut to.texts);
        Use {
            who,
            verb: text(of.verb),
            group: text(of.group),
            resource: text(of.resource),
            subresource: text(of.subresource),
            namespace: text(of.namespace),
            path: if of.path == NONE { NONE } else { text(of.path) },
        }
    }

    fn who(&mut self, number: u32, to: &mut Known) -> u32 {
        let known = self.whos.get(number as usize).copied().unwrap_or(NONE);
        if known != NONE {
            return known;
        }
        let theirs = self.of.whos.at(number).map_or(&[][..], Vec::as_slice);
        let who: Who = theirs.iter().map(|text| self.texts.of(*text, &mut to.texts)).collect();
        let found = to.whos.put(&who[..], <[u32]>::to_vec);
        self.whos.get_mut(number as usize).into_iter().for_each(|known| *known = found);
        found
    }
}

impl OfTexts<'_> {
    fn of(&mut self, number: u32, to: &mut Texts) -> u32 {
        let known = self.known.get(number as usize).copied().unwrap_or(NONE);
        if known != NONE {
            return known;
        }
        let found = to.number(self.of.text(number));
        self.known.get_mut(number as usize).into_iter().for_each(|known| *known = found);
        found
    }
}

impl Seen {
    fn merge(&mut self, other: Seen, number: &mut impl FnMut(u32) -> u32) {
        self.allowed.merge(other.allowed, number);
        self.refused.merge(other.refused, number);
        self.forbidden_after += other.forbidden_after;
        let theirs = other.via.into_iter().map(|via| Reason { text: number(via.text), ..via });
        if self.via.is_empty() {
            self.via = theirs.collect();
            self.via.sort_unstable_by_key(|via| via.text);
            return;
        }
        theirs.for_each(|via| self.insert_via(via));
    }

    fn requests(&self) -> u64 {
        self.allowed.count + self.refused.count
    }

    fn add_via(&mut self, via: Reason, texts: &Texts) {
        self.insert_via(via);
        self.fit(texts);
    }

    fn insert_via(&mut self, via: Reason) {
        match self.via.binary_search_by_key(&via.text, |via| via.text) {
            Ok(at) => {
                let known = &mut self.via[at];
                (known.count, known.last) = (known.count + via.count, known.last.max(via.last));
            }
            Err(at) => {
                // Most uses go through one binding.
                if self.via.is_empty() {
                    self.via.reserve_exact(1);
                }
                self.via.insert(at, via);
            }
        }
    }

    /// Keeps no more bindings than there is room for: the first ones in their order.
    fn fit(&mut self, texts: &Texts) {
        if self.via.len() > MOST_VIAS {
            self.via.sort_by_cached_key(|via| texts.text(via.text).parse::<Via>().ok());
            self.via.truncate(MOST_VIAS);
            self.via.sort_unstable_by_key(|via| via.text);
        }
    }
}

impl Tally {
    fn is_empty(&self) -> bool {
        self.names.is_empty() && !self.many
    }

    fn count(&mut self, count: u64, first: i64, last: i64) {
        if self.is_empty() {
            (self.first, self.last) = (first, last);
        }
        self.count += count;
        self.first = self.first.min(first);
        self.last = self.last.max(last);
    }

    fn add_name(&mut self, name: u32, count: u64) {
        match self.names.binary_search_by_key(&name, |(name, _)| *name) {
            Ok(at) => self.names[at].1 += count,
            Err(_) if self.names.len() >= MOST_NAMES => (self.many, self.names) = (true, Vec::new()),
            Err(at) => {
                // Most uses are of one name.
                if self.names.is_empty() {
                    self.names.reserve_exact(1);
                }
                self.names.insert(at, (name, count));
            }
        }
    }

    fn merge(&mut self, other: Tally, number: &mut impl FnMut(u32) -> u32) {
        if other.is_empty() {
            return;
        }
        if self.is_empty() {
            *self = other;
            self.names.iter_mut().for_each(|(name, _)| *name = number(*name));
            self.names.sort_unstable();
            return;
        }
        self.count(other.count, other.first, other.last);
        if other.many {
            (self.many, self.names) = (true, Vec::new());
        }
        for (name, count) in other.names {
            if self.many {
                return;
            }
            self.add_name(number(name), count);
        }
    }
}
