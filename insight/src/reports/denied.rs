//! Who was refused what, since when, and after which change of roles.
//!
//! Promises: every request that ended with 403, 401 or 429 is counted once (an eviction that is held back among the
//! 403s); what was refused by authorization, what authorization allowed and something behind it refused, and what was
//! refused before it decided are told apart; a change of roles is said to come before the refusals, never to be their
//! cause.

mod action;
mod allowed;
mod changes;
mod firsts;
mod fix;
mod refused;
mod report;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::fold::{Closer, Fold};
use crate::groups::Groups;
use crate::requests::Requests;
use crate::rows::Rows;
use crate::shares::{Shares, Sum};
use crate::tally::Tally;

use action::{Caller, Columns, Refusal};
use allowed::{Allowed, By, Seen};
use changes::Changes;
use firsts::Firsts;
use refused::Refused;

pub use action::{Kind, SubjectKind};
pub use changes::Before;
pub use report::{CallerRow, Now, Report, Row};

/// Refusals.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denied {
    /// All requests, refused or not.
    requests: Tally,
    refused: Shares<Refusal, Refused>,
    /// When the same was allowed.
    allowed: Allowed,
    /// 401: nobody is known, only from where they came.
    unknown: Shares<Caller, Tally>,
    /// 429.
    throttled: Shares<Caller, Tally>,
    changes: Changes,
}

impl Fold for Denied {
    const NAME: &'static str = "denied-6";
    const COLUMNS: &'static [&'static str] = &[
        "time",
        "stage",
        "user",
        "impersonated_user",
        "verb",
        "api_group",
        "resource",
        "subresource",
        "namespace",
        "name",
        "code",
        "decision",
        "authz_reason",
        "client",
        "source_ip",
    ];
    /// What tells refusals of paths apart.
    const CLOSER: &'static [&'static str] = &[
        "time",
        "user",
        "impersonated_user",
        "verb",
        "api_group",
        "resource",
        "subresource",
        "namespace",
        "code",
        "decision",
        "client",
        "source_ip",
        "request_uri",
    ];
    const CLOSEST: &'static [&'static str] = &[
        "time",
        "audit_id",
        "user",
        "groups",
        "impersonated_user",
        "impersonated_groups",
        "verb",
        "api_group",
        "resource",
        "subresource",
        "namespace",
        "name",
        "code",
        "decision",
        "authz_reason",
        "client",
        "source_ip",
        "request_uri",
        "message",
    ];

    fn take(&mut self, rows: &Rows<'_>, closer: &mut Closer) {
        let (requests, time, code) = (Requests::of(rows), rows.times("time"), rows.codes());
        let mut picked = self.take_actions(rows, &requests);
        picked.extend(self.take_callers(rows, &requests));
        let columns = Columns::of(rows);
        for row in (0..rows.len()).filter(|row| requests.is_one(*row)) {
            self.requests.add(Tally { count: 1, first: time(row), last: time(row), sample: String::new() });
            let code = code(row).unwrap_or_default();
            let by_path = code == 403 && columns.is_non_resource(row);
            if by_path || columns.takes_away(row, code) {
                picked.push(row);
            }
        }
        picked.sort_unstable();
        picked.dedup();
        picked.into_iter().for_each(|row| closer.pick(row));
    }

    fn look_closer_and_pick(&mut self, rows: &Rows<'_>, closest: &mut Closer) {
        let columns = Columns::of(rows);
        let (time, code) = (rows.times("time"), rows.codes());
        let (paths, mut by_path) = (columns.paths(rows), HashMap::<_, Firsts>::new());
        let mut picked = Vec::new();
        for row in 0..rows.len() {
            if code(row) == Some(403) && columns.is_non_resource(row) {
                by_path.entry(paths(row)).or_default().add(row, time(row));
            } else {
                picked.push(row);
            }
        }
        for firsts in by_path.into_values() {
            let refusal = columns.refusal(rows, firsts.rows[0]);
            picked.extend(firsts.unless_earlier(self.first_refused(&refusal)));
            self.refused.add(refusal, Refused::counted(firsts.tally, std::iter::empty()));
        }
        picked.sort_unstable();
        picked.into_iter().for_each(|row| closest.pick(row));
    }

    fn look_closest(&mut self, rows: &Rows<'_>) {
        let columns = Columns::of(rows);
        let (time, code, audit_id) = (rows.times("time"), rows.codes(), rows.words("audit_id"));
        for row in 0..rows.len() {
            let one = || Tally::of(time(row), audit_id.at(row));
            match code(row) {
                Some(code) if columns.is_refused(row, code) => {
                    let refusal = columns.refusal(rows, row);
                    let example = Refused::example(rows, row, refusal.kind);
                    self.refused.add(refusal, example);
                }
                Some(401) => self.unknown.add(columns.caller(row), one()),
                Some(429) => self.throttled.add(columns.caller(row), one()),
                _ => self.changes.add(rows, row),
            }
        }
    }

    fn merge(&mut self, other: Self) {
        self.requests.add(other.requests);
        self.refused.merge(other.refused);
        self.allowed.merge(other.allowed);
        self.unknown.merge(other.unknown);
        self.throttled.merge(other.throttled);
        self.changes.merge(other.changes);
    }
}

