//! Sets of rules, one bit each, and which rules accept what.
//!
//! Promises: a value that no rule names is accepted by the rules that ask for none, and by no other; what is kept is no
//! larger than the policy.

use crate::Attributes;
use crate::policy::matching::{Conditions, GroupResources};
use std::collections::HashMap;

/// Rules per word.
const WORD: usize = u64::BITS as usize;

/// How many steps it takes to look for a rule among many.
const SEARCH: usize = 8;

/// The rules up to one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Set(Vec<u64>);

impl Set {
    /// All rules up to this one.
    pub(super) fn up_to(rule: usize) -> Set {
        let mut words = vec![u64::MAX; rule / WORD + 1];
        words[rule / WORD] = u64::MAX >> (WORD - 1 - rule % WORD);
        Set(words)
    }

    pub(super) fn words(&self) -> usize {
        self.0.len()
    }

    pub(super) fn has(&self, rule: usize) -> bool {
        self.0.get(rule / WORD).is_some_and(|word| word & (1 << (rule % WORD)) != 0)
    }

    pub(super) fn is_within(&self, other: &Set) -> bool {
        self.0.iter().zip(&other.0).all(|(word, other)| word & !other == 0)
    }

    pub(super) fn without(mut self, rule: usize) -> Set {
        self.0[rule / WORD] &= !(1 << (rule % WORD));
        self
    }

    pub(super) fn and(mut self, other: &Set) -> Set {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word &= other);
        self
    }

    pub(super) fn first(&self) -> Option<usize> {
        self.rules().next()
    }

    /// The rules, in order.
    pub(super) fn rules(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().flat_map(|(at, word)| {
            let bits = std::iter::successors(Some(*word), |left| Some(left & left.wrapping_sub(1)));
            let bits = bits.take_while(|left| *left != 0);
            bits.map(move |left| at * WORD + left.trailing_zeros() as usize)
        })
    }

    fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether it is cheaper to look for each of the set's rules among those that are named.
    fn is_small_beside(&self, named: &[usize]) -> bool {
        self.len() * SEARCH < named.len()
    }

    /// Those of the rules that also are among the others, which are given as the words of a set and in order.
    fn accepted(&self, open: &[u64], named: &[usize]) -> Set {
        let mut words: Vec<u64> = self.0.iter().zip(open).map(|(word, open)| word & open).collect();
        let mut accept = |rule: usize| words[rule / WORD] |= self.0[rule / WORD] & (1 << (rule % WORD));
        if self.is_small_beside(named) {
            self.rules().filter(|rule| named.binary_search(rule).is_ok()).for_each(accept);
        } else {
            named.iter().take_while(|rule| **rule / WORD < self.0.len()).for_each(|rule| accept(*rule));
        }
        Set(words)
    }
}

/// One attribute: which rules accept which of its values.
#[derive(Debug, Default)]
pub(super) struct Column<'s> {
    /// The rules that accept every value.
    open: Vec<u64>,
    /// The rules, in order, that name a value.
    named: HashMap<&'s str, Vec<usize>>,
}

impl<'s> Column<'s> {
    /// From what each rule names; nothing stands for everything.
    pub(super) fn of<N: Iterator<Item = &'s str>>(rules: impl Iterator<Item = Option<N>>) -> Column<'s> {
        let mut column = Column::default();
        for (rule, names) in rules.enumerate() {
            if rule % WORD == 0 {
                column.open.push(0);
            }
            match names {
                None => column.open[rule / WORD] |= 1 << (rule % WORD),
                Some(names) => names.for_each(|name| {
                    let named = column.named.entry(name).or_default();
                    if named.last() != Some(&rule) {
                        named.push(rule);
                    }
                }),
            }
        }
        column
    }

    /// Those of the rules that accept a value.
    pub(super) fn accepting(&self, value: &str, rules: &Set) -> Set {
        rules.accepted(&self.open, self.named.get(value).map_or(&[], Vec::as_slice))
    }

    /// How much it costs to ask for a value.
    pub(super) fn cost(&self, value: &str, rules: &Set) -> usize {
        let named = self.named.get(value).map_or(0, Vec::len);
        rules.words() + named.min(rules.len() * SEARCH)
    }
}

/// What the rules are about: resources and paths, without namespaces.
pub(super) struct Targets<'s> {
    exact: Vec<Conditions>,
    groups: Column<'s>,
    resources: Column<'s>,
}

