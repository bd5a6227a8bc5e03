//! Which rules are the first for some request, found by asking the policy itself.
//!
//! Promise: conditions compare names for equality, so trying every name that a rule gives, and for what it leaves
//! open one that the policy does not mention, tries every request that could tell the rule from those before it.
//! Where these are too many the answer is that nobody knows.

use crate::policy::load;
use crate::policy::spec::{Names, PolicySpec, ResourcesSpec, RuleSpec, Spot};
use crate::{Attributes, Decision, Groups, Policy};
use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeSet;

/// How many requests are tried for one question.
const MOST_TRIED: usize = 20_000;

/// How often a rule is held against a request, for all questions together.
const MOST_WORK: usize = 50_000_000;

/// The policy, and a word that it does not mention.
pub(super) struct Reach<'s> {
    spec: &'s PolicySpec,
    policy: Policy,
    fresh: String,
    work: Cell<usize>,
}

/// Whether a rule is the first for some request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// There is such a request.
    Reached,
    /// There is none: whatever the rule matches, these earlier rules take.
    Taken(BTreeSet<usize>),
    /// There were too many to try.
    Unknown,
}

/// Requests about one resource.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target {
    pub(super) verbs: &'static [&'static str],
    pub(super) group: &'static str,
    pub(super) resource: &'static str,
    pub(super) subresource: &'static str,
    pub(super) scope: Scope,
    /// The one user that is meant, with its group.
    pub(super) user: Option<(&'static str, &'static str)>,
}

/// Where the resource lives.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scope {
    Cluster,
    AnyNamespace,
    Namespaces(&'static [&'static str]),
}

/// What a request can be about.
#[derive(Debug, Clone)]
struct What<'a> {
    group: &'a str,
    resource: &'a str,
    subresource: &'a str,
    names: Vec<&'a str>,
    /// Of a request that is about no resource.
    path: Option<String>,
}

/// Everything that a request can have, to be combined.
struct Choices<'a> {
    users: Vec<&'a str>,
    groups: Vec<Vec<String>>,
    verbs: Vec<&'a str>,
    namespaces: Vec<&'a str>,
    whats: Vec<What<'a>>,
}

impl<'s> Reach<'s> {
    pub(super) fn new(spec: &'s PolicySpec) -> Reach<'s> {
        Reach { spec, policy: load::compile(spec), fresh: unmentioned(spec).to_string(), work: Cell::new(0) }
    }

    /// Whether a rule is the first for any request at all.
    pub(super) fn rule(&self, index: usize) -> Answer {
        let rule = &self.spec.rules.value[index].value;
        let (users, groups) = self.people(rule);
        let choices = Choices {
            users,
            groups,
            verbs: self.or_fresh(&rule.verbs),
            namespaces: self.or_fresh(&rule.namespaces),
            whats: self.whats(rule),
        };
        self.ask(index, &choices)
    }

    /// Whether a rule is the first for some request of this kind.
    pub(super) fn target(&self, index: usize, target: &Target) -> Answer {
        self.ask(index, &self.choices(index, target))
    }

    /// Whether no rule matches a request of this kind, though it is by somebody, somewhere and with a verb that the
    /// rule is about.
    pub(super) fn is_unmatched(&self, index: usize, target: &Target) -> bool {
        let choices = self.choices(index, target);
        choices.requests().next().is_some_and(|request| self.policy.decide(&request).rule.is_none())
    }

    fn choices<'a>(&'a self, index: usize, target: &Target) -> Choices<'a> {
        let rule = &self.spec.rules.value[index].value;
        let (mut users, mut groups) = self.people(rule);
        if let Some((user, group)) = target.user {
            (users, groups) = (vec![user], vec![vec![group.to_owned()]]);
        }
        let given = |verb: &&str| rule.verbs.is_empty() || rule.verbs.value.iter().any(|v| v.value == **verb);
        let names = rule.resources.value.iter().flat_map(|entry| texts(&entry.value.resource_names));
        Choices {
            users,
            groups,
            verbs: target.verbs.iter().copied().filter(given).collect(),
            namespaces: match target.scope {
                Scope::Cluster => vec![""],
                Scope::AnyNamespace => self.or_fresh(&rule.namespaces),
                Scope::Namespaces(namespaces) => namespaces.to_vec(),
            },
            whats: vec![What {
                group: target.group,
                resource: target.resource,
                subresource: target.subresource,
                names: names.chain([self.fresh.as_str(), ""]).collect(),
                path: None,
            }],
        }
    }

    /// What becomes of such a request of somebody whom the policy does not mention.
    pub(super) fn ordinary(&self, target: &Target) -> Decision {
        let groups = target.user.map(|(_, group)| vec![group.to_owned()]).unwrap_or_default();
        self.policy.decide(&Attributes {
            user: Some(target.user.map_or(self.fresh.as_str(), |(user, _)| user).into()),
            groups: Groups::Names(&groups),
            verb: target.verbs.first().copied().unwrap_or_default().into(),
            namespace: match target.scope {
                Scope::Cluster => "",
                Scope::AnyNamespace => &self.fresh,
                Scope::Namespaces(namespaces) => namespaces[0],
            }
            .into(),
            api_group: target.group.into(),
            resource: target.resource.into(),
            subresource: target.subresource.into(),
            name: self.fresh.as_str().into(),
            path: "".into(),
            resource_request: true,
        })
    }

    fn people<'a>(&'a self, rule: &'a RuleSpec) -> (Vec<&'a str>, Vec<Vec<String>>) {
        let groups = if rule.user_groups.is_empty() {
            vec![Vec::new()]
        } else {
            texts(&rule.user_groups).map(|group| vec![group.to_owned()]).collect()
        };
        (self.or_fresh(&rule.users), groups)
    }

    fn or_fresh<'a>(&'a self, names: &'a Names) -> Vec<&'a str> {
        if names.is_empty() { vec![self.fresh.as_str()] } else { texts(names).collect() }
    }

    fn whats<'a>(&'a self, rule: &'a RuleSpec) -> Vec<What<'a>> {
        if !rule.resources.value.is_empty() {
            return rule.resources.value.iter().flat_map(|entry| self.of_entry(&entry.value)).collect();
        }
        let anything = self.what(&self.fresh, &self.fresh, "", vec![self.fresh.as_str()]);
        let path = |path: String| What { path: Some(path), ..self.what("", "", "", vec![""]) };
        if !rule.namespaces.is_empty() {
            return vec![anything];
        }
        if rule.non_resource_urls.is_empty() {
            return vec![anything, path(self.fresh.clone())];
        }
        let paths = texts(&rule.non_resource_urls).map(|url| match url.strip_suffix('*') {
            Some(prefix) => prefix.trim_end_matches('*').to_owned() + &self.fresh,
            None => url.to_owned(),
        });
        paths.map(path).collect()
    }

    fn what<'a>(&self, group: &'a str, resource: &'a str, sub: &'a str, names: Vec<&'a str>) -> What<'a> {
        What { group, resource, subresource: sub, names, path: None }
    }

    fn of_entry<'a>(&'a self, entry: &'a ResourcesSpec) -> Vec<What<'a>> {
        let fresh = self.fresh.as_str();
        let group = if entry.group.value == "*" { fresh } else { &entry.group.value };
        if entry.resources.is_empty() {
            return vec![self.what(group, fresh, "", vec![fresh])];
        }
        let names = self.or_fresh(&entry.resource_names);
        let mut whats = Vec::new();
        for pattern in texts(&entry.resources) {
            let mut push =
                |resource, subresource| whats.push(self.what(group, resource, subresource, names.clone()));
            if pattern == "*" {
                push(fresh, "");
                continue;
            }
            // Everything that the pattern could be taken for; what it does not match is no harm.
            push(pattern, "");
            pattern.match_indices('/').for_each(|(at, _)| push(&pattern[..at], &pattern[at + 1..]));
            pattern.strip_prefix("*/").into_iter().for_each(|subresource| push(fresh, subresource));
            pattern.strip_suffix("/*").into_iter().for_each(|resource| push(resource, fresh));
        }
        whats
    }

    fn ask(&self, rule: usize, choices: &Choices<'_>) -> Answer {
        let mut taken = BTreeSet::new();
        for (tried, request) in choices.requests().enumerate() {
            self.work.set(self.work.get() + self.policy.rules());
            if tried >= MOST_TRIED || self.work.get() > MOST_WORK {
                return Answer::Unknown;
            }
            match self.policy.decide(&request).rule {
                Some(first) if first == rule => return Answer::Reached,
                Some(first) if first < rule => taken.insert(first),
                _ => false,
            };
        }
        Answer::Taken(taken)
    }
}

