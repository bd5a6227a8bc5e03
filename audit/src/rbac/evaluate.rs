//! The RBAC authorizer.
//!
//! Promises: cluster role bindings are asked before role bindings, which only count in their own namespace; the
//! first rule that allows decides; a binding whose role does not exist gives nothing; members of `system:masters`
//! are let through before any of it. Verbs, groups, resources, names and paths match as the API server's
//! `VerbMatches` and its siblings have it.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Objects, Request, Role, RoleKind, Rule, Subject, Target, Via, Who, aggregate};

/// The group that the API server lets through before it asks RBAC.
pub(super) const MASTERS: &str = "system:masters";

/// Roles and bindings, ready to answer.
#[derive(Debug, Clone)]
pub struct Rbac {
    objects: Objects,
    /// The rules of each binding's role, aggregated ones included.
    rules: Vec<Arc<[Rule]>>,
    /// The bindings of each subject.
    bound: HashMap<Subject, Vec<usize>>,
}

/// What the authorizer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A member of `system:masters`: allowed whatever the roles say.
    Masters,
    /// Allowed by this rule of this binding's role.
    Allowed {
        /// Binding, role and subject, as the API server's reason names them.
        via: Via,
        /// The index of the binding in the objects.
        binding: usize,
        /// The index of the rule among those of the role, aggregated ones included.
        rule: usize,
    },
    /// No rule allows it.
    Refused,
}

impl Verdict {
    /// Whether the request goes through.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        *self != Verdict::Refused
    }
}

impl Rbac {
    /// Makes the objects ready to answer.
    #[must_use]
    pub fn new(objects: Objects) -> Rbac {
        let resolved: Vec<Arc<[Rule]>> =
            aggregate::resolve(&objects.roles).into_iter().map(Arc::from).collect();
        let mut by_name: HashMap<(RoleKind, &str, &str), usize> = HashMap::new();
        for (index, role) in objects.roles.iter().enumerate() {
            by_name.insert((role.kind, &role.namespace, &role.name), index);
        }
        let mut bound: HashMap<Subject, Vec<usize>> = HashMap::new();
        let mut rules = Vec::with_capacity(objects.bindings.len());
        for (index, binding) in objects.bindings.iter().enumerate() {
            let namespace = if binding.role_kind == RoleKind::Role { binding.namespace.as_str() } else { "" };
            let role = by_name.get(&(binding.role_kind, namespace, &binding.role));
            rules.push(role.map_or_else(|| Arc::from([]), |role| resolved[*role].clone()));
            for subject in &binding.subjects {
                let bindings = bound.entry(canonical(&subject.within(&binding.namespace))).or_default();
                if bindings.last() != Some(&index) {
                    bindings.push(index);
                }
            }
        }
        Rbac { objects, rules, bound }
    }

    /// The objects that it was made of.
    #[must_use]
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// The objects that it was made of, and nothing else.
    #[must_use]
    pub fn into_objects(self) -> Objects {
        self.objects
    }

    /// The role of a binding, if there is one.
    #[must_use]
    pub fn role_of(&self, binding: usize) -> Option<&Role> {
        let binding = self.objects.bindings.get(binding)?;
        let namespace = if binding.role_kind == RoleKind::Role { binding.namespace.as_str() } else { "" };
        self.objects.roles.iter().find(|role| role.is(binding.role_kind, namespace, &binding.role))
    }

    /// The rules that a binding gives, aggregated ones included.
    #[must_use]
    pub fn rules_of(&self, binding: usize) -> &[Rule] {
        self.rules.get(binding).map_or(&[], |rules| rules)
    }

    /// Whether the request is allowed, and by what.
    #[must_use]
    pub fn allowed(&self, who: &Who, request: &Request) -> Verdict {
        if who.is_in(MASTERS) {
            return Verdict::Masters;
        }
        self.grants(who, request).next().unwrap_or(Verdict::Refused)
    }

    /// Everything that allows the request, in the order in which the authorizer would come upon it.
    pub fn grants(&self, who: &Who, request: &Request) -> impl Iterator<Item = Verdict> {
        let bindings = self.bindings_for(who, request.namespace());
        let found: Vec<Verdict> = bindings
            .into_iter()
            .filter_map(|binding| {
                let rule = self.rules_of(binding).iter().position(|rule| rule.allows(request))?;
                let subject = self.subject(binding, who)?;
                let via = Via::new(&self.objects.bindings[binding], subject);
                Some(Verdict::Allowed { via, binding, rule })
            })
            .collect();
        found.into_iter()
    }