impl<'s> Targets<'s> {
    pub(super) fn of(conditions: &'s [Conditions]) -> Targets<'s> {
        let groups = conditions.iter().map(|rule| listed(rule, |entry| entry.group != "*", group));
        let heads = conditions.iter().map(|rule| listed(rule, is_named, heads));
        Targets {
            groups: Column::of(groups),
            resources: Column::of(heads),
            exact: conditions.iter().map(alone).collect(),
        }
    }

    /// Whether a rule is about what a request is about.
    pub(super) fn holds(&self, rule: usize, request: &Attributes<'_>) -> bool {
        self.exact[rule].hold(request)
    }

    /// Those of the rules that are about what a request is about; every step that it takes is counted.
    pub(super) fn accepting(
        &self,
        request: &Attributes<'_>,
        rules: &Set,
        mut count: impl FnMut(usize),
    ) -> Set {
        let mut left = rules.clone();
        if request.resource_request {
            for (column, value) in [(&self.groups, &request.api_group), (&self.resources, &request.resource)]
            {
                count(column.cost(value, rules));
                // A name with a slash may be that of a resource and its subresource.
                if !value.contains('/') {
                    left = column.accepting(value, &left);
                }
            }
        }
        let mut found = left.clone();
        for rule in left.rules() {
            count(weight(&self.exact[rule]));
            if !self.holds(rule, request) {
                found = found.without(rule);
            }
        }
        found
    }
}

/// The names of all entries of a rule, if all are named.
fn listed<'s, I: Iterator<Item = &'s str>>(
    rule: &'s Conditions,
    is_named: fn(&GroupResources) -> bool,
    names: fn(&'s GroupResources) -> I,
) -> Option<impl Iterator<Item = &'s str>> {
    let closed = !rule.resources.is_empty() && rule.resources.iter().all(is_named);
    closed.then(|| rule.resources.iter().flat_map(names))
}

fn group(entry: &GroupResources) -> impl Iterator<Item = &str> {
    std::iter::once(entry.group.as_str())
}

/// Whether an entry names its resources, each by its own name.
fn is_named(entry: &GroupResources) -> bool {
    !entry.resources.is_empty() && !entry.resources.iter().any(|pattern| pattern.starts_with('*'))
}

fn heads(entry: &GroupResources) -> impl Iterator<Item = &str> {
    entry.resources.iter().map(|pattern| pattern.split('/').next().unwrap_or_default())
}

/// The conditions without those that the columns have. A rule with namespaces is about resources all the same.
fn alone(rule: &Conditions) -> Conditions {
    let mut resources = rule.resources.clone();
    if resources.is_empty() && !rule.namespaces.is_empty() {
        resources.push(GroupResources { group: "*".to_owned(), ..GroupResources::default() });
    }
    Conditions { resources, non_resource_urls: rule.non_resource_urls.clone(), ..Conditions::default() }
}

fn weight(rule: &Conditions) -> usize {
    let of = |entry: &GroupResources| 1 + entry.resources.len() + entry.resource_names.len();
    1 + rule.non_resource_urls.len() + rule.resources.iter().map(of).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::{Column, Set};

    #[test]
    fn a_set_has_the_rules_up_to_one_and_no_other() {
        for last in [0, 1, 63, 64, 130] {
            let set = Set::up_to(last);
            assert_eq!(set.rules().collect::<Vec<_>>(), (0..=last).collect::<Vec<_>>());
            assert!(set.has(last) && !set.has(last + 1) && !set.has(last + 1000));
            assert_eq!(set.clone().without(last).rules().count(), last);
            assert!(set.clone().without(0).is_within(&set));
        }
    }

    #[test]
    fn a_value_is_accepted_by_those_that_name_it_and_those_that_name_none() {
        let rules = [Some(vec!["a", "a"]), None, Some(vec!["b"]), Some(vec!["a", "b"])];
        let column = Column::of(rules.iter().map(|names| names.as_ref().map(|names| names.iter().copied())));
        let accepting = |value, last| column.accepting(value, &Set::up_to(last)).rules().collect::<Vec<_>>();
        assert_eq!(accepting("a", 3), [0, 1, 3]);
        assert_eq!(accepting("a", 2), [0, 1]);
        assert_eq!(accepting("c", 3), [1]);
        let many = Column::of((0..200).map(|rule| (rule % 3 > 0).then_some(["a"].into_iter())));
        let few = (0..199).fold(Set::up_to(199), |set, rule| set.without(rule));
        assert_eq!(many.accepting("a", &few).rules().collect::<Vec<_>>(), [199]);
        assert_eq!(many.accepting("b", &few).rules().count(), 0);
    }
}