/// What is known of one group of rows.
#[derive(Clone, Default)]
struct Group<'b> {
    refused: Firsts,
    allowed: Seen<'b>,
    names: Vec<(&'b str, Tally)>,
}

impl Denied {
    /// What is known so far of refusals of this kind.
    fn first_refused(&self, refusal: &Refusal) -> Option<&Tally> {
        self.refused.get(refusal).map(|known| &known.tally)
    }

    /// Counts requests for resources by what was asked; gives the first refused rows of each, for a closer look.
    fn take_actions(&mut self, rows: &Rows<'_>, requests: &Requests<'_>) -> Vec<usize> {
        let (time, code, name) = (rows.times("time"), rows.codes(), rows.text("name"));
        let texts = ["verb", "api_group", "resource", "subresource", "namespace", "decision", "authz_reason"]
            .map(|column| rows.text(column));
        let [verb, group, resource, subresource, namespace, decision, reason] = &texts;
        let groups = Groups::by(&[
            &requests.user,
            &requests.impersonated,
            verb,
            group,
            resource,
            subresource,
            namespace,
            decision,
            reason,
        ]);
        let mut of: Vec<Group<'_>> = vec![Group::default(); groups.len()];
        let (columns, mut names) = (Columns::of(rows), HashMap::new());
        for row in (0..rows.len()).filter(|row| requests.is_one(*row) && resource.at(*row).is_some()) {
            let (index, time, code) = (groups.of(row), time(row), code(row).unwrap_or_default());
            let seen = &mut of[index];
            if columns.is_refused(row, code) {
                seen.refused.add(row, time);
                let named = names.entry((index, name.key(row))).or_insert((row, Tally::default()));
                named.1.add(Tally::of(time, None));
            } else if code != 401 && code != 429 && decision.at(row) == Some("allow") {
                seen.allowed.add(name.key(row), name.at(row), time);
            }
        }
        for ((index, _), (row, tally)) in names {
            of[index].names.push((name.or_empty(row), tally));
        }
        let (mut picked, mut reasons) = (Vec::new(), HashMap::new());
        for (index, seen) in of.into_iter().enumerate() {
            let example = groups.example(index);
            let because = reason.or_empty(example);
            // Who acts as somebody in the group of masters may do what that somebody may not: no role allowed it.
            let is_masters = because.is_empty() && requests.impersonated.at(example).is_some();
            if seen.allowed.any() && !is_masters {
                let by = *reasons.entry(reason.key(example)).or_insert_with(|| By::of(because));
                self.allowed.add(columns.texts_of(example), seen.allowed.known(by));
            }
            if seen.refused.tally.count > 0 {
                let refusal = columns.refusal_of_resource(example);
                picked.extend(seen.refused.unless_earlier(self.first_refused(&refusal)));
                self.refused.add(refusal, Refused::counted(seen.refused.tally, seen.names.into_iter()));
            }
        }
        picked
    }

    /// Counts requests of nobody and throttled ones by where they came from, but for the first rows of each, which it
    /// gives: a closer look counts them, with their audit IDs.
    fn take_callers(&mut self, rows: &Rows<'_>, requests: &Requests<'_>) -> Vec<usize> {
        let (time, code) = (rows.times("time"), rows.codes());
        let columns = Columns::of(rows);
        let is_one = |row: &usize| {
            let is_other = |code| matches!(code, 401 | 429) && !columns.is_refused(*row, code);
            requests.is_one(*row) && code(*row).is_some_and(is_other)
        };
        let mut asked = (0..rows.len()).filter(is_one).peekable();
        if asked.peek().is_none() {
            return Vec::new();
        }
        let (client, source_ip) = (rows.text("client"), rows.text("source_ip"));
        let mut callers: HashMap<_, Firsts> = HashMap::new();
        for row in asked {
            let caller = [&requests.user, &client, &source_ip].map(|column| column.key(row));
            callers.entry((code(row), caller)).or_default().add(row, time(row));
        }
        let mut picked = Vec::new();
        for ((code, _), mut firsts) in callers {
            let of = if code == Some(401) { &mut self.unknown } else { &mut self.throttled };
            let caller = columns.caller(firsts.rows[0]);
            let first = firsts.unless_earlier(of.get(&caller));
            firsts.tally.count -= first.len() as u64;
            picked.extend(first);
            if firsts.tally.count > 0 {
                of.add(caller, firsts.tally);
            }
        }
        picked
    }
}

#[cfg(test)]
mod tests;
