//! When what was asked for was allowed, on which names and by what.
//!
//! Far more is allowed than refused, and only what was refused is ever looked up; so of what was asked for, of names and
//! of bindings, numbers are kept and no text.
//!
//! Promises: the same question has the same number wherever it is met, whatever its length; two that are not the same
//! have one number by no chance worth counting. What was allowed on one name is not said to be allowed on another, unless
//! it was allowed on more than [`NAMES`], or without a name: that no list of names lets through.

use std::hash::Hasher;

use audit::rbac::{RoleKind, Subject, Via};
use serde::{Deserialize, Serialize};
use siphasher::sip128::{Hasher128, SipHasher24};

use super::action::{Action, Kind, Refusal};
use super::refused::{Moments, NAMES as KEPT, Refused};
use crate::clip::clipped;
use crate::shares::{Owned, Shares, Sum};

/// What was allowed on more names than these was allowed on any.
const NAMES: usize = 16;

/// When what was allowed, with a fair share of the room for each subject.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Allowed(Shares<Asked, Known>);

/// What was asked for, whatever the name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Asked {
    /// By whom: the subject's number.
    subject: u64,
    all: [u8; 16],
}

/// When it was allowed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    all: Moments,
    unnamed: Moments,
    /// By number; none when there are too many.
    names: Vec<Named>,
    many: bool,
    first_by: Option<(i64, By)>,
    last_by: Option<(i64, By)>,
}

/// When it was allowed on one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Named {
    number: u64,
    first: i64,
    last: i64,
}

/// The binding that let a request through: the numbers of it, of its role and of the group that it is for (0 for none).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct By {
    binding: u32,
    role: u32,
    group: u32,
}

/// What is known of the same that was refused being allowed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Same {
    /// Of what was refused first.
    pub(super) of_first: Moments,
    /// Of what was refused last.
    pub(super) of_last: Moments,
    /// Of all of it.
    pub(super) any: Moments,
    /// By what it was allowed last before it was refused, if that is known.
    pub(super) by: Option<By>,
}

/// Allowed requests of a batch that are alike but for their names.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen<'b> {
    all: Moments,
    unnamed: Moments,
    /// With the numbers that they have in the batch.
    names: Vec<(u32, &'b str, Moments)>,
    many: bool,
}

impl Owned for Asked {
    type Owner = u64;

    fn owner(&self) -> &u64 {
        &self.subject
    }
}

impl<'b> Seen<'b> {
    pub(super) fn any(&self) -> bool {
        self.all.any()
    }

    /// One request for this name, which has this number in the batch.
    pub(super) fn add(&mut self, number: u32, name: Option<&'b str>, time: Option<i64>) {
        let moments = Moments::at(time);
        self.all.add(moments);
        let Some(name) = name.filter(|name| !name.is_empty()) else { return self.unnamed.add(moments) };
        if self.many || time.is_none() {
            return;
        }
        if let Some(known) = self.names.iter_mut().find(|known| known.0 == number) {
            return known.2.add(moments);
        }
        // One text may have two numbers.
        let name = clipped(name);
        match self.names.iter().position(|known| known.1 == name) {
            Some(at) => self.names[at].2.add(moments),
            None if self.names.len() < NAMES => self.names.push((number, name, moments)),
            None => (self.many, self.names) = (true, Vec::new()),
        }
    }

    /// What is known by them.
    pub(super) fn known(self, by: Option<By>) -> Known {
        let Seen { all, unnamed, names, many } = self;
        let first_by = all.first.zip(by);
        let last_by = all.last.zip(by);
        let mut names: Vec<Named> = names.iter().filter_map(|(_, name, at)| Named::of(name, *at)).collect();
        names.sort_unstable_by_key(|named| named.number);
        Known { all, unnamed, names, many, first_by, last_by }
    }
}

impl Named {
    fn of(name: &str, at: Moments) -> Option<Named> {
        Some(Named { number: number(&[name]), first: at.first?, last: at.last? })
    }
}

impl By {
    /// By the reason that the authorizer gave, if that names a binding.
    pub(super) fn of(reason: &str) -> Option<By> {
        let via: Via = reason.parse().ok()?;
        let group = match &via.subject {
            Subject::Group(name) => short(&[name]),
            _ => 0,
        };
        let bindings = if via.namespace.is_empty() { "clusterrolebindings" } else { "rolebindings" };
        let role = match via.role_kind {
            RoleKind::Role => short(&["roles", &via.namespace, &via.role]),
            RoleKind::ClusterRole => short(&["clusterroles", "", &via.role]),
        };
        Some(By { binding: short(&[bindings, &via.namespace, &via.binding]), role, group })
    }

    /// Whether this is the binding, or its role.
    pub(super) fn is(self, resource: &str, namespace: &str, name: &str) -> bool {
        let number = short(&[resource, namespace, name]);
        number == self.binding || number == self.role
    }

    /// Whether it counts for a subject in these groups.
    pub(super) fn counts_in(self, groups: &[String]) -> bool {
        self.group == 0 || groups.iter().any(|group| short(&[group]) == self.group)
    }
}

impl Allowed {
    /// The texts are those of an [`Action`] in their order, cut or not.
    pub(super) fn add(&mut self, texts: [&str; 7], known: Known) {
        self.0.add(Asked::of(texts), known);
    }

