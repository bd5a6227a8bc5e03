//! A proposal put to the test.
//!
//! Promise: every recorded request is asked again, of the same evaluator that answers for the cluster's own roles;
//! a request whose name is not known any more counts as allowed only when every name is.

use super::{Mode, Permissions, Rbac, Request, Uses, Who};

/// The most requests that are named when they are not allowed.
const MOST_NAMED: usize = 100;
/// No object has this name.
const UNKNOWN_NAME: &str = "\0";

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
    for (who, what, seen) in uses.iter() {
        let tallies = [(&seen.allowed, mode != Mode::Fix), (&seen.refused, mode != Mode::Used)];
        for (tally, _) in tallies.iter().filter(|(_, wanted)| *wanted) {
            // A use whose last stage was not seen counts once.
            tally
                .names
                .iter()
                .for_each(|(name, count)| replay.ask(rbac, who, what.named(name), (*count).max(1)));
            if tally.many {
                replay.ask(rbac, who, what.named(UNKNOWN_NAME), tally.count.max(1));
            }
        }
    }
    replay
}

impl Replay {
    fn ask(&mut self, rbac: &Rbac, who: &Who, request: Request, count: u64) {
        self.requests += count;
        if rbac.allowed(who, &request).is_allowed() {
            self.allowed += count;
        } else if self.refused.len() < MOST_NAMED {
            self.refused.push((who.clone(), request));
        }
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
