//! The preset that proposes what audit2rbac proposes.
//!
//! Promises: its steps in its order: broad requests first; what everybody may do for discovery is left out, and what
//! the rules so far allow; a request of which others differ in namespace or name only loses both; verbs come with
//! others; rules are put together by verbs, names and resources. Allowed and refused requests count alike.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::super::request::combined;
use super::super::{
    Binding, Names, Objects, Permission, Permissions, Request, Role, RoleKind, Rule, Subject, Target, Uses,
    Who,
};
use super::{Naming, Places, Proposal, Verbs, more_verbs};

/// What everybody may get.
const DISCOVERY: [&str; 5] = ["/healthz", "/version", "/swagger*", "/openapi*", "/api*"];

/// The resource of a request and what is done to it, whatever the namespace and the name.
type Kind = (Who, String, String, String, String);

/// Proposes for all users what audit2rbac would propose for each of them.
#[must_use]
pub fn audit2rbac(uses: &Uses) -> Proposal {
    let mut requests: BTreeMap<&str, Vec<(&Who, Request)>> = BTreeMap::new();
    for (who, what, seen) in uses.iter() {
        let of_user = requests.entry(&who.user).or_default();
        for tally in [&seen.allowed, &seen.refused] {
            of_user.extend(tally.names.keys().map(|name| (who, what.named(name))));
            if tally.many {
                of_user.push((who, what.request().clone()));
            }
        }
    }
    let mut places = Places::default();
    let mut permissions = BTreeMap::new();
    for (user, mut requests) in requests {
        requests.sort_by(|a, b| order(&a.1, &b.1));
        let naming = Naming::new("audit2rbac:", "audit2rbac.liggitt.net/", user, Subject::of_user(user));
        let roles = rules(&requests);
        let all = counted(&roles);
        for (scope, rules) in roles {
            places.give(&naming, &scope, compact(&rules), &all);
        }
        if !all.is_empty() {
            permissions.insert(user.to_owned(), all);
        }
    }
    let (objects, _) = places.done();
    Proposal { objects, permissions, ..Proposal::default() }
}

/// The role and binding for discovery that every cluster has, and that the preset counts on.
#[must_use]
pub fn discovery() -> Objects {
    let name = "system:discovery".to_owned();
    let (labels, annotations) = Default::default();
    let role = Role {
        kind: RoleKind::ClusterRole,
        namespace: String::new(),
        name: name.clone(),
        labels,
        annotations,
        rules: vec![discovery_rule()],
        aggregation: None,
    };
    let groups =
        ["system:authenticated", "system:unauthenticated"].map(|name| Subject::Group(name.to_owned()));
    let binding = Binding {
        namespace: String::new(),
        name: name.clone(),
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        role_kind: RoleKind::ClusterRole,
        role: name,
        subjects: groups.to_vec(),
    };
    Objects { roles: vec![role], bindings: vec![binding] }
}

fn discovery_rule() -> Rule {
    Rule {
        verbs: vec!["get".to_owned()],
        non_resource_urls: DISCOVERY.map(str::to_owned).to_vec(),
        ..Rule::default()
    }
}

/// The rules by namespace, none of them put together yet.
fn rules(requests: &[(&Who, Request)]) -> BTreeMap<String, Vec<Rule>> {
    let discovery = discovery_rule();
    let mut places: BTreeMap<Kind, (BTreeSet<&str>, BTreeSet<&str>)> = BTreeMap::new();
    for (who, request) in requests {
        if let (Some(kind), Target::Resource { namespace, name, .. }) = (kind(who, request), &request.target)
        {
            let (namespaces, names) = places.entry(kind).or_default();
            namespaces.extend((!namespace.is_empty()).then_some(namespace.as_str()));
            names.extend((!name.is_empty()).then_some(name.as_str()));
        }
    }
    let mut found: BTreeMap<String, Vec<Rule>> = BTreeMap::new();
    for (who, request) in requests {
        let given =
            |scope: &str| found.get(scope).is_some_and(|rules| rules.iter().any(|rule| rule.allows(request)));
        if discovery.allows(request) || given("") || given(request.namespace()) {
            continue;
        }
        let mut request = request.clone();
        if let Some((namespaces, names)) = kind(who, &request).and_then(|kind| places.get(&kind)) {
            widen(&mut request, namespaces, names);
        }
        found.entry(request.namespace().to_owned()).or_default().push(rule(&request));
    }
    found
}

/// Takes namespace and name away where another request has another one.
fn widen(request: &mut Request, namespaces: &BTreeSet<&str>, names: &BTreeSet<&str>) {
    let Target::Resource { namespace, name, .. } = &mut request.target else { return };
    if namespace.is_empty() && name.is_empty() {
        return;
    }
    if namespaces.iter().any(|other| other != namespace) {
        namespace.clear();
    }
    if names.iter().any(|other| other != name) {
        name.clear();
    }
}

fn kind(who: &Who, request: &Request) -> Option<Kind> {
    match &request.target {
        Target::Path(_) => None,
        Target::Resource { group, resource, subresource, .. } => {
            Some((who.clone(), request.verb.clone(), group.clone(), resource.clone(), subresource.clone()))
        }
    }
}

