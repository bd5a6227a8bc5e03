//! Room for uses, with a fair share for every user.
//!
//! Requests ask for what they like, so that a scanner of paths alone, also one without credentials, has more uses than
//! there is room for. It must not crowd out others.
//!
//! Laws: which uses are kept depends on the set of uses alone, not on their order or on how parts were merged; what is
//! known of a kept use is exact; requests of the others are summed up with their user. As in [`crate::shares`]: of each
//! user the uses with the smallest hashes are kept, as many as a share has, which is halved for everybody when all are
//! too many. Unlike there this is decided from time to time, when there are far too many, and when uses are told: as
//! long as there is room nothing is hashed, and nobody waits.

use std::collections::{BTreeMap, HashMap, HashSet};

use audit::rbac::MOST_USES;
use serde::{Deserialize, Serialize};

use super::{Known, Use};
use crate::rows::NONE;
use crate::shares::hash;

/// So many uses more than are told may be held.
const SLACK: usize = MOST_USES / 2;

/// What is not kept, and how much is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Room {
    /// How often the share of a user was halved, which is all the room at first.
    pub(super) halved: u32,
    /// Requests of uses that are not kept, by the number of the user's name.
    pub(super) rest: BTreeMap<u32, u64>,
    /// Requests of users of whom nothing is kept.
    pub(super) others: Option<u64>,
    /// The largest hash that is kept, of users who lost uses: what is beyond it need not be added.
    #[serde(skip)]
    pub(super) cuts: HashMap<u32, u64>,
}

/// Which uses are kept where there are too many.
pub(super) struct Kept {
    /// By the place of the use.
    pub(super) uses: Vec<bool>,
    /// Users of whom nothing is kept, by number.
    pub(super) without_room: HashSet<u32>,
    pub(super) room: Room,
}

impl Room {
    pub(super) fn add_rest(&mut self, user: u32, count: u64) {
        *self.rest.entry(user).or_default() += count;
    }

    pub(super) fn add_others(&mut self, count: u64) {
        *self.others.get_or_insert_default() += count;
    }
}

impl Known {
    /// Whether a use is one that would not be kept.
    pub(super) fn is_cut(&mut self, of: Use) -> bool {
        if self.room.cuts.is_empty() {
            return false;
        }
        let cut = self.room.cuts.get(&self.user_of(&of)).copied();
        cut.is_some_and(|cut| !self.uses.knows(of) && self.hash_of(&of) > cut)
    }

    /// Whether there are far too many uses.
    pub(super) fn is_crowded(&self) -> bool {
        self.uses.len() > MOST_USES + SLACK
    }

    /// What is kept, where that is not all.
    pub(super) fn kept(&self) -> Option<Kept> {
        if self.uses.len() <= MOST_USES && self.room.halved == 0 {
            return None;
        }
        let mut of_user: HashMap<u32, Vec<usize>> = HashMap::new();
        for (place, (of, _)) in self.uses.iter().enumerate() {
            of_user.entry(self.user_of(of)).or_default().push(place);
        }
        let mut room = Room { cuts: HashMap::new(), ..self.room.clone() };
        let all = |halved| of_user.values().map(|uses| uses.len().min(share(halved))).sum::<usize>();
        while share(room.halved) > 1 && all(room.halved) > MOST_USES {
            room.halved += 1;
        }
        let without_room = self.users_without_room(&of_user);
        for user in &without_room {
            room.rest.remove(user).into_iter().for_each(|rest| room.add_others(rest));
        }
        let mut kept = Kept { uses: vec![true; self.uses.len()], without_room, room };
        let all: Vec<&Use> = self.uses.iter().map(|(of, _)| of).collect();
        for (user, uses) in of_user {
            self.fit(user, uses, &all, &mut kept);
        }
        Some(kept)
    }

    /// Takes from a user what is more than a share.
    fn fit(&self, user: u32, uses: Vec<usize>, all: &[&Use], kept: &mut Kept) {
        if kept.without_room.contains(&user) {
            uses.into_iter().for_each(|place| kept.uses[place] = false);
            return;
        }
        let share = share(kept.room.halved);
        if uses.len() <= share {
            return;
        }
        let mut hashed: Vec<(u64, usize)> =
            uses.into_iter().map(|place| (self.hash_of(all[place]), place)).collect();
        hashed.sort_unstable_by(|a, b| {
            a.0.cmp(&b.0).then_with(|| self.texts_of(all[a.1]).cmp(&self.texts_of(all[b.1])))
        });
        kept.room.cuts.insert(user, hashed[share - 1].0);
        hashed[share..].iter().for_each(|(_, place)| kept.uses[*place] = false);
    }