    /// When this was allowed, as far as that is known.
    pub(super) fn same(&self, refusal: &Refusal, refused: &Refused) -> Same {
        let Action { subject, verb, api_group, resource, subresource, namespace, path } = &refusal.action;
        let asked = Asked::of([subject, verb, api_group, resource, subresource, namespace, path]);
        self.0.get(&asked).map(|known| known.same(refusal, refused)).unwrap_or_default()
    }

    pub(super) fn merge(&mut self, other: Allowed) {
        self.0.merge(other.0);
    }
}

impl Known {
    fn same(&self, refusal: &Refusal, refused: &Refused) -> Same {
        // What comes after authorization looks at each object, and a name that a role lets through tells it nothing.
        let by_role = refusal.kind != Kind::RefusedLater;
        let Action { verb, subresource, .. } = &refusal.action;
        // What was created has got the name in its body.
        let unnamed =
            if by_role && verb == "create" && subresource.is_empty() { self.all } else { self.unnamed };
        let mut same = Same::default();
        let named = refused.names.iter().map(|(name, tally)| (self.on(name, by_role), tally));
        let unnamed = Some((unnamed, &refused.unnamed)).filter(|(_, tally)| tally.count > 0);
        // Of names that are not kept it is known only where all names count alike.
        let beyond = by_role && refused.names.len() > KEPT && self.many;
        for (moments, tally) in named.chain(unnamed).chain(beyond.then_some((self.all, &refused.tally))) {
            same.any.add(moments);
            if tally.first == refused.tally.first {
                same.of_first.add(moments);
            }
            if tally.last == refused.tally.last {
                same.of_last.add(moments);
            }
        }
        let before = |by: &&(i64, By)| refused.tally.first.is_some_and(|first| by.0 < first);
        let by = self.last_by.as_ref().filter(before).or(self.first_by.as_ref().filter(before));
        same.by = by.map(|by| by.1);
        same
    }

    fn on(&self, name: &str, by_role: bool) -> Moments {
        let mut moments = match by_role {
            true if self.many => return self.all,
            true => self.unnamed,
            false => Moments::default(),
        };
        let number = number(&[name]);
        if let Ok(at) = self.names.binary_search_by_key(&number, |named| named.number) {
            moments.add(Moments { first: Some(self.names[at].first), last: Some(self.names[at].last) });
        }
        moments
    }

    fn name(&mut self, named: Named) {
        match self.names.binary_search_by_key(&named.number, |known| known.number) {
            _ if self.many => {}
            Ok(at) => {
                let known = &mut self.names[at];
                known.first = known.first.min(named.first);
                known.last = known.last.max(named.last);
            }
            Err(at) if self.names.len() < NAMES => self.names.insert(at, named),
            Err(_) => (self.many, self.names) = (true, Vec::new()),
        }
    }
}

impl Sum for Known {
    fn add(&mut self, other: Known) {
        self.all.add(other.all);
        self.unnamed.add(other.unnamed);
        if other.many {
            (self.many, self.names) = (true, Vec::new());
        }
        other.names.into_iter().for_each(|named| self.name(named));
        self.first_by = self.first_by.into_iter().chain(other.first_by).min();
        self.last_by = self.last_by.max(other.last_by);
    }
}

impl Asked {
    fn of(texts: [&str; 7]) -> Asked {
        let mut hasher = SipHasher24::new();
        let mut subject = 0;
        for (place, text) in texts.into_iter().enumerate() {
            write(&mut hasher, text);
            if place == 0 {
                subject = hasher.finish();
            }
        }
        Asked { subject, all: hasher.finish128().as_bytes() }
    }
}

fn write(hasher: &mut SipHasher24, text: &str) {
    let text = clipped(text);
    hasher.write(&(text.len() as u64).to_le_bytes());
    hasher.write(text.as_bytes());
}

/// The number of these texts.
fn number(texts: &[&str]) -> u64 {
    let mut hasher = SipHasher24::new();
    texts.iter().for_each(|text| write(&mut hasher, text));
    hasher.finish()
}

/// A shorter one, for what is only compared with a few; never 0.
fn short(texts: &[&str]) -> u32 {
    let number = number(texts);
    ((number >> 32) as u32 ^ number as u32).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_question_has_one_number_and_where_a_text_ends_matters() {
        let long = "x".repeat(10_000);
        let action = |subject: &str, verb: &str| Refusal {
            kind: Kind::NotAllowed,
            action: Action {
                subject: crate::clip::clip(subject),
                verb: verb.to_owned(),
                api_group: String::new(),
                resource: String::new(),
                subresource: String::new(),
                namespace: String::new(),
                path: String::new(),
            },
        };
        let tally = crate::tally::Tally::of(Some(9), None);
        let refused = Refused { tally: tally.clone(), unnamed: tally, ..Refused::default() };
        let at = |time| {
            let mut seen = Seen::default();
            seen.add(0, None, Some(time));
            seen.known(None)
        };
        let mut allowed = Allowed::default();
        allowed.add([&long, "get", "", "", "", "", ""], at(7));
        assert_eq!(allowed.same(&action(&long, "get"), &refused).any, Moments::at(Some(7)));
        allowed.add(["ab", "c", "", "", "", "", ""], at(8));
        assert_eq!(allowed.same(&action("ab", "c"), &refused).any, Moments::at(Some(8)));
        assert_eq!(allowed.same(&action("a", "bc"), &refused).any, Moments::default());
    }
}
