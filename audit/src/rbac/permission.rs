//! Permissions, each one apart: the atoms that rules are made of.
//!
//! Promises: a set of permissions never holds one that another of the set already gives; from permissions to rules
//! nothing is gained and nothing lost; the order of rules depends on the set only.

use std::collections::{BTreeMap, BTreeSet};

use super::request::combined;
use super::{Request, Rule, Target};

/// Where a permission counts: in one namespace, or (empty) in the cluster and all of its namespaces.
pub type Scope = String;

/// What may be done, but for the names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// A verb on a resource.
    Resource {
        /// The API group.
        group: String,
        /// The resource with its subresource.
        resource: String,
        /// The verb.
        verb: String,
    },
    /// A verb on a path.
    Path {
        /// The path.
        path: String,
        /// The verb.
        verb: String,
    },
}

/// On which objects.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Names {
    /// On all of them.
    All,
    /// On those of these names.
    Only(BTreeSet<String>),
}

impl Permission {
    /// What a request needs, but for the name.
    #[must_use]
    pub fn of(request: &Request) -> Permission {
        let verb = request.verb.clone();
        match &request.target {
            Target::Path(path) => Permission::Path { path: path.clone(), verb },
            Target::Resource { group, resource, subresource, .. } => {
                Permission::Resource { group: group.clone(), resource: combined(resource, subresource), verb }
            }
        }
    }

    /// Whether a rule of these words gives more than they say: it reads `*` as everything, also where a request had it
    /// as a letter.
    #[must_use]
    pub fn is_wildcard(&self) -> bool {
        match self {
            Permission::Path { path, verb } => verb == "*" || path.ends_with('*'),
            Permission::Resource { group, resource, verb } => {
                resource.starts_with("*/") || [group, resource, verb].into_iter().any(|word| word == "*")
            }
        }
    }
}

/// A set of permissions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permissions {
    of: BTreeMap<Scope, BTreeMap<Permission, Names>>,
}

impl Permissions {
    /// Adds what a request needs; with `keep_name` only for the object that it names.
    pub fn add_request(&mut self, request: &Request, keep_name: bool) {
        let name = match &request.target {
            Target::Resource { name, .. } if keep_name => name.as_str(),
            _ => "",
        };
        self.add_named(request, [name]);
    }

    /// Adds what requests need that are alike but for the names, each for the object that it names; the empty name is
    /// that of all objects.
    pub fn add_named<'n>(&mut self, request: &Request, names: impl IntoIterator<Item = &'n str>) {
        let mut names = names.into_iter().peekable();
        if names.peek().is_none() {
            return;
        }
        let permission = Permission::of(request);
        match &request.target {
            Target::Path(_) => self.add("", permission, Names::All),
            Target::Resource { namespace, .. } => {
                let only = names.map(|name| Some(name.to_owned()).filter(|name| !name.is_empty()));
                let names = only.collect::<Option<BTreeSet<String>>>().map_or(Names::All, Names::Only);
                self.add(namespace, permission, names);
            }
        }
    }

    /// Adds a permission.
    pub fn add(&mut self, scope: &str, permission: Permission, names: Names) {
        if !self.of.contains_key(scope) {
            self.of.insert(scope.to_owned(), BTreeMap::new());
        }
        let Some(known) = self.of.get_mut(scope) else { return };
        match (known.get_mut(&permission), names) {
            (Some(Names::All), _) => {}
            (Some(Names::Only(known)), Names::Only(names)) => known.extend(names),
            (_, names) => {
                known.insert(permission, names);
            }
        }
    }

    /// Takes a permission away, whatever its names.
    pub fn remove(&mut self, scope: &str, permission: &Permission) {
        if let Some(known) = self.of.get_mut(scope) {
            known.remove(permission);
            if known.is_empty() {
                self.of.remove(scope);
            }
        }
    }

    /// Leaves out what the cluster-wide permissions of the set give anyway.
    pub fn tidy(&mut self) {
        let Some(wide) = self.of.remove("") else { return };
        for permissions in self.of.values_mut() {
            permissions.retain(|permission, names| match (wide.get(permission), names) {
                (Some(Names::All), _) => false,
                (Some(Names::Only(wide)), Names::Only(names)) => {
                    names.retain(|name| !wide.contains(name));
                    !names.is_empty()
                }
                _ => true,
            });
        }
        self.of.insert(String::new(), wide);
        self.of.retain(|_, permissions| !permissions.is_empty());
    }

    /// The permissions by where they count, the cluster first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Permission, &Names)> {
        self.of.iter().flat_map(|(scope, permissions)| {
            permissions.iter().map(move |(permission, names)| (scope.as_str(), permission, names))
        })
    }

    /// The places in which the set gives something.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.of.keys().map(String::as_str)
    }

    /// On which objects a permission is given in a place, if it is.
    pub(super) fn names(&self, scope: &str, permission: &Permission) -> Option<&Names> {
        self.of.get(scope)?.get(permission)
    }

    /// How many there are: each verb on each resource of each name counts for one.
    #[must_use]
    pub fn count(&self) -> u64 {
        let count = |names: &Names| match names {
            Names::All => 1,
            Names::Only(names) => names.len() as u64,
        };
        self.iter().map(|(_, _, names)| count(names)).sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.of.values().all(BTreeMap::is_empty)
    }

    /// The rules that give exactly the permissions of one place: verbs together that are allowed on the same, then
    /// resources together that are allowed the same.
    #[must_use]
    pub fn rules(&self, scope: &str) -> Vec<Rule> {
        let mut verbs: BTreeMap<(&str, &str, &Names), BTreeSet<&str>> = BTreeMap::new();
        let mut of_path: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (permission, names) in self.of.get(scope).into_iter().flatten() {
            match permission {
                Permission::Resource { group, resource, verb } => {
                    verbs.entry((group, resource, names)).or_default().insert(verb);
                }
                Permission::Path { path, verb } => {
                    of_path.entry(path).or_default().insert(verb);
                }
            }
        }
        let mut resources: BTreeMap<(&str, BTreeSet<&str>, &Names), Vec<&str>> = BTreeMap::new();
        for ((group, resource, names), verbs) in verbs {
            resources.entry((group, verbs, names)).or_default().push(resource);
        }
        let mut paths: BTreeMap<BTreeSet<&str>, Vec<&str>> = BTreeMap::new();
        for (path, verbs) in of_path {
            paths.entry(verbs).or_default().push(path);
        }
        let mut rules: Vec<Rule> = resources
            .into_iter()
            .map(|((group, verbs, names), resources)| Rule {
                api_groups: vec![group.to_owned()],
                resources: owned(resources),
                resource_names: match names {
                    Names::All => Vec::new(),
                    Names::Only(names) => names.iter().cloned().collect(),
                },
                verbs: owned(verbs),
                ..Rule::default()
            })
            .collect();
        rules.sort_by(|a, b| {
            (&a.api_groups, &a.resources, &a.resource_names).cmp(&(
                &b.api_groups,
                &b.resources,
                &b.resource_names,
            ))
        });
        rules.extend(paths.into_iter().map(|(verbs, paths)| Rule {
            non_resource_urls: owned(paths),
            verbs: owned(verbs),
            ..Rule::default()
        }));
        rules
    }
}

fn owned<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    texts.into_iter().map(str::to_owned).collect()
}
