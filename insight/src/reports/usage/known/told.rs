//! Uses as `audit` has them, in texts.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use audit::rbac::{self, Request, Target, Uses, Via};

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
        for (of, seen) in self.uses.iter() {
            if let Some(Some((_, uses))) = found.get_mut(of.who as usize) {
                uses.push((self.request_of(of), self.seen_of(seen, &mut reasons)));
            }
        }
        let mut uses = Uses::default();
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
            let parsed = || self.texts.text(*reason).parse().ok().map(Arc::new);
            reasons.entry(*reason).or_insert_with(parsed).clone()
        });
        rbac::Seen {
            via: via.collect::<BTreeSet<_>>(),
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
