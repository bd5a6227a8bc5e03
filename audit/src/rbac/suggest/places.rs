//! Under which names what is proposed goes to a cluster.
//!
//! Promises: applying a proposal changes nothing for others: a name of a role that others are bound to, or of a binding
//! to others or of another role, is left to them, and a hash makes another name. Two subjects of a proposal never share
//! one. What only adds to what there is keeps all that the role of its name gives, and where it is not known what there
//! is, it goes under names of its own. What a role gives that is put in the place of another is said.

use std::collections::{HashMap, HashSet};

use super::super::evaluate::canonical;
use super::super::{Binding, Names, Objects, Permission, Permissions, Role, RoleKind, Rule, Subject};
use super::names::{Naming, hash};

/// Where `kubectl apply` leaves what was applied, which is not part of the object.
const APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// A role that there is and that a proposal puts another one in the place of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    /// Its kind.
    pub kind: RoleKind,
    /// Empty for a ClusterRole.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// How many of its permissions the proposal does not give.
    pub lost: u64,
}

/// Kind, namespace and name of a role.
type OfRole<'o> = (RoleKind, &'o str, &'o str);

/// What there is, and what is proposed so far.
#[derive(Default)]
pub(super) struct Places<'o> {
    roles: HashMap<OfRole<'o>, &'o Role>,
    bindings: HashMap<(&'o str, &'o str), &'o Binding>,
    /// The bindings of each role.
    bound: HashMap<OfRole<'o>, Vec<&'o Binding>>,
    /// Namespaces and names of the proposal.
    taken: HashSet<(String, String)>,
    /// Whether the proposal only adds to what there is.
    adds: bool,
    /// Whether it is known what there is.
    known: bool,
    objects: Objects,
    replaced: Vec<Replaced>,
}

