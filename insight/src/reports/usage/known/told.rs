//! Uses as `audit` has them, in texts.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use audit::rbac::{self, By, Request, Target, Uses, Via};

use super::{Known, Seen, Tally, Use};
use crate::rows::NONE;

/// What reasons say, by number, as far as they were asked for.
type Reasons = HashMap<u32, Option<Arc<Via>>>;

impl Known {
    /// The uses of those subjects that are wanted.
    pub(crate) fn told(&self, wanted: impl Fn(&rbac::Who) -> bool) -> Uses {
        let whos = self.whos.iter().map(|who| Some(self.who_of(who)).filter(&wanted));
        let mut found: Vec<_> = whos.map(|who| who.map(|who| (who, Vec::new()))).collect();
        let mut reasons = Reasons::new();
        let kept = self.kept();
        let mut room = kept.as_ref().map_or_else(|| self.room.clone(), |kept| kept.room.clone());
        let without_room = kept.as_ref().map(|kept| &kept.without_room);
        for (place, (of, seen)) in self.uses.iter().enumerate() {
            if kept.as_ref().is_some_and(|kept| !kept.uses[place]) {
                match self.user_of(of) {
                    user if without_room.is_some_and(|users| users.contains(&user)) => {
                        room.add_others(seen.requests())
                    }
                    user => room.add_rest(user, seen.requests()),
                }
            } else if let Some(Some((_, uses))) = found.get_mut(of.who as usize) {
                uses.push((self.request_of(of), self.seen_of(seen, &mut reasons)));
            }
        }
        let mut uses = Uses::default();
        let users = self.whos.iter().zip(&found).filter(|(_, found)| found.is_some());
        let users: BTreeSet<u32> = users.filter_map(|(who, _)| who.first().copied()).collect();
        for (user, count) in room.rest.iter().filter(|(user, _)| users.contains(user)) {
            uses.beyond(self.texts.text(*user).to_owned(), *count);
        }
        room.others.into_iter().for_each(|count| uses.beyond_all(count));
        found.into_iter().flatten().for_each(|(who, seen)| uses.put(who, seen));
        self.left.iter().for_each(|(left, count)| uses.leave(*left, *count));
        self.span.into_iter().for_each(|(first, last)| uses.spans(first, last));
        uses
    }

    fn who_of(&self, who: &[u32]) -> rbac::Who {
        let mut texts = who.iter().map(|text| self.texts.text(*text).to_owned());
        // The groups are in their order already.
        rbac::Who { user: texts.next().unwrap_or_default(), groups: texts.collect() }
    }

    fn request_of(&self, of: &Use) -> Request {
        let text = |number| self.texts.text(number).to_owned();
        let target = match of.path {
            NONE => Target::Resource {
                group: text(of.group),
                resource: text(of.resource),
                subresource: text(of.subresource),
                namespace: text(of.namespace),
                name: String::new(),
            },
            path => Target::Path(text(path)),
        };
        Request { verb: text(of.verb), target }
    }

    fn seen_of(&self, seen: &Seen, reasons: &mut Reasons) -> rbac::Seen {
        let via = seen.via.iter().filter_map(|reason| {
            let parsed = || self.texts.text(reason.text).parse().ok().map(Arc::new);
            let via = reasons.entry(reason.text).or_insert_with(parsed).clone()?;
            Some((via, By { count: reason.count, last: reason.last }))
        });
        rbac::Seen {
            via: via.collect::<BTreeMap<_, _>>(),
            allowed: self.tally_of(&seen.allowed),
            refused: self.tally_of(&seen.refused),
            forbidden_after: seen.forbidden_after,
        }
    }

    fn tally_of(&self, tally: &Tally) -> rbac::Tally {
        let names = tally.names.iter().map(|(name, count)| (self.texts.text(*name).to_owned(), *count));
        rbac::Tally {
            count: tally.count,
            names: names.collect::<BTreeMap<_, _>>(),
            many: tally.many,
            first: tally.first,
            last: tally.last,
        }
    }
}

/// Two that tell the same are the same, whatever their numbers.
impl PartialEq for Known {
    fn eq(&self, other: &Known) -> bool {
        self.told(|_| true) == other.told(|_| true)
    }
}

impl Eq for Known {}
