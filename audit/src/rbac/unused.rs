//! What roles and bindings give that nobody uses.
//!
//! Promises: what is called unused had its chance: the window is as long as wanted, and somebody whom the binding
//! names was seen; otherwise it is said that there is not enough data, and why. Which binding allowed a request comes
//! from the API server's own reason, and from the evaluator only where there is none. Of bindings that overlap the
//! API server names the first one, so that the others look unused: [`CAVEAT`] says so.

use std::collections::{BTreeMap, BTreeSet};

use super::{Rbac, Subject, Tally, Uses, Verdict, What, Who};

/// What is to be said with every answer.
pub const CAVEAT: &str = "the API server stops at the first binding that allows a request: one that overlaps with another may look unused";

/// Whether something is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// It was used.
    Used,
    /// It was not used, and had its chance.
    Unused,
    /// It was not used, which proves nothing.
    NotEnoughData,
}

/// A rule of a binding's role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleUse {
    /// The rule's index, aggregated ones included.
    pub rule: usize,
    /// Its verbs that were used.
    pub used: BTreeSet<String>,
    /// Its verbs that were not.
    pub unused: BTreeSet<String>,
}

/// A binding, and how it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindingUse {
    /// The binding's index.
    pub binding: usize,
    /// Whether it is used.
    pub state: State,
    /// Why there is not enough data; empty otherwise.
    pub why: String,
    /// How many requests it allowed.
    pub requests: u64,
    /// The last one, in microseconds since the Unix epoch.
    pub last: Option<i64>,
    /// Its rules; no verb of theirs is called unused where there is not enough data.
    pub rules: Vec<RuleUse>,
}

/// How each binding is used, in the order of the objects; `wanted` is the shortest window, in microseconds, in which
/// what was not used is called unused.
#[must_use]
pub fn unused(rbac: &Rbac, uses: &Uses, wanted: i64) -> Vec<BindingUse> {
    let by_name: BTreeMap<(&str, &str), usize> = rbac
        .objects()
        .bindings
        .iter()
        .enumerate()
        .map(|(index, binding)| ((binding.namespace.as_str(), binding.name.as_str()), index))
        .collect();
    let mut found: Vec<BindingUse> =
        (0..rbac.objects().bindings.len()).map(|index| fresh(rbac, index)).collect();
    for (who, what, seen) in uses.iter().filter(|(_, _, seen)| !seen.allowed.is_empty()) {
        let named =
            seen.via.iter().filter_map(|via| by_name.get(&(via.namespace.as_str(), via.binding.as_str())));
        let mut through: BTreeSet<usize> = named.copied().collect();
        if seen.via.is_empty() {
            through.extend(first(rbac, who, what, &seen.allowed));
        }
        for binding in through {
            found[binding].take(rbac, what, &seen.allowed);
        }
    }
    let short = uses.span().is_none_or(|(from, to)| to - from < wanted);
    for one in &mut found {
        one.judge(rbac, uses, short);
    }
    found
}

fn fresh(rbac: &Rbac, binding: usize) -> BindingUse {
    let rules = rbac.rules_of(binding).iter().enumerate().map(|(rule, of)| RuleUse {
        rule,
        used: BTreeSet::new(),
        unused: of.verbs.iter().cloned().collect(),
    });
    let (state, why) = (State::Unused, String::new());
    BindingUse { binding, state, why, requests: 0, last: None, rules: rules.collect() }
}

/// The bindings that would have allowed the use.
fn first(rbac: &Rbac, who: &Who, what: &What, tally: &Tally) -> BTreeSet<usize> {
    let names = tally.names.keys();
    names
        .filter_map(|name| match rbac.allowed(who, &what.named(name)) {
            Verdict::Allowed { binding, .. } => Some(binding),
            Verdict::Masters | Verdict::Refused => None,
        })
        .collect()
}

impl BindingUse {
    fn take(&mut self, rbac: &Rbac, what: &What, tally: &Tally) {
        self.state = State::Used;
        self.requests += tally.count.max(1);
        self.last = self.last.max(Some(tally.last));
        let of_rules = rbac.rules_of(self.binding);
        for rule in &mut self.rules {
            let of_rule = &of_rules[rule.rule];
            let matches = tally.many && of_rule.allows(what.request())
                || tally.names.keys().any(|name| of_rule.allows(&what.named(name)));
            if matches {
                rule.used.insert(what.request().verb.clone());
                rule.unused.remove(&what.request().verb);
                rule.unused.remove("*");
            }
        }
    }

    /// Whether what was not used had its chance.
    fn judge(&mut self, rbac: &Rbac, uses: &Uses, short: bool) {
        let binding = &rbac.objects().bindings[self.binding];
        let seen = binding.subjects.iter().any(|subject| match subject.within(&binding.namespace) {
            Subject::User(name) => uses.subjects().any(|who| who.user == name),
            Subject::Group(name) => uses.subjects().any(|who| who.is_in(&name)),
            Subject::ServiceAccount { namespace, name } => {
                let user = format!("system:serviceaccount:{namespace}:{name}");
                uses.subjects().any(|who| who.user == user)
            }
        });
        let masters = Subject::Group("system:masters".to_owned());
        let why = if short {
            "the window is shorter than wanted"
        } else if self.state == State::Unused && binding.subjects.contains(&masters) {
            "members of system:masters are let through before RBAC is asked"
        } else if rbac.role_of(self.binding).is_none() {
            return;
        } else if !binding.subjects.is_empty() && !seen {
            "nobody whom it names was seen"
        } else {
            return;
        };
        self.rules.iter_mut().for_each(|rule| rule.unused.clear());
        why.clone_into(&mut self.why);
        if self.state == State::Unused {
            self.state = State::NotEnoughData;
        }
    }
}
