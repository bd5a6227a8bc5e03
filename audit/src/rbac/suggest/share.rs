//! Permissions that many members of a group use, given to the group.
//!
//! Promises: by choice only; a permission goes to a group when at least so many of its members used it, in the same
//! place and on the same names; nobody loses what they used: a user who was also seen without the group keeps their
//! own. Groups that everybody, every service account or nobody but the cluster itself is in are never given anything.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{Names, Permission, Permissions, Uses};

/// A permission where it counts.
type Given = (String, Permission, Names);

/// Moves what at least `least` members of a group share to the group; small groups first, since they give it to fewer.
pub(super) fn share(
    uses: &Uses,
    least: usize,
    users: &mut BTreeMap<String, Permissions>,
) -> BTreeMap<String, Permissions> {
    let mut shared = BTreeMap::new();
    for (group, members) in groups(uses) {
        let mut holders: BTreeMap<Given, Vec<&String>> = BTreeMap::new();
        for user in &members {
            for (scope, permission, names) in users.get(user).into_iter().flat_map(Permissions::iter) {
                let given = (scope.to_owned(), permission.clone(), names.clone());
                holders.entry(given).or_default().push(user);
            }
        }
        for ((scope, permission, names), holders) in holders {
            if holders.len() < least.max(1) {
                continue;
            }
            let set: &mut Permissions = shared.entry(group.clone()).or_default();
            set.add(&scope, permission.clone(), names);
            for user in holders {
                users.entry(user.clone()).or_default().remove(&scope, &permission);
            }
        }
    }
    users.retain(|_, set| !set.is_empty());
    shared
}

/// Groups with the users that were never seen without them, the smallest first.
fn groups(uses: &Uses) -> Vec<(String, BTreeSet<String>)> {
    let mut members: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for who in uses.subjects() {
        for group in who.groups.iter().filter(|group| !group.starts_with("system:")) {
            members.entry(group).or_default().insert(who.user.clone());
        }
    }
    for who in uses.subjects() {
        members.iter_mut().filter(|(group, _)| !who.is_in(group)).for_each(|(_, users)| {
            users.remove(&who.user);
        });
    }
    let mut found: Vec<_> = members.into_iter().map(|(group, users)| (group.to_owned(), users)).collect();
    found.sort_by(|(a, of_a), (b, of_b)| (of_a.len(), a).cmp(&(of_b.len(), b)));
    found
}
