//! Who was refused what, since when, and after which change of roles.
//!
//! Promises: every request that ended with 403, 401 or 429 is counted once; what was refused by authorization, what
//! authorization allowed and something behind it refused, and what was refused before it decided are told apart;
//! a change of roles is said to come before the refusals, never to be their cause.

mod action;
mod changes;
mod fix;
mod refused;
mod report;

use std::cmp::Ordering;
use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::fold::{Closer, Fold};
use crate::groups::Groups;
use crate::requests::Requests;
use crate::rows::Rows;
use crate::shares::{Shares, Sum};
use crate::tally::Tally;

use action::{Action, Caller, Columns, Refusal};
use changes::Changes;
use refused::{Moments, Refused};

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
    allowed: Shares<Action, Moments>,
    /// 401: nobody is known, only from where they came.
    unknown: Shares<Caller, Tally>,
    /// 429.
    throttled: Shares<Caller, Tally>,
    changes: Changes,
}

impl Fold for Denied {
    const NAME: &'static str = "denied-3";
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
        "client",
        "source_ip",
    ];
    const CLOSER: &'static [&'static str] = &[
        "time",
        "audit_id",
        "user",
        "groups",
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
        "request_uri",
    ];
    const CLOSEST: &'static [&'static str] = &[
        "time",
        "audit_id",
        "user",
        "groups",
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
        "raw",
    ];

    fn take(&mut self, rows: &Rows<'_>, closer: &mut Closer) {
        let (requests, time, code) = (Requests::of(rows), rows.times("time"), rows.codes());
        let mut closest: Vec<usize> = self.take_actions(rows, &requests);
        let mut picked: Vec<usize> = self.take_callers(rows, &requests);
        let columns = Columns::of(rows);
        for row in (0..rows.len()).filter(|row| requests.is_one(*row)) {
            self.requests.add(Tally { count: 1, first: time(row), last: time(row), sample: String::new() });
            let code = code(row).unwrap_or_default();
            if code == 403 && columns.is_non_resource(row) || columns.changes_roles(row, code) {
                picked.push(row);
            }
        }
        for rows in [&mut picked, &mut closest] {
            rows.sort_unstable();
            rows.dedup();
        }
        picked.into_iter().for_each(|row| closer.pick(row));
        closest.into_iter().for_each(|row| closer.pick_closest(row));
    }

    /// Who was refused as nobody or as one of too many, what was refused that is no resource, and changes of roles.
    fn look_closer(&mut self, rows: &Rows<'_>) {
        let columns = Columns::of(rows);
        let (time, code, audit_id) = (rows.times("time"), rows.codes(), rows.words("audit_id"));
        for row in 0..rows.len() {
            let (time, audit_id) = (time(row), audit_id.at(row));
            match code(row) {
                Some(401) => self.unknown.add(columns.caller(row), Tally::of(time, audit_id)),
                Some(429) => self.throttled.add(columns.caller(row), Tally::of(time, audit_id)),
                Some(code) if columns.changes_roles(row, code) => self.changes.add(rows, row),
                _ => {
                    let mut refused = Refused::example(rows, row, String::new());
                    refused.tally = Tally::of(time, None);
                    self.refused.add(columns.refusal(rows, row), refused);
                }
            }
        }
    }

    /// The first refusals of resources, with what the API server answered.
    fn look_closest(&mut self, rows: &Rows<'_>) {
        let (columns, lines) = (Columns::of(rows), rows.lines());
        for row in 0..rows.len() {
            let refused = Refused::example(rows, row, refused::message(lines(row)));
            self.refused.add(columns.refusal_of_resource(row), refused);
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
    refused: Tally,
    /// The first refused rows: of one moment.
    first: Vec<usize>,
    allowed: Moments,
    names: Vec<(&'b str, Tally)>,
}

impl Denied {
    /// Counts requests for resources by what was asked; gives the first refused rows of each, for a closer look.
    fn take_actions(&mut self, rows: &Rows<'_>, requests: &Requests<'_>) -> Vec<usize> {
        let (time, code, name) = (rows.times("time"), rows.codes(), rows.text("name"));
        let texts = ["verb", "api_group", "resource", "subresource", "namespace", "decision"]
            .map(|column| rows.text(column));
        let [verb, group, resource, subresource, namespace, decision] = &texts;
        let groups = Groups::by(&[
            &requests.user,
            &requests.impersonated,
            verb,
            group,
            resource,
            subresource,
            namespace,
            decision,
        ]);
        let mut of: Vec<Group<'_>> = vec![Group::default(); groups.len()];
        let mut names = HashMap::new();
        for row in (0..rows.len()).filter(|row| requests.is_one(*row) && resource.at(*row).is_some()) {
            let (index, time, code) = (groups.of(row), time(row), code(row).unwrap_or_default());
            let seen = &mut of[index];
            if code == 403 {
                seen.refuse(row, time);
                let named = names.entry((index, name.key(row))).or_insert((row, Tally::default()));
                named.1.add(Tally::of(time, None));
            } else if code != 401 && code != 429 && decision.at(row) == Some("allow") {
                seen.allowed.add(Moments::at(time));
            }
        }
        for ((index, _), (row, tally)) in names {
            of[index].names.extend(name.at(row).map(|name| (name, tally)));
        }
        let columns = Columns::of(rows);
        let mut picked = Vec::new();
        for (index, seen) in of.into_iter().enumerate() {
            let example = groups.example(index);
            if seen.allowed.any() {
                self.allowed.add(columns.action(example), seen.allowed);
            }
            if seen.refused.count > 0 {
                let (refusal, first) = (columns.refusal_of_resource(example), seen.refused.first);
                let known = self.refused.get(&refusal).and_then(|known| known.tally.first);
                // An example that comes first was picked already.
                if known.is_none() || known >= first {
                    picked.extend(seen.first);
                }
                self.refused.add(refusal, Refused::counted(seen.refused, seen.names.into_iter()));
            }
        }
        picked
    }
}

impl Denied {
    /// Counts 401s and 429s by who called, but for the first of each caller: a closer look, which counts them, tells
    /// their audit IDs.
    fn take_callers(&mut self, rows: &Rows<'_>, requests: &Requests<'_>) -> Vec<usize> {
        let (time, code) = (rows.times("time"), rows.codes());
        let of_callers: Vec<usize> = (0..rows.len())
            .filter(|row| requests.is_one(*row) && matches!(code(*row), Some(401 | 429)))
            .collect();
        if of_callers.is_empty() {
            return Vec::new();
        }
        let groups = Groups::by(&[&requests.user, &rows.text("client"), &rows.text("source_ip")]);
        let mut seen: HashMap<(usize, bool), (Vec<usize>, Tally)> = HashMap::new();
        let order = |row: usize| (time(row).is_none(), time(row));
        for row in of_callers {
            let (first, others) = seen.entry((groups.of(row), code(row) == Some(429))).or_default();
            match first.first().map(|first| order(row).cmp(&order(*first))) {
                None | Some(Ordering::Equal) => first.push(row),
                Some(Ordering::Less) => {
                    let later = std::mem::replace(first, vec![row]);
                    later.into_iter().for_each(|row| others.add(Tally::of(time(row), None)));
                }
                Some(Ordering::Greater) => others.add(Tally::of(time(row), None)),
            }
        }
        let columns = Columns::of(rows);
        let mut picked = Vec::new();
        for ((_, throttled), (first, others)) in seen {
            if others.count > 0 {
                let counted = if throttled { &mut self.throttled } else { &mut self.unknown };
                counted.add(columns.caller(first[0]), others);
            }
            picked.extend(first);
        }
        picked
    }
}

impl Group<'_> {
    fn refuse(&mut self, row: usize, time: Option<i64>) {
        let order = |time: Option<i64>| (time.is_none(), time);
        if self.refused.count == 0 || order(time) < order(self.refused.first) {
            self.first.clear();
        }
        if self.refused.count == 0 || order(time) <= order(self.refused.first) {
            self.first.push(row);
        }
        self.refused.add(Tally { count: 1, first: time, last: time, sample: String::new() });
    }
}

#[cfg(test)]
mod tests;
