//! Which rules are the first for some request, found by asking the policy itself.
//!
//! Promise: conditions compare names for equality, so every name that a rule gives, and for what it leaves open one that
//! the policy does not mention, make up every request that could tell the rule from those before it. Of each attribute
//! only the values matter that the fewest rules accept, so that these requests are looked at together. Where there are
//! too many even so, the answer is that nobody knows.

mod least;
mod sets;
mod whats;

use crate::policy::load;
use crate::policy::matching::Conditions;
use crate::policy::spec::{Names, PolicySpec};
use crate::{Attributes, Decision, Groups, Policy};
use least::Least;
use sets::{Column, Set, Targets};
use std::cell::Cell;
use std::collections::BTreeSet;
use whats::{What, texts};

/// How many steps one question may take: a step looks at 64 rules, or at one name.
const MOST_STEPS: usize = 1_000_000;

/// How many steps all questions together may take.
const MOST_WORK: usize = 40_000_000;

/// How many steps may be taken besides, to look for single rules that are wider than others.
const MOST_COMPARED: usize = 100_000_000;

/// The policy, and a word that it does not mention.
pub(super) struct Reach<'s> {
    spec: &'s PolicySpec,
    policy: Policy,
    verbs: Column<'s>,
    users: Column<'s>,
    groups: Column<'s>,
    namespaces: Column<'s>,
    targets: Targets<'s>,
    fresh: String,
    work: Cell<usize>,
    compared: Cell<usize>,
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

/// Everything that a request can have, to be combined.
struct Choices<'a> {
    users: Vec<&'a str>,
    groups: Vec<&'a str>,
    verbs: Vec<&'a str>,
    namespaces: Vec<&'a str>,
    whats: Vec<What<'a>>,
}

/// There is too much to look at.
struct TooMuch;

