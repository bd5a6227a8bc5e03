//! What of a rule was used.
//!
//! Promises: verbs are told apart, and resources, paths and names of each verb; a wildcard is never used in full: what was
//! used of it is told. API groups are not told apart, since hardly any resource is in two of them. Of a use by several
//! bindings it is not known which names went through which, so that they count for each.

use std::collections::{BTreeMap, BTreeSet};

use super::super::evaluate::{path_matches, resource_matches};
use super::super::request::combined;
use super::super::{Request, Rule, Target, What};

/// Some verbs of a rule, and on which of its resources and paths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// Verbs.
    pub verbs: Vec<String>,
    /// Resources and paths.
    pub on: Vec<String>,
}

/// A rule of a binding's role.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleUse {
    /// The rule's index, aggregated ones included.
    pub rule: usize,
    /// Parts of it of which nothing was used.
    pub unused: Vec<Part>,
    /// Names that it is for, and that were not used.
    pub unused_names: Vec<String>,
    /// A part with wildcards of which something was used.
    pub wide: Option<Part>,
    /// What that was, as `get pods`.
    pub of_wide: BTreeSet<String>,
}

impl RuleUse {
    /// Whether all of the rule was used, and it is no wider than that.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.unused.is_empty() && self.unused_names.is_empty() && self.wide.is_none()
    }
}

/// What was seen of a rule.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Pairs of the rule's verbs and of its resources and paths.
    pairs: BTreeSet<(usize, usize)>,
    names: BTreeSet<String>,
    /// Names were used that are not known any more.
    many: bool,
    of_wide: BTreeSet<String>,
}

impl Marks {
    /// Takes in a use of these names; `many` says that there were more, which are not known.
    pub(super) fn take(&mut self, rule: &Rule, what: &What, names: &[&str], many: bool) {
        let request = what.request();
        let of_rule = || names.iter().filter(|name| rule.allows_for(request, name));
        if !rule.allows_some(request) || !many && of_rule().next().is_none() {
            return;
        }
        self.many |= many;
        if !rule.resource_names.is_empty() {
            self.names.extend(of_rule().map(|name| (*name).to_owned()));
        }
        for (verb, on) in pairs(rule) {
            let of_verb = rule.verbs[verb] == "*" || rule.verbs[verb] == request.verb;
            if of_verb && covers(rule, on, &request.target) {
                self.pairs.insert((verb, on));
                if is_wide(rule, verb, on) {
                    self.of_wide.insert(text(request));
                }
            }
        }
    }

    /// What was used of the rule, and what not.
    pub(super) fn told(self, index: usize, rule: &Rule) -> RuleUse {
        let mut unused: BTreeMap<Vec<String>, Vec<String>> = BTreeMap::new();
        for (v, verb) in rule.verbs.iter().enumerate() {
            let on = (0..ons(rule)).filter(|on| !self.pairs.contains(&(v, *on)));
            let on: Vec<String> = on.map(|on| on_at(rule, on).to_owned()).collect();
            if !on.is_empty() {
                unused.entry(on).or_default().push(verb.clone());
            }
        }
        let unused = unused.into_iter().map(|(on, verbs)| Part { verbs, on }).collect();
        let names = rule.resource_names.iter().filter(|name| !self.many && !self.names.contains(*name));
        let wide: Vec<_> = self.pairs.iter().filter(|(v, on)| is_wide(rule, *v, *on)).collect();
        let verbs: BTreeSet<usize> = wide.iter().map(|(v, _)| *v).collect();
        let on: BTreeSet<usize> = wide.iter().map(|(_, on)| *on).collect();
        let wide = (!wide.is_empty()).then(|| Part {
            verbs: verbs.iter().map(|v| rule.verbs[*v].clone()).collect(),
            on: on.iter().map(|on| on_at(rule, *on).to_owned()).collect(),
        });
        RuleUse { rule: index, unused, unused_names: names.cloned().collect(), wide, of_wide: self.of_wide }
    }
}

/// How many resources and paths a rule has, which are places in one list.
fn ons(rule: &Rule) -> usize {
    rule.resources.len() + rule.non_resource_urls.len()
}

fn on_at(rule: &Rule, on: usize) -> &str {
    match on.checked_sub(rule.resources.len()) {
        Some(path) => &rule.non_resource_urls[path],
        None => &rule.resources[on],
    }
}

fn pairs(rule: &Rule) -> impl Iterator<Item = (usize, usize)> {
    let on = ons(rule);
    (0..rule.verbs.len()).flat_map(move |v| (0..on).map(move |on| (v, on)))
}

fn is_wide(rule: &Rule, v: usize, on: usize) -> bool {
    let on = on_at(rule, on);
    rule.verbs[v] == "*" || on.starts_with("*/") || on.ends_with('*')
}

/// Whether one of a rule's resources or paths is that of the request.
fn covers(rule: &Rule, on: usize, target: &Target) -> bool {
    match (target, on >= rule.resources.len()) {
        (Target::Path(path), true) => path_matches(on_at(rule, on), path),
        (Target::Resource { resource, subresource, .. }, false) => {
            resource_matches(on_at(rule, on), resource, subresource)
        }
        _ => false,
    }
}

/// The use without its namespace, as rules name it.
fn text(request: &Request) -> String {
    match &request.target {
        Target::Path(path) => format!("{} {path}", request.verb),
        Target::Resource { group, resource, subresource, .. } => {
            let resource = combined(resource, subresource);
            let group = if group.is_empty() { String::new() } else { format!(".{group}") };
            format!("{} {resource}{group}", request.verb)
        }
    }
}