fn rule(request: &Request) -> Rule {
    let mut rule = Rule { verbs: vec![request.verb.clone()], ..Rule::default() };
    match &request.target {
        Target::Path(path) => rule.non_resource_urls = vec![path.clone()],
        Target::Resource { group, resource, subresource, name, .. } => {
            rule.verbs
                .extend(more_verbs(&request.verb, Verbs::Audit2rbac).iter().map(|&verb| verb.to_owned()));
            rule.api_groups = vec![group.clone()];
            rule.resources = vec![combined(resource, subresource)];
            rule.resource_names.extend((!name.is_empty()).then(|| name.clone()));
        }
    }
    rule
}

/// API groups, paths, resources and names of a rule.
type OfRule<'r> = (&'r [String], &'r [String], &'r [String], &'r [String]);

/// Rules of one resource and at most one name, put together.
fn compact(rules: &[Rule]) -> Vec<Rule> {
    let mut verbs: BTreeMap<OfRule<'_>, BTreeSet<&String>> = BTreeMap::new();
    for rule in rules {
        let key: OfRule<'_> =
            (&rule.api_groups, &rule.non_resource_urls, &rule.resources, &rule.resource_names);
        verbs.entry(key).or_default().extend(&rule.verbs);
    }
    let mut found: Vec<Rule> = Vec::new();
    for ((groups, urls, resources, names), verbs) in verbs {
        let rule = Rule {
            api_groups: groups.to_vec(),
            resources: resources.to_vec(),
            resource_names: names.to_vec(),
            non_resource_urls: urls.to_vec(),
            verbs: verbs.into_iter().cloned().collect(),
        };
        if urls.is_empty() && found.iter_mut().any(|known| joined(known, &rule)) {
            continue;
        }
        found.push(rule);
    }
    found.sort();
    found.sort_by(|a, b| key(a).cmp(&key(b)));
    found
}

type SortKey<'r> = (String, bool, &'r [String], &'r [String], &'r [String]);

fn key(rule: &Rule) -> SortKey<'_> {
    let paths = !rule.non_resource_urls.is_empty();
    (rule.api_groups.join(","), paths, &rule.non_resource_urls, &rule.resources, &rule.resource_names)
}

/// Takes the rule into one that is the same but for the names, or but for the resources.
fn joined(known: &mut Rule, rule: &Rule) -> bool {
    if known.api_groups != rule.api_groups || known.verbs != rule.verbs || !known.non_resource_urls.is_empty()
    {
        return false;
    }
    let both_named = !known.resource_names.is_empty() && !rule.resource_names.is_empty();
    if known.resources == rule.resources && both_named {
        add(&mut known.resource_names, &rule.resource_names);
        return true;
    }
    if known.resource_names == rule.resource_names {
        add(&mut known.resources, &rule.resources);
        return true;
    }
    false
}

fn add(known: &mut Vec<String>, more: &[String]) {
    known.extend_from_slice(more);
    known.sort_unstable();
    known.dedup();
}

/// What rules of one resource each give.
fn counted(roles: &BTreeMap<String, Vec<Rule>>) -> Permissions {
    let mut set = Permissions::default();
    for (scope, rules) in roles {
        for rule in rules {
            set.add_rule(scope, rule);
        }
    }
    set.tidy();
    set
}

impl Permissions {
    /// Adds all that a rule gives, wildcards as they stand.
    pub fn add_rule(&mut self, scope: &str, rule: &Rule) {
        let names = match rule.resource_names.is_empty() {
            true => Names::All,
            false => Names::Only(rule.resource_names.iter().cloned().collect()),
        };
        for verb in &rule.verbs {
            for path in &rule.non_resource_urls {
                self.add("", Permission::Path { path: path.clone(), verb: verb.clone() }, Names::All);
            }
            for (group, resource) in
                rule.api_groups.iter().flat_map(|group| rule.resources.iter().map(move |name| (group, name)))
            {
                let (group, resource, verb) = (group.clone(), resource.clone(), verb.clone());
                self.add(scope, Permission::Resource { group, resource, verb }, names.clone());
            }
        }
    }
}

/// Broad ones first: paths, then what is in no namespace, then what has no name, then list before get.
fn order(a: &Request, b: &Request) -> Ordering {
    match (&a.target, &b.target) {
        (Target::Path(one), Target::Path(other)) => (&a.verb, one).cmp(&(&b.verb, other)),
        (Target::Path(_), _) => Ordering::Less,
        (_, Target::Path(_)) => Ordering::Greater,
        (Target::Resource { .. }, Target::Resource { .. }) => broadness(a).cmp(&broadness(b)),
    }
}

fn broadness(request: &Request) -> (bool, bool, bool, &str, &str, &str, &str, &str, &str) {
    match &request.target {
        Target::Path(path) => (false, false, false, path, "", "", "", "", ""),
        Target::Resource { group, resource, subresource, namespace, name } => (
            !namespace.is_empty(),
            !name.is_empty(),
            request.verb == "get",
            group,
            resource,
            subresource,
            namespace,
            name,
            &request.verb,
        ),
    }
}
