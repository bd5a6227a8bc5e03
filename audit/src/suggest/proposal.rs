//! From what was counted to a policy.
//!
//! Promises: a rule names nothing that lint would warn of; it leaves out whole (subject, resource) pairs, none of which was ever refused; small ones stay where
//! they are, so that the policy stays short; the rules that save most come first.

use std::collections::BTreeMap;

use super::census::{Census, Count};
use super::kind::{HEALTH, Kind, Topic, Who};
use super::{BEFORE, HEAD, LAST};
use crate::lint::{Severity, lint};
use crate::simulate::Amount;

/// The part of all events or bytes that a rule must save.
const RULE_SHARE: f64 = 0.005;
/// The part of all events or bytes that a resource must have to be named.
const RESOURCE_SHARE: f64 = 0.0005;
/// The most rules that leave something out.
const MOST_RULES: usize = 30;

/// A policy, with what each rule of it does to the recording.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// The rules, in their order.
    pub rules: Vec<Proposed>,
    /// What was boring enough, and stays because some of it was refused: whose, and what.
    pub kept_for_refusals: Vec<String>,
    /// The recording had more kinds of requests than are counted, so nothing is left out.
    pub too_many_kinds: bool,
}

/// A rule of a suggestion.
#[derive(Debug, Clone)]
pub struct Proposed {
    /// What it is about, in words.
    pub about: String,
    /// The events that it matches, as they were recorded.
    pub seen: Amount,
    /// What is written of them.
    pub written: Amount,
    text: String,
}

impl Proposed {
    fn new(about: &str, text: &str, count: Count) -> Proposed {
        Proposed { about: about.to_owned(), seen: count.seen, written: count.written, text: text.to_owned() }
    }

    /// What it saves.
    #[must_use]
    pub fn saved(&self) -> Amount {
        self.seen.without(self.written)
    }
}

impl Proposal {
    /// What all rules together save.
    #[must_use]
    pub fn saved(&self) -> Amount {
        self.rules.iter().fold(Amount::default(), |mut sum, rule| {
            sum.add(rule.saved());
            sum
        })
    }

    /// The policy as a file; `comment` gives the words before a rule, which may have several lines.
    #[must_use]
    pub fn text(&self, comment: impl Fn(&Proposed) -> String) -> String {
        let mut text = HEAD.to_owned();
        for rule in &self.rules {
            comment(rule).lines().for_each(|line| text.push_str(&format!("  # {line}\n")));
            text.push_str(&rule.text);
        }
        text
    }
}

pub(super) fn of(census: &Census) -> Proposal {
    let mut kept = Vec::new();
    let mut found = if census.overflowed { Vec::new() } else { found(census, &mut kept) };
    found.sort_by(|one, other| {
        other.seen.events.cmp(&one.seen.events).then_with(|| one.about.cmp(&other.about))
    });
    found.truncate(MOST_RULES);
    let mut rest = census.rules[BEFORE.len()];
    for rule in &found {
        rest.seen = rest.seen.without(rule.seen);
        rest.written = rest.written.without(rule.written);
    }
    // What they leave out is not written at all.
    found.iter_mut().for_each(|rule| rule.written = Amount::default());
    let before =
        BEFORE.iter().zip(census.rules).map(|((about, text), count)| Proposed::new(about, text, count));
    let rules = before.chain(found).chain([Proposed::new(LAST.0, LAST.1, rest)]).collect();
    Proposal { rules, kept_for_refusals: kept, too_many_kinds: census.overflowed }
}

/// The kinds of one subject and topic, by group and resource, with their verbs.
type Resources<'a> = BTreeMap<(&'a str, &'a str), (Vec<&'a str>, Count)>;

