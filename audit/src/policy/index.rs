//! The rules of a policy, turned around: for each value that a request can have, the rules that accept it.
//!
//! Promises: the first rule is the one that the rules, asked one after the other, would give; nothing is allocated; 64
//! rules cost what one costs. A set has one bit per rule. User, groups, verb, namespace and path are decided by sets
//! alone; of the resource the sets say which rules can accept it, and only those are asked for the exact answer.

mod column;
mod paths;
mod set;
mod targets;

use super::matching::Conditions;
use super::rule::Rule;
use crate::{Attributes, Groups, scan, text};
use column::Column;
use paths::Paths;
use set::{Set, WORD};

/// Which rules accept what.
#[derive(Debug, Clone)]
pub(super) struct Index {
    /// The rules that accept requests about resources, and those that accept other requests.
    about_resources: Set,
    about_paths: Set,
    verbs: Column,
    users: Column,
    user_groups: Column,
    namespaces: Column,
    api_groups: Column,
    resources: Column,
    subresources: Column,
    /// The rules whose `resources` are more than the three columns say.
    asked: Set,
    paths: Paths,
}

impl Index {
    pub(super) fn of(rules: &[Rule]) -> Index {
        let rules: Vec<&Conditions> = rules.iter().map(|rule| &rule.conditions).collect();
        let set = |holds: fn(&Conditions) -> bool| Set::of(rules.iter().map(|rule| holds(rule)));
        let column = |accepted: fn(&Conditions) -> column::Accepted<'_>| {
            Column::new(&rules.iter().map(|rule| accepted(rule)).collect::<Vec<_>>())
        };
        Index {
            about_resources: set(|rule| asks_for_resources(rule) || rule.non_resource_urls.is_empty()),
            about_paths: set(|rule| !asks_for_resources(rule)),
            verbs: column(|rule| listed(&rule.verbs)),
            users: column(|rule| listed(&rule.users)),
            user_groups: column(|rule| listed(&rule.user_groups)),
            namespaces: column(|rule| listed(&rule.namespaces)),
            api_groups: column(targets::api_groups),
            resources: column(targets::resources),
            subresources: column(targets::subresources),
            asked: set(|rule| !targets::is_exact(rule)),
            paths: Paths::new(&rules),
        }
    }

    /// The first of the rules, which are those that the index was made of, that matches.
    pub(super) fn first(&self, rules: &[Rule], attributes: &Attributes<'_>) -> Option<usize> {
        let picked = self.pick(attributes);
        let words = self.about_resources.words().len();
        (0..words).find_map(|word| self.first_in(word, picked.word(word), rules, attributes, picked.slashed))
    }

    /// The first of 64 rules that the picked sets leave.
    fn first_in(
        &self,
        word: usize,
        mut candidates: u64,
        rules: &[Rule],
        attributes: &Attributes<'_>,
        slashed: bool,
    ) -> Option<usize> {
        if candidates == 0 {
            return None;
        }
        if !attributes.resource_request {
            candidates &= self.paths.word(attributes.path.as_bytes(), word);
        }
        if candidates & !self.user_groups.open().word(word) != 0 {
            candidates &= self.accepting_groups(attributes, word);
        }
        let asked = if slashed { u64::MAX } else { self.asked.word(word) };
        while candidates != 0 {
            let rule = word * WORD + candidates.trailing_zeros() as usize;
            let sure = !attributes.resource_request || asked & candidates & candidates.wrapping_neg() == 0;
            if sure || rules[rule].conditions.covers_resource(attributes) {
                return Some(rule);
            }
            candidates &= candidates - 1;
        }
        None
    }

    fn pick(&self, attributes: &Attributes<'_>) -> Picked<'_> {
        let kind = if attributes.resource_request { &self.about_resources } else { &self.about_paths };
        let mut picked = Picked { rows: [kind.words(); 7], count: 1, slashed: false };
        picked.add(&self.verbs, &attributes.verb);
        match &attributes.user {
            Some(user) => picked.add(&self.users, user),
            None => picked.push(self.users.open().words()),
        }
        if attributes.resource_request {
            picked.add(&self.namespaces, &attributes.namespace);
            picked.add(&self.api_groups, &attributes.api_group);
            picked.slashed = has_slash(&attributes.resource) || has_slash(&attributes.subresource);
            if !picked.slashed {
                picked.add(&self.resources, &attributes.resource);
                picked.add(&self.subresources, &attributes.subresource);
            }
        }
        picked
    }

    /// Which of 64 rules accept one of the user's groups, or ask for none.
    fn accepting_groups(&self, attributes: &Attributes<'_>, word: usize) -> u64 {
        let open = self.user_groups.open().word(word);
        if attributes.user.is_none() {
            return open;
        }
        let accepting = |rules: u64, group: &[u8]| rules | self.user_groups.accepting(group)[word];
        match &attributes.groups {
            Groups::Names(names) => names.iter().fold(open, |rules, name| accepting(rules, name.as_bytes())),
            Groups::Json(list) => scan::elements(list)
                .filter_map(|element| text::of_value(&list[element]))
                .fold(open, |rules, group| accepting(rules, group.as_bytes())),
        }
    }
}

/// The sets that a request picks; a rule must be in all of them.
struct Picked<'i> {
    rows: [&'i [u64]; 7],
    count: usize,
    /// Resource or subresource has a slash, as none that exists does; then every rule is asked.
    slashed: bool,
}

impl<'i> Picked<'i> {
    fn add(&mut self, column: &'i Column, value: &str) {
        if column.names_values() {
            self.push(column.accepting(value.as_bytes()));
        }
    }

    fn push(&mut self, row: &'i [u64]) {
        self.rows[self.count] = row;
        self.count += 1;
    }

    fn word(&self, word: usize) -> u64 {
        self.rows[..self.count].iter().fold(u64::MAX, |rules, row| rules & row[word])
    }
}

fn asks_for_resources(rule: &Conditions) -> bool {
    !rule.resources.is_empty() || !rule.namespaces.is_empty()
}

fn listed(names: &[String]) -> column::Accepted<'_> {
    (!names.is_empty()).then(|| names.iter().map(String::as_str).collect())
}

fn has_slash(name: &str) -> bool {
    name.as_bytes().contains(&b'/')
}
