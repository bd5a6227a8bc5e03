//! Which events a route takes.
//!
//! Promises: the words of a policy rule mean what they mean there, through the same code; everything given must
//! hold; a list that is empty or absent asks for nothing. What cannot be meant (a code of 700, a URL together with
//! a resource) is refused when it is read.

mod code;
mod globs;
mod mapping;
mod read;
mod span;

pub use read::BadMatch;

use crate::policy::matching::Conditions;
use crate::{Attributes, Event, Level, StageSet};
use code::Codes;
use globs::Globs;
use ipnet::IpNet;
use mapping::Mapping;
use std::net::IpAddr;

/// The conditions of a route's `match`.
///
/// Keys: `users`, `userGroups`, `verbs`, `resources`, `namespaces`, `nonResourceURLs` as in a policy rule; `stages`,
/// `levels`, `codes` (`403`, `4xx`, `>=500`), `decision` (`allow` or `forbid`), `slowerThan` (`500ms`, `1s`),
/// `userAgents` (globs), `sourceIPs` (CIDR, compared with the last address only, since clients can forge the
/// others), and `not`, which holds such conditions itself.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(try_from = "Mapping<read::Written>")]
pub struct Match {
    rule: Conditions,
    stages: StageSet,
    levels: Vec<Level>,
    codes: Codes,
    decision: Option<Verdict>,
    slower_than_micros: Option<i64>,
    user_agents: Option<Globs>,
    source_ips: Vec<IpNet>,
    not: Option<Box<Match>>,
}

impl Match {
    /// Whether the event, whose attributes these are, is taken.
    #[must_use]
    pub fn matches(&self, event: &Event<'_>, attributes: &Attributes<'_>) -> bool {
        (self.stages.is_empty() || self.stages.contains(event.stage()))
            && (self.levels.is_empty() || self.levels.contains(&event.level()))
            && self.rule.hold(attributes)
            && (self.codes.is_empty() || event.code().is_some_and(|code| self.codes.contain(code)))
            && self.decision.is_none_or(|verdict| decided(event, verdict))
            && self.slower_than_micros.is_none_or(|micros| took_longer(event, micros))
            && self.user_agents.as_ref().is_none_or(|globs| globs.match_any(&event.user_agent()))
            && (self.source_ips.is_empty() || self.source_holds(event))
            && self.not.as_ref().is_none_or(|not| !not.matches(event, attributes))
    }

    fn source_holds(&self, event: &Event<'_>) -> bool {
        let Some(address) = event.source_ips().last().and_then(|text| text.parse::<IpAddr>().ok()) else {
            return false;
        };
        let address = address.to_canonical();
        self.source_ips.iter().any(|net| net.contains(&address))
    }
}

/// What the authorizer said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Allow,
    Forbid,
}

fn decided(event: &Event<'_>, verdict: Verdict) -> bool {
    let decision = event.annotation("authorization.k8s.io/decision");
    match verdict {
        Verdict::Allow => decision.as_deref() == Some("allow"),
        Verdict::Forbid => decision.as_deref() == Some("forbid"),
    }
}

/// From the request's arrival to this stage.
fn took_longer(event: &Event<'_>, micros: i64) -> bool {
    let (Some(received), Some(staged)) = (event.request_received_micros(), event.stage_micros()) else {
        return false;
    };
    staged.saturating_sub(received) > micros
}

#[cfg(test)]
mod tests;