impl<'o> Places<'o> {
    /// Places beside these objects; `adds` says that what they give stays.
    pub(super) fn beside(existing: Option<&'o Objects>, adds: bool) -> Places<'o> {
        let mut places = Places { adds, known: existing.is_some(), ..Places::default() };
        for role in existing.into_iter().flat_map(|objects| &objects.roles) {
            places.roles.insert((role.kind, &role.namespace, &role.name), role);
        }
        for binding in existing.into_iter().flat_map(|objects| &objects.bindings) {
            places.bindings.insert((&binding.namespace, &binding.name), binding);
            let namespace = if binding.role_kind == RoleKind::Role { binding.namespace.as_str() } else { "" };
            places.bound.entry((binding.role_kind, namespace, &binding.role)).or_default().push(binding);
        }
        places
    }

    /// A role with these rules in this place, and its binding; `all` is what the subject is given in all places.
    pub(super) fn give(&mut self, naming: &Naming, scope: &str, rules: Vec<Rule>, all: &Permissions) {
        let kind = if scope.is_empty() { RoleKind::ClusterRole } else { RoleKind::Role };
        let name = self.name(naming, scope, kind, &rules);
        let there = self.roles.get(&(kind, scope, name.as_str())).copied();
        let lost = there.filter(|_| !self.adds).map_or(0, |role| lost(scope, &role.rules, all));
        if lost > 0 {
            let (namespace, name) = (scope.to_owned(), name.clone());
            self.replaced.push(Replaced { kind, namespace, name, lost });
        }
        let mut role = Role {
            kind,
            namespace: scope.to_owned(),
            name,
            labels: naming.labels.clone(),
            annotations: naming.annotations.clone(),
            rules,
            aggregation: None,
        };
        self.objects.bindings.push(Binding {
            namespace: scope.to_owned(),
            name: role.name.clone(),
            labels: naming.labels.clone(),
            annotations: naming.annotations.clone(),
            role_kind: kind,
            role: role.name.clone(),
            subjects: vec![naming.subject.clone()],
        });
        if let Some(there) = there.filter(|_| self.adds) {
            keep(&mut role, there);
        }
        self.objects.roles.push(role);
    }

    /// What was proposed, in order, and what it takes the place of.
    pub(super) fn done(mut self) -> (Objects, Vec<Replaced>) {
        self.objects.sort();
        (self.objects, self.replaced)
    }

    /// The first name that nobody else has.
    fn name(&mut self, naming: &Naming, scope: &str, kind: RoleKind, rules: &[Rule]) -> String {
        let (name, subject) = (&naming.name, &naming.subject);
        let plain = match self.adds && !self.known {
            true => format!("{name}-{}", hash(&format!("{subject} {scope} {rules:?}"))),
            false => name.clone(),
        };
        let others = (1_u64..).map(|n| format!("{name}-{}", hash(&format!("{subject} {n}"))));
        let free = |name: &String| {
            !self.taken.contains(&(scope.to_owned(), name.clone())) && self.is_own(subject, scope, kind, name)
        };
        let found = std::iter::once(plain).chain(others).find(free).expect("few names are taken");
        self.taken.insert((scope.to_owned(), found.clone()));
        found
    }

    /// Whether role and binding of that name are nobody's, or nobody's but the subject's.
    fn is_own(&self, subject: &Subject, scope: &str, kind: RoleKind, name: &str) -> bool {
        let role = (kind, scope, name);
        let to_subject = |binding: &Binding| {
            let mut subjects = binding.subjects.iter().map(|subject| subject.within(&binding.namespace));
            subjects.all(|other| canonical(&other) == canonical(subject))
        };
        let bound = self.bound.get(&role).into_iter().flatten();
        let binding = self.bindings.get(&(scope, name));
        bound.copied().chain(binding.copied()).all(to_subject)
            && binding.is_none_or(|binding| binding.role_kind == kind && binding.role == name)
            && self.roles.get(&role).is_none_or(|role| role.aggregation.is_none())
    }
}

/// Keeps what there is of a role in the one that takes its place.
fn keep(role: &mut Role, there: &Role) {
    let mut all = Permissions::default();
    there.rules.iter().chain(&role.rules).for_each(|rule| all.add_rule(&role.namespace, rule));
    role.rules = all.rules(&role.namespace);
    let of_apply = there.annotations.iter().filter(|(key, _)| *key != APPLIED);
    for (own, there) in [
        (&mut role.labels, there.labels.iter().collect::<Vec<_>>()),
        (&mut role.annotations, of_apply.collect()),
    ] {
        there.into_iter().for_each(|(key, value)| {
            own.entry(key.clone()).or_insert_with(|| value.clone());
        });
    }
}

/// How many of the permissions of these rules are not among all that are given.
fn lost(scope: &str, rules: &[Rule], all: &Permissions) -> u64 {
    let mut there = Permissions::default();
    rules.iter().for_each(|rule| there.add_rule(scope, rule));
    there.iter().map(|(scope, permission, names)| lost_names(scope, permission, names, all)).sum()
}

fn lost_names(scope: &str, permission: &Permission, names: &Names, all: &Permissions) -> u64 {
    let given = [all.names(scope, permission), all.names("", permission)];
    let has = |name: &String| {
        given.iter().flatten().any(|names| matches!(names, Names::Only(only) if only.contains(name)))
    };
    match names {
        _ if given.contains(&Some(&Names::All)) => 0,
        Names::All => 1,
        Names::Only(names) => names.iter().filter(|name| !has(name)).count() as u64,
    }
}

impl Objects {
    /// Roles before cluster roles, then by namespace and name; bindings likewise.
    pub(super) fn sort(&mut self) {
        self.roles.sort_by(|a, b| (a.kind, &a.namespace, &a.name).cmp(&(b.kind, &b.namespace, &b.name)));
        self.bindings.sort_by(|a, b| {
            (a.namespace.is_empty(), &a.namespace, &a.name).cmp(&(
                b.namespace.is_empty(),
                &b.namespace,
                &b.name,
            ))
        });
    }
}
