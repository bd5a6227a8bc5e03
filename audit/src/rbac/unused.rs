//! What roles and bindings give that nobody uses.
//!
//! Promises: what is called unused had its chance: the window is as long as wanted, and somebody whom the binding
//! names was seen, with all that they did; otherwise it is said that there is not enough data, and why. Which binding
//! allowed a request comes from the API server's own reason, with how many there were and when the last one was, and from
//! the evaluator only where there is none. Of bindings that overlap the API server names the first one, so that the
//! others look unused: [`CAVEAT`] says so.

mod rules;

use std::collections::BTreeMap;

use super::check::UNKNOWN_NAME;
use super::{By, Rbac, Subject, Tally, Uses, Verdict, What, Who};
use rules::Marks;
pub use rules::{Part, RuleUse};

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
    /// Its rules; nothing of theirs is called unused where there is not enough data.
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
    let mut found: Vec<Found> =
        (0..rbac.objects().bindings.len()).map(|index| Found::new(rbac, index)).collect();
    for (who, what, seen) in uses.iter().filter(|(_, _, seen)| !seen.allowed.is_empty()) {
        let named = seen.via.iter().filter_map(|(via, by)| {
            let binding = by_name.get(&(via.namespace.as_str(), via.binding.as_str()))?;
            Some((*binding, *by))
        });
        let mut through: BTreeMap<usize, By> = BTreeMap::new();
        named.for_each(|(binding, by)| through.entry(binding).or_default().add(by));
        if seen.via.is_empty() {
            through = first(rbac, who, what, &seen.allowed);
        }
        for (binding, by) in through {
            found[binding].take(rbac, what, &seen.allowed, by);
        }
    }
    let short = uses.span().is_none_or(|(from, to)| to - from < wanted);
    found.into_iter().map(|one| one.judged(rbac, uses, short)).collect()
}

/// The bindings that would have allowed the use, each with the requests for those names that it comes first for.
fn first(rbac: &Rbac, who: &Who, what: &What, tally: &Tally) -> BTreeMap<usize, By> {
    let names = tally.names.iter().map(|(name, count)| (name.as_str(), *count));
    let mut found: BTreeMap<usize, By> = BTreeMap::new();
    for (name, count) in names.chain(tally.many.then_some((UNKNOWN_NAME, tally.count))) {
        if let Verdict::Allowed { binding, .. } = rbac.allowed(who, &what.named(name)) {
            found.entry(binding).or_default().add(By { count, last: tally.last });
        }
    }
    found
}

/// What was seen of a binding.
struct Found {
    binding: usize,
    used: bool,
    by: By,
    rules: Vec<Marks>,
}

impl Found {
    fn new(rbac: &Rbac, binding: usize) -> Found {
        let rules = rbac.rules_of(binding).iter().map(|_| Marks::default()).collect();
        Found { binding, used: false, by: By { count: 0, last: i64::MIN }, rules }
    }

    fn take(&mut self, rbac: &Rbac, what: &What, tally: &Tally, by: By) {
        self.used = true;
        // A use whose last stage was not seen counts once.
        self.by.add(By { count: by.count.max(1), ..by });
        let names: Vec<&str> = tally.names.keys().map(String::as_str).collect();
        for (marks, rule) in self.rules.iter_mut().zip(rbac.rules_of(self.binding)) {
            marks.take(rule, what, &names, tally.many);
        }
    }

    fn judged(self, rbac: &Rbac, uses: &Uses, short: bool) -> BindingUse {
        let rules = rbac.rules_of(self.binding).iter().zip(self.rules).enumerate();
        let mut found = BindingUse {
            binding: self.binding,
            state: if self.used { State::Used } else { State::Unused },
            why: String::new(),
            requests: self.by.count,
            last: self.used.then_some(self.by.last),
            rules: rules.map(|(index, (rule, marks))| marks.told(index, rule)).collect(),
        };
        found.judge(rbac, uses, short);
        found
    }
}

impl BindingUse {
    /// Whether what was not used had its chance.
    fn judge(&mut self, rbac: &Rbac, uses: &Uses, short: bool) {
        let binding = &rbac.objects().bindings[self.binding];
        let subjects: Vec<Subject> =
            binding.subjects.iter().map(|subject| subject.within(&binding.namespace)).collect();
        let mut seen =
            uses.subjects().filter(|who| subjects.iter().any(|subject| means(subject, who))).peekable();
        let is_seen = seen.peek().is_some();
        let beyond = seen.any(|who| uses.is_beyond(&who.user)) || uses.has_others();
        let masters = Subject::Group("system:masters".to_owned());
        let why = if short {
            "the window is shorter than wanted"
        } else if self.state == State::Unused && binding.subjects.contains(&masters) {
            "members of system:masters are let through before RBAC is asked"
        } else if rbac.role_of(self.binding).is_none() {
            return;
        } else if beyond {
            "the log has more uses than can be told apart"
        } else if !binding.subjects.is_empty() && !is_seen {
            "nobody whom it names was seen"
        } else {
            return;
        };
        self.rules.iter_mut().for_each(|rule| *rule = RuleUse { rule: rule.rule, ..RuleUse::default() });
        why.clone_into(&mut self.why);
        if self.state == State::Unused {
            self.state = State::NotEnoughData;
        }
    }
}

/// Whether the user is the subject, or in it.
fn means(subject: &Subject, who: &Who) -> bool {
    match subject {
        Subject::User(name) => who.user == *name,
        Subject::Group(name) => who.is_in(name),
        Subject::ServiceAccount { namespace, name } => {
            let account = who.user.strip_prefix("system:serviceaccount:");
            account
                .and_then(|account| account.strip_prefix(namespace.as_str()))
                .and_then(|rest| rest.strip_prefix(':'))
                == Some(name)
        }
    }
}