    /// The bindings that count for a user in a namespace, those of the cluster first.
    #[must_use]
    pub fn bindings_for(&self, who: &Who, namespace: &str) -> Vec<usize> {
        let mut found = self.all_bindings_for(who);
        found.retain(|index| {
            let own = &self.objects.bindings[*index].namespace;
            own.is_empty() || own == namespace
        });
        found
    }

    /// The bindings of a user in the cluster and in any namespace, those of the cluster first.
    #[must_use]
    pub fn all_bindings_for(&self, who: &Who) -> Vec<usize> {
        let subjects = std::iter::once(Subject::User(who.user.clone()))
            .chain(who.groups.iter().map(|group| Subject::Group(group.clone())));
        let mut found: Vec<usize> =
            subjects.filter_map(|subject| self.bound.get(&subject)).flatten().copied().collect();
        found.sort_unstable_by_key(|index| (!self.objects.bindings[*index].namespace.is_empty(), *index));
        found.dedup();
        found
    }

    /// The first subject of the binding that is this user.
    fn subject(&self, binding: usize, who: &Who) -> Option<Subject> {
        let binding = &self.objects.bindings[binding];
        binding.subjects.iter().map(|subject| subject.within(&binding.namespace)).find(|subject| {
            match canonical(subject) {
                Subject::User(name) => name == who.user,
                Subject::Group(name) => who.is_in(&name),
                Subject::ServiceAccount { .. } => false,
            }
        })
    }
}

/// A service account as the user that it is; one without a namespace is nobody, and stays what it is.
pub(super) fn canonical(subject: &Subject) -> Subject {
    match subject {
        Subject::ServiceAccount { namespace, name } if !namespace.is_empty() => {
            Subject::User(format!("system:serviceaccount:{namespace}:{name}"))
        }
        subject => subject.clone(),
    }
}

impl Rule {
    /// Whether this rule allows the request.
    #[must_use]
    pub fn allows(&self, request: &Request) -> bool {
        match &request.target {
            Target::Path(_) => self.allows_for(request, ""),
            Target::Resource { name, .. } => self.allows_for(request, name),
        }
    }

    /// The same rule without its names.
    #[must_use]
    pub fn but_for_names(&self) -> Rule {
        Rule { resource_names: Vec::new(), ..self.clone() }
    }

    /// The same of a request for an object of that name, whatever name is in it.
    pub(super) fn allows_for(&self, request: &Request, name: &str) -> bool {
        self.allows_some(request)
            && (matches!(request.target, Target::Path(_))
                || self.resource_names.is_empty()
                || self.resource_names.iter().any(|own| own == name))
    }

    /// Whether this rule allows the request for objects of some names.
    pub(super) fn allows_some(&self, request: &Request) -> bool {
        if !matches_any(&self.verbs, &request.verb) {
            return false;
        }
        match &request.target {
            Target::Path(path) => self.non_resource_urls.iter().any(|url| path_matches(url, path)),
            Target::Resource { group, resource, subresource, .. } => {
                matches_any(&self.api_groups, group)
                    && self.resources.iter().any(|own| resource_matches(own, resource, subresource))
            }
        }
    }
}

/// Whether a rule that names this resource means that one.
pub(super) fn resource_matches(own: &str, resource: &str, subresource: &str) -> bool {
    own == "*"
        || is_combined(own, resource, subresource)
        || !subresource.is_empty() && own.strip_prefix("*/") == Some(subresource)
}

/// Whether this is the resource with its subresource, as rules name them.
fn is_combined(own: &str, resource: &str, subresource: &str) -> bool {
    let Some(rest) = own.strip_prefix(resource) else { return false };
    if subresource.is_empty() { rest.is_empty() } else { rest.strip_prefix('/') == Some(subresource) }
}

fn matches_any(own: &[String], wanted: &str) -> bool {
    own.iter().any(|own| own == "*" || own == wanted)
}

/// Whether a rule that names this path means that one.
pub(super) fn path_matches(url: &str, path: &str) -> bool {
    url == "*" || url == path || url.ends_with('*') && path.starts_with(url.trim_end_matches('*'))
}
