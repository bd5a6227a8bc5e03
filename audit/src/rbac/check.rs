//! A proposal put to the test.
//!
//! Promise: every recorded request is asked again, of the same evaluator that answers for the cluster's own roles;
//! a request whose name is not known any more counts as allowed only when every name is.

use std::collections::HashMap;

use super::evaluate::MASTERS;
use super::{Mode, Permissions, Rbac, Request, Rule, Uses, What, Who};

/// The most requests that are named when they are not allowed.
const MOST_NAMED: usize = 100;
/// No object has this name.
pub(super) const UNKNOWN_NAME: &str = "\0";

/// What became of recorded requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replay {
    /// How many were asked again.
    pub requests: u64,
    /// How many of them are allowed.
    pub allowed: u64,
    /// Some of those that are not.
    pub refused: Vec<(Who, Request)>,
}

/// Asks again what was allowed ([`Mode::Used`]), what was refused ([`Mode::Fix`]), or both.
#[must_use]
pub fn replay(uses: &Uses, rbac: &Rbac, mode: Mode) -> Replay {
    let mut replay = Replay::default();
    for (who, of) in uses.by_subject() {
        let rules = Rules::of(rbac, who);
        for (what, seen) in of {
            let mut ask = |name: &str, count: u64| replay.ask(&rules, who, what, name, count);
            let tallies = [(&seen.allowed, mode != Mode::Fix), (&seen.refused, mode != Mode::Used)];
            for (tally, _) in tallies.iter().filter(|(_, wanted)| *wanted) {
                // A use whose last stage was not seen counts once.
                tally.names.iter().for_each(|(name, count)| ask(name, (*count).max(1)));
                if tally.many {
                    ask(UNKNOWN_NAME, tally.count.max(1));
                }
            }
        }
    }
    replay
}

impl Replay {
    fn ask(&mut self, rules: &Rules<'_>, who: &Who, what: &What, name: &str, count: u64) {
        self.requests += count;
        if rules.allow(what.request(), name) {
            self.allowed += count;
        } else if self.refused.len() < MOST_NAMED {
            self.refused.push((who.clone(), what.named(name)));
        }
    }
}

/// The rules that count for one subject.
struct Rules<'r> {
    /// A member of `system:masters` may do all.
    masters: bool,
    wide: Vec<&'r Rule>,
    by_namespace: HashMap<&'r str, Vec<&'r Rule>>,
}

impl<'r> Rules<'r> {
    fn of(rbac: &'r Rbac, who: &Who) -> Rules<'r> {
        let (mut wide, mut by_namespace) = (Vec::new(), HashMap::<&str, Vec<&Rule>>::new());
        for binding in rbac.all_bindings_for(who) {
            let rules = rbac.rules_of(binding);
            match rbac.objects().bindings[binding].namespace.as_str() {
                "" => wide.extend(rules),
                namespace => by_namespace.entry(namespace).or_default().extend(rules),
            }
        }
        Rules { masters: who.is_in(MASTERS), wide, by_namespace }
    }

    /// Whether one of them allows the request for an object of that name, as [`Rbac::allowed`] would say.
    fn allow(&self, request: &Request, name: &str) -> bool {
        let own = self.by_namespace.get(request.namespace()).into_iter().flatten();
        self.masters || self.wide.iter().chain(own).any(|rule| rule.allows_for(request, name))
    }
}

impl Rbac {
    /// All that a user holds through its bindings, wildcards as they stand.
    #[must_use]
    pub fn held(&self, who: &Who) -> Permissions {
        let mut set = Permissions::default();
        for binding in self.all_bindings_for(who) {
            let scope = &self.objects().bindings[binding].namespace;
            self.rules_of(binding).iter().for_each(|rule| set.add_rule(scope, rule));
        }
        set.tidy();
        set
    }
}