impl Choices<'_> {
    /// Every combination.
    fn requests(&self) -> impl Iterator<Item = Attributes<'_>> {
        let who = || self.users.iter().flat_map(|user| self.groups.iter().map(move |groups| (*user, groups)));
        let does = move || self.verbs.iter().flat_map(move |verb| who().map(move |who| (*verb, who)));
        let at = move || self.namespaces.iter().flat_map(move |ns| does().map(move |does| (*ns, does)));
        let whats = self.whats.iter().flat_map(|what| what.names.iter().map(move |name| (what, *name)));
        whats.flat_map(move |(what, name)| {
            at().map(move |(namespace, (verb, (user, groups)))| {
                request(what, name, namespace, verb, user, groups)
            })
        })
    }
}

fn request<'a>(
    what: &'a What<'a>,
    name: &'a str,
    namespace: &'a str,
    verb: &'a str,
    user: &'a str,
    groups: &'a [String],
) -> Attributes<'a> {
    let is_resource = what.path.is_none();
    Attributes {
        user: Some(Cow::Borrowed(user)),
        groups: Groups::Names(groups),
        verb: verb.into(),
        namespace: if is_resource { namespace.into() } else { "".into() },
        api_group: what.group.into(),
        resource: what.resource.into(),
        subresource: what.subresource.into(),
        name: name.into(),
        path: what.path.as_deref().unwrap_or_default().into(),
        resource_request: is_resource,
    }
}

fn texts(names: &Names) -> impl Iterator<Item = &str> {
    names.value.iter().map(|name| name.value.as_str())
}

/// A character that occurs in no name of the policy.
fn unmentioned(spec: &PolicySpec) -> char {
    let mut mentioned = BTreeSet::new();
    for Spot { value: rule, .. } in &spec.rules.value {
        let lists = [&rule.users, &rule.user_groups, &rule.verbs, &rule.namespaces, &rule.non_resource_urls];
        mentioned.extend(lists.into_iter().flat_map(texts).flat_map(str::chars));
        for Spot { value: entry, .. } in &rule.resources.value {
            let lists = [&entry.resources, &entry.resource_names].into_iter().flat_map(texts);
            mentioned.extend(lists.chain([entry.group.value.as_str()]).flat_map(str::chars));
        }
    }
    let mut candidates = ('\u{1}'..).filter(|c| !mentioned.contains(c) && !matches!(c, '/' | '*'));
    candidates.next().expect("a policy is far smaller than the number of characters")
}