impl<'s> Reach<'s> {
    /// The conditions are those of the policy's rules.
    pub(super) fn new(spec: &'s PolicySpec, conditions: &'s [Conditions]) -> Reach<'s> {
        Reach {
            spec,
            policy: load::compile(spec),
            verbs: column(conditions, |rule| &rule.verbs),
            users: column(conditions, |rule| &rule.users),
            groups: column(conditions, |rule| &rule.user_groups),
            namespaces: column(conditions, |rule| &rule.namespaces),
            targets: Targets::of(conditions),
            fresh: whats::unmentioned(spec).to_string(),
            work: Cell::new(0),
            compared: Cell::new(0),
        }
    }

    /// Whether a rule is the first for any request at all.
    pub(super) fn rule(&self, index: usize) -> Answer {
        let rule = &self.spec.rules.value[index].value;
        let choices = Choices {
            users: self.or_fresh(&rule.users),
            groups: self.or_fresh(&rule.user_groups),
            verbs: self.or_fresh(&rule.verbs),
            namespaces: self.or_fresh(&rule.namespaces),
            whats: whats::of(rule, &self.fresh),
        };
        match self.wider(index, &choices) {
            Some(one) => Answer::Taken(BTreeSet::from([one])),
            None => self.ask(index, &choices),
        }
    }

    /// Whether a rule is the first for some request of this kind.
    pub(super) fn target(&self, index: usize, target: &Target) -> Answer {
        let choices = self.choices(index, target);
        let about =
            |what: &What<'_>| what.names.iter().any(|name| self.targets.holds(index, &what.request(name)));
        // Most rules are about something else.
        if choices.verbs.is_empty() || !choices.whats.iter().any(about) {
            return Answer::Taken(BTreeSet::new());
        }
        self.ask(index, &choices)
    }

    /// Whether no rule matches a request of this kind, though it is by somebody, somewhere and with a verb that the
    /// rule is about.
    pub(super) fn is_unmatched(&self, index: usize, target: &Target) -> bool {
        let Choices { users, groups, verbs, namespaces, whats } = self.choices(index, target);
        let first = verbs.first().zip(whats.first().and_then(|what| what.names.first().zip(Some(what))));
        first.is_some_and(|(verb, (name, what))| {
            let groups = [groups[0].to_owned()];
            let attributes = Attributes {
                user: Some(users[0].into()),
                groups: Groups::Names(&groups),
                verb: (*verb).into(),
                namespace: namespaces[0].into(),
                ..what.request(name)
            };
            self.policy.decide(&attributes).rule.is_none()
        })
    }

    fn choices<'a>(&'a self, index: usize, target: &Target) -> Choices<'a> {
        let rule = &self.spec.rules.value[index].value;
        let given = |verb: &&str| rule.verbs.is_empty() || rule.verbs.value.iter().any(|v| v.value == **verb);
        let names = rule.resources.value.iter().flat_map(|entry| texts(&entry.value.resource_names));
        Choices {
            users: target.user.map_or_else(|| self.or_fresh(&rule.users), |(user, _)| vec![user]),
            groups: target.user.map_or_else(|| self.or_fresh(&rule.user_groups), |(_, group)| vec![group]),
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
        let Target { group, resource, subresource, .. } = *target;
        let what = What { group, resource, subresource, names: [].into(), path: None };
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
            ..what.request(&self.fresh)
        })
    }

    fn or_fresh<'a>(&'a self, names: &'a Names) -> Vec<&'a str> {
        whats::or_fresh(names, &self.fresh)
    }

    fn ask(&self, rule: usize, choices: &Choices<'_>) -> Answer {
        match self.least(rule, choices) {
            Err(TooMuch) => Answer::Unknown,
            Ok(least) if least.is_reached() => Answer::Reached,
            Ok(least) => Answer::Taken(least.takers()),
        }
    }

    /// The least sets of rules that accept a request of these, together with the rule.
    fn least(&self, rule: usize, choices: &Choices<'_>) -> Result<Least, TooMuch> {
        let steps = Steps { taken: &self.work, end: (self.work.get() + MOST_STEPS).min(MOST_WORK) };
        let any = Least::any(rule);
        let does = narrowed(&any, &self.verbs, &choices.verbs, &steps)?;
        let who = narrowed(&does, &self.users, &choices.users, &steps)?;
        let anywhere = narrowed(&who, &self.groups, &choices.groups, &steps)?;
        let somewhere = narrowed(&anywhere, &self.namespaces, &choices.namespaces, &steps)?;
        let mut least = Least::none(rule);
        for what in &choices.whats {
            // A path is in no namespace.
            let so_far = if what.path.is_some() { &anywhere } else { &somewhere };
            for name in what.names.iter() {
                let request = what.request(name);
                for set in so_far.sets() {
                    let accepting = self.targets.accepting(&request, set, |count| steps.count(count));
                    steps.count(least.add(accepting));
                    steps.check()?;
                }
            }
        }
        Ok(least)
    }

    /// The first rule that accepts every request of these that the rule accepts: it accepts every value of each
    /// attribute. Unlike combinations, these are no more than the policy has words.
    fn wider(&self, rule: usize, choices: &Choices<'_>) -> Option<usize> {
        let steps = Steps { taken: &self.compared, end: MOST_COMPARED };
        let mut set = Set::up_to(rule);
        for (column, values) in [
            (&self.verbs, &choices.verbs),
            (&self.users, &choices.users),
            (&self.groups, &choices.groups),
            (&self.namespaces, &choices.namespaces),
        ] {
            for value in values {
                steps.count(column.cost(value, &set));
                set = column.accepting(value, &set);
                steps.check().ok().filter(|()| set.first() < Some(rule))?;
            }
        }
        let mut matches = false;
        for what in &choices.whats {
            for name in what.names.iter() {
                let request = what.request(name);
                if self.targets.holds(rule, &request) {
                    matches = true;
                    set = self.targets.accepting(&request, &set, |count| steps.count(count));
                    steps.check().ok().filter(|()| set.first() < Some(rule))?;
                }
            }
        }
        set.first().filter(|first| matches && *first < rule)
    }

    /// How many steps have been taken.
    #[cfg(test)]
    pub(super) fn work(&self) -> usize {
        self.work.get() + self.compared.get()
    }
}

/// What one question may cost.
struct Steps<'r> {
    taken: &'r Cell<usize>,
    end: usize,
}

impl Steps<'_> {
    fn count(&self, steps: usize) {
        self.taken.set(self.taken.get() + steps);
    }

    fn check(&self) -> Result<(), TooMuch> {
        if self.taken.get() > self.end { Err(TooMuch) } else { Ok(()) }
    }
}

/// The least sets after one more attribute, which has one of these values.
fn narrowed(
    before: &Least,
    column: &Column<'_>,
    values: &[&str],
    steps: &Steps<'_>,
) -> Result<Least, TooMuch> {
    let mut least = before.of_no_request();
    for set in before.sets() {
        for value in values {
            steps.count(column.cost(value, set));
            steps.count(least.add(column.accepting(value, set)));
            steps.check()?;
        }
    }
    Ok(least)
}

fn column<'s>(conditions: &'s [Conditions], names: fn(&'s Conditions) -> &'s Vec<String>) -> Column<'s> {
    Column::of(conditions.iter().map(|rule| {
        let names = names(rule);
        (!names.is_empty()).then(|| names.iter().map(String::as_str))
    }))
}

#[cfg(test)]
mod tests;