fn found(census: &Census, kept: &mut Vec<String>) -> Vec<Proposed> {
    let mut subjects: BTreeMap<(&Who, Topic), Resources<'_>> = BTreeMap::new();
    for (Kind { who, topic, group, resource, verb }, count) in &census.kinds {
        let resources = subjects.entry((who, *topic)).or_default();
        let (verbs, sum) = resources.entry((group, resource)).or_default();
        verbs.push(verb);
        sum.add(*count);
    }
    let all = census.recorded.amount;
    let mut rules = Vec::new();
    for ((who, topic), mut resources) in subjects {
        resources.retain(|_, (_, count)| is_part(count.seen, all, RESOURCE_SHARE));
        resources.retain(|(group, resource), _| topic == Topic::Health || is_served(group, resource));
        resources.retain(|(group, resource), _| {
            let refused =
                census.refused.contains(&(who.clone(), (*group).to_owned(), (*resource).to_owned()));
            if refused {
                kept.push(format!("{} for {}", named(group, resource), subject(who)));
            }
            !refused
        });
        let mut sum = Count::default();
        resources.values().for_each(|(_, count)| sum.add(*count));
        if is_part(sum.seen, all, RULE_SHARE) {
            rules.push(Proposed::new(&about(who, topic), &rule(who, topic, &resources), sum));
        }
    }
    rules
}

/// Whether lint has nothing against naming the resource, as it has when current API servers do not serve it any more.
fn is_served(group: &str, resource: &str) -> bool {
    let entry = format!("    resources: [{{group: \"{group}\", resources: [\"{resource}\"]}}]\n");
    let text = format!("{HEAD}  - level: None\n    verbs: [\"get\"]\n{entry}{}", LAST.1);
    lint(&text).iter().all(|finding| finding.severity < Severity::Warning)
}

fn is_part(amount: Amount, all: Amount, share: f64) -> bool {
    let at_least = |part: u64, all: u64| part > 0 && part as f64 >= all as f64 * share;
    at_least(amount.events, all.events) || at_least(amount.bytes, all.bytes)
}

fn named(group: &str, resource: &str) -> String {
    match (group, resource) {
        ("", "") => "health checks".to_owned(),
        ("", resource) => resource.to_owned(),
        (group, resource) => format!("{resource} of {group}"),
    }
}

fn subject(who: &Who) -> String {
    match who {
        Who::Group(group) => (*group).to_owned(),
        Who::User(user) => user.clone(),
        Who::Anybody => "anybody".to_owned(),
    }
}

fn about(who: &Who, topic: Topic) -> String {
    let what = match topic {
        Topic::Leases => "heartbeats and elections (leases)",
        Topic::NodeStatus => "the status of nodes",
        Topic::Events => "events of the cluster, which are objects of their own",
        Topic::Reads => "reading and watching, as informers do",
        Topic::Health => "health checks",
    };
    format!("{what}, by {}", subject(who))
}

fn rule(who: &Who, topic: Topic, resources: &Resources<'_>) -> String {
    let mut text = "  - level: None\n".to_owned();
    match who {
        Who::Group(group) => text.push_str(&format!("    userGroups: [\"{group}\"]\n")),
        Who::User(user) => text.push_str(&format!("    users: [\"{user}\"]\n")),
        Who::Anybody => {}
    }
    let mut verbs: Vec<&str> = resources.values().flat_map(|(verbs, _)| verbs).copied().collect();
    verbs.sort_unstable();
    verbs.dedup();
    text.push_str(&format!("    verbs: {}\n", list(&verbs)));
    if topic == Topic::Health {
        let urls: Vec<String> = HEALTH.iter().map(|path| format!("{path}*")).collect();
        text.push_str(&format!("    nonResourceURLs: {}\n", list(&urls)));
        return text;
    }
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    resources.keys().for_each(|(group, resource)| groups.entry(group).or_default().push(resource));
    text.push_str("    resources:\n");
    for (group, resources) in groups {
        text.push_str(&format!("      - group: \"{group}\"\n        resources: {}\n", list(&resources)));
    }
    text
}

fn list<S: AsRef<str>>(names: &[S]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{}\"", name.as_ref())).collect();
    format!("[{}]", quoted.join(", "))
}