    /// Those who are too many even with one use each.
    fn users_without_room(&self, of_user: &HashMap<u32, Vec<usize>>) -> HashSet<u32> {
        if of_user.len() <= MOST_USES {
            return HashSet::new();
        }
        let mut users: Vec<(u64, &str, u32)> = of_user
            .keys()
            .map(|user| (hash(self.texts.text(*user)), self.texts.text(*user), *user))
            .collect();
        users.sort_unstable();
        users[MOST_USES..].iter().map(|(.., user)| *user).collect()
    }

    /// The number of the user's name.
    pub(super) fn user_of(&self, of: &Use) -> u32 {
        self.whos.at(of.who).and_then(|who| who.first()).copied().unwrap_or(NONE)
    }

    fn hash_of(&self, of: &Use) -> u64 {
        hash(&self.texts_of(of)[..])
    }

    /// All that makes a use what it is.
    fn texts_of(&self, of: &Use) -> Vec<&str> {
        let own = [of.verb, of.group, of.resource, of.subresource, of.namespace];
        let who = self.whos.at(of.who).map_or(&[][..], Vec::as_slice);
        let texts = own.iter().chain(who).map(|text| self.texts.text(*text));
        let path = if of.path == NONE { [""; 2] } else { ["path", self.texts.text(of.path)] };
        path.into_iter().chain(texts).collect()
    }
}

fn share(halved: u32) -> usize {
    MOST_USES.checked_shr(halved).unwrap_or(0).max(1)
}

#[cfg(test)]
mod tests {
    use super::super::super::known::Alike;
    use super::*;

    /// One request for each path: user, path.
    type Asked = (String, String);

    fn of(asked: impl Iterator<Item = Asked>) -> Known {
        let mut known = Known::default();
        for (at, (user, path)) in asked.enumerate() {
            let who = known.who(&user, std::iter::empty());
            let [verb, path, none] = ["get", &path, ""].map(|text| known.texts.number(text));
            let of = Use { who, verb, group: none, resource: none, subresource: none, namespace: none, path };
            let alike = Alike { count: 1, forbidden_after: 0, first: 1, last: 1 };
            known.add(of, false, alike, |texts| texts.number(""), None);
            if at % 10_000 == 0 {
                known.make_room();
            }
        }
        known.make_room();
        known
    }

    /// Two scanners, and others who ask for little, before, between and after.
    fn crowd() -> Vec<Asked> {
        let scan = (0..MOST_USES + MOST_USES * 3 / 4)
            .map(|path| (format!("scanner-{}", path % 2), format!("/{path}")));
        let mut asked: Vec<Asked> = scan.collect();
        for user in 0..200 {
            let at = user * asked.len() / 200;
            asked.insert(at, (format!("user-{user}"), "/metrics".to_owned()));
        }
        asked
    }

    #[test]
    fn scanners_of_paths_crowd_nobody_out_and_no_request_goes_missing() {
        let uses = of(crowd().into_iter()).told(|_| true);
        let quiet = uses.subjects().filter(|who| who.user.starts_with("user-")).count();
        assert_eq!(quiet, 200);
        assert_eq!(uses.all_beyond().collect::<Vec<_>>(), ["scanner-0", "scanner-1"]);
        let left = uses.left()[&audit::rbac::Left::TooMany];
        let kept = uses.iter().count();
        assert!(kept <= MOST_USES && kept > MOST_USES / 4, "{kept}");
        assert_eq!(kept as u64 + left, crowd().len() as u64);
        let quiet = of(crowd().into_iter()).told(|who| who.user == "user-7");
        assert!(quiet.left().is_empty() && quiet.iter().count() == 1, "others' requests are not told");
    }

    #[test]
    fn the_order_and_the_parts_change_nothing_also_when_there_is_not_room_for_all() {
        let whole = of(crowd().into_iter());
        assert!(of(crowd().into_iter().rev()) == whole, "another order gives something else");
        // The first part has to make room, the second one has not.
        let cut = MOST_USES + SLACK + 10_000;
        let (one, mut other) = (of(crowd().into_iter().take(cut)), of(crowd().into_iter().skip(cut)));
        let mut merged: Known = postcard::from_bytes(&postcard::to_stdvec(&one).unwrap()).unwrap();
        merged.merge(other.clone());
        assert!(merged == whole, "merged parts give something else");
        other.merge(one);
        assert!(other == whole, "merged the other way they give something else");
    }

    #[test]
    fn more_users_than_there_is_room_for_are_summed_up_in_any_order() {
        let users = || (0..MOST_USES + 5_000).map(|user| (user.to_string(), "/".to_owned()));
        let uses = of(users()).told(|_| true);
        assert!(uses.has_others());
        assert_eq!((uses.iter().count(), uses.left()[&audit::rbac::Left::TooMany]), (MOST_USES, 5_000));
        assert!(of(users().rev()).told(|_| true) == uses);
    }
}
