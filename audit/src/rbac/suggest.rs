//! Roles and bindings from uses.
//!
//! Promises: least privilege unless the caller chooses otherwise: the verbs, names and namespaces of the uses and no
//! others; a use of too many names to know stands for all names; what was refused never becomes a wildcard. What is
//! proposed is valid, and the same for the same uses. One Role for each namespace and one ClusterRole for each user.

mod audit2rbac;
mod names;
mod places;
mod share;

use std::collections::{BTreeMap, BTreeSet};

use super::{Names, Objects, Permission, Permissions, Rbac, Request, Subject, Tally, Uses, What};
pub use audit2rbac::{audit2rbac, discovery};
use names::Naming;
use places::Places;
pub use places::Replaced;

/// Which uses a proposal is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// What was allowed.
    #[default]
    Used,
    /// What was allowed and what was refused.
    Wanted,
    /// What was refused and is not allowed by the roles that there are.
    Fix,
}

/// Which verbs come with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verbs {
    /// None.
    #[default]
    AsUsed,
    /// get, list and watch together, and get, update and patch, as audit2rbac has it.
    Audit2rbac,
    /// list and watch together, which informers need.
    Informer,
}

/// How a proposal is made.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// From which uses.
    pub mode: Mode,
    /// Which verbs come with others.
    pub verbs: Verbs,
    /// A verb that was used on more names of a resource than this is given for all.
    pub expand_names_after: Option<usize>,
    /// A verb that was used on a resource in more namespaces than this is given for all.
    pub expand_namespaces_after: Option<usize>,
    /// A permission that at least so many members of a group share is given to the group.
    pub share_from: Option<usize>,
}

/// What is proposed.
#[derive(Debug, Clone, Default)]
pub struct Proposal {
    /// Roles and bindings.
    pub objects: Objects,
    /// What they give, by user.
    pub permissions: BTreeMap<String, Permissions>,
    /// What they give, by group.
    pub shared: BTreeMap<String, Permissions>,
    /// What it takes the place of when it is applied, where that gave more.
    pub replaced: Vec<Replaced>,
}

impl Proposal {
    /// How many permissions are proposed in all.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.permissions.values().chain(self.shared.values()).map(Permissions::count).sum()
    }
}

/// Proposes roles and bindings for all users of these uses, under names that leave alone what others have there already.
/// Those of [`Mode::Fix`] keep what is there of the same user's, all others take its place.
#[must_use]
pub fn suggest(uses: &Uses, options: &Options, existing: Option<&Rbac>) -> Proposal {
    let mut permissions: BTreeMap<String, Permissions> = BTreeMap::new();
    for (who, of) in uses.by_subject() {
        let set = permissions.entry(who.user.clone()).or_default();
        for (what, seen) in of {
            let tallies: &[&Tally] = match options.mode {
                Mode::Used => &[&seen.allowed],
                // A rule cannot give a `*` that is a letter; where one was allowed, that was by such a wildcard already.
                Mode::Wanted if is_wild(what) => &[&seen.allowed],
                Mode::Fix if is_wild(what) => &[],
                Mode::Wanted => &[&seen.allowed, &seen.refused],
                Mode::Fix => &[&seen.refused],
            };
            let given = |name: &str| {
                options.mode == Mode::Fix
                    && existing.is_some_and(|rbac| rbac.allowed(who, &what.named(name)).is_allowed())
            };
            for tally in tallies {
                let names = tally.names.keys().map(String::as_str).filter(|name| !given(name));
                // A use of too many names to know is one of all names.
                set.add_named(what.request(), names.chain(tally.many.then_some("")));
            }
        }
    }
    permissions.retain(|_, set| !set.is_empty());
    permissions.values_mut().for_each(|set| widen(set, options));
    let shared = match options.share_from {
        Some(least) => share::share(uses, least, &mut permissions),
        None => BTreeMap::new(),
    };
    let users = permissions.iter().map(|(user, set)| (Subject::of_user(user), user.clone(), set));
    let groups =
        shared.iter().map(|(group, set)| (Subject::Group(group.clone()), format!("group:{group}"), set));
    let mut places = Places::beside(existing.map(Rbac::objects), options.mode == Mode::Fix);
    for (subject, name, set) in users.chain(groups) {
        let naming = Naming::new("auditrail:", "auditrail.io/", &name, subject);
        set.scopes().for_each(|scope| places.give(&naming, scope, set.rules(scope), set));
    }
    let (objects, replaced) = places.done();
    Proposal { objects, permissions, shared, replaced }
}

/// Whether a rule with the words of this use would give more than it.
fn is_wild(what: &What) -> bool {
    Permission::of(what.request()).is_wildcard()
}

/// The smallest roles and bindings that allow one user these requests.
#[must_use]
pub fn allowing<'r>(user: &str, requests: impl IntoIterator<Item = &'r Request>) -> Proposal {
    let mut set = Permissions::default();
    requests.into_iter().for_each(|request| set.add_request(request, true));
    set.tidy();
    let mut places = Places::default();
    let naming = Naming::new("auditrail:", "auditrail.io/", user, Subject::of_user(user));
    set.scopes().for_each(|scope| places.give(&naming, scope, set.rules(scope), &set));
    let (objects, _) = places.done();
    Proposal { objects, permissions: [(user.to_owned(), set)].into(), ..Proposal::default() }
}

/// With the verbs, names and namespaces that come with others by choice.
fn widen(set: &mut Permissions, options: &Options) {
    if options.verbs != Verbs::AsUsed
        || options.expand_names_after.is_some()
        || options.expand_namespaces_after.is_some()
    {
        *set = widened(set, options);
    }
    set.tidy();
}

fn widened(set: &Permissions, options: &Options) -> Permissions {
    let mut wide = Permissions::default();
    for (scope, permission, names) in set.iter() {
        let names = match names {
            Names::Only(only) if options.expand_names_after.is_some_and(|most| only.len() > most) => {
                Names::All
            }
            names => names.clone(),
        };
        for permission in with_verbs(permission, options.verbs) {
            wide.add(scope, permission, names.clone());
        }
    }
    if let Some(most) = options.expand_namespaces_after {
        let mut places: BTreeMap<&Permission, BTreeSet<&str>> = BTreeMap::new();
        let narrow = wide.clone();
        for (scope, permission, _) in narrow.iter().filter(|(scope, ..)| !scope.is_empty()) {
            places.entry(permission).or_default().insert(scope);
        }
        for (_, permission, names) in narrow.iter() {
            if places.get(permission).is_some_and(|places| places.len() > most) {
                wide.add("", permission.clone(), names.clone());
            }
        }
    }
    wide
}

fn with_verbs(permission: &Permission, verbs: Verbs) -> Vec<Permission> {
    let Permission::Resource { group, resource, verb } = permission else { return vec![permission.clone()] };
    let more = more_verbs(verb, verbs).iter().copied().chain([verb.as_str()]);
    more.map(|verb| Permission::Resource {
        group: group.clone(),
        resource: resource.clone(),
        verb: verb.to_owned(),
    })
    .collect()
}

/// The verbs that come with this one.
fn more_verbs(verb: &str, verbs: Verbs) -> &'static [&'static str] {
    match (verbs, verb) {
        (Verbs::Audit2rbac, "watch") => &["get", "list"],
        (Verbs::Audit2rbac, "list") => &["get", "watch"],
        (Verbs::Audit2rbac, "update") => &["get", "patch"],
        (Verbs::Audit2rbac, "patch") => &["get", "update"],
        (Verbs::Informer, "list") => &["watch"],
        (Verbs::Informer, "watch") => &["list"],
        _ => &[],
    }
}
