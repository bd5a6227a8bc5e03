//! Slow requests: how long what took, for whom, and where the time went.
//!
//! Promises: times are those between the timestamps of the event, so that every request counts (annotations exist only
//! above 500 ms, and say where the time went); requests that are meant to last are told apart; a request whose client
//! left before the answer ("Connection closed early") and a switched protocol (101) are counted and in no percentile.

mod asked;
mod cost;
mod culprit;
mod long;
mod objectives;
mod promised;
mod report;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use crate::fold::{Closer, Fold};
use crate::groups::Groups;
use crate::latencies::Latencies;
use crate::requests::{Requests, is_long};
use crate::rows::{Rows, Text};
use crate::shares::{Shares, Sum};
use crate::windows::{Windows, window};
use cost::{Cost, Kind, Lists, Parts, Single, Top};
use long::{Long, SHORT_US};
use promised::{Met, Subject, counts};

pub use asked::{Asked, By};
pub use culprit::Culprit;
pub use objectives::{Burn, Class, Day, Objectives, Pair, Preset};
pub use report::{Group, List, LongRunning, Point, Report, SlowRequest};

/// From here on the API server says where the time went, in microseconds.
const SLOW_US: i64 = 500_000;
/// What a latency annotation begins with.
const ANNOTATION: &str = "apiserver.latency.k8s.io/";
/// Most bytes of a text that is kept.
const MOST_TEXT: usize = 192;

/// What is known of how long requests took.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slow {
    kinds: Shares<Kind, Cost>,
    long: Shares<Kind, Long>,
    promised: Shares<Subject, Windows<Met>>,
    over_time: Windows<Latencies>,
    slowest: Top<100>,
    /// Requests whose client left before the answer, and those that changed to another protocol.
    left: u64,
    /// Requests that ended before they began: the server's clock was set back.
    clock: u64,
}

/// The columns that tell a request's kind, in the order of [`Kind`].
struct Kinds<'b> {
    texts: [Text<'b>; 7],
}

impl<'b> Kinds<'b> {
    fn of(rows: &Rows<'b>) -> Kinds<'b> {
        let columns = ["user", "client", "verb", "api_group", "resource", "subresource", "scope"];
        Kinds { texts: columns.map(|column| rows.text(column)) }
    }

    fn at(&self, row: usize) -> Kind {
        let [user, client, verb, api_group, resource, subresource, scope] =
            [0, 1, 2, 3, 4, 5, 6].map(|column: usize| short(self.texts[column].or_empty(row)));
        let user = if user.starts_with("system:node:") { "system:node:*".to_owned() } else { user };
        Kind { user, client, verb, api_group, resource, subresource, scope }
    }

    fn groups(&self) -> Groups {
        let [user, client, rest @ ..] = &self.texts;
        let [verb, api_group, resource, subresource, scope] = rest;
        Groups::by(&[verb, scope, subresource, api_group, resource, client, user])
    }
}

impl Kind {
    fn subject(&self) -> Subject {
        let [verb, api_group, resource, subresource, scope] =
            [&self.verb, &self.api_group, &self.resource, &self.subresource, &self.scope].map(String::clone);
        Subject { verb, api_group, resource, subresource, scope }
    }
}

/// What some rows of one kind add.
#[derive(Default)]
struct Added {
    cost: Cost,
    long: Long,
    met: Vec<(u32, Met)>,
}

impl Added {
    fn meet(&mut self, time: Option<i64>, met: Met) {
        let Some(window) = time.map(window) else { return };
        match self.met.iter_mut().rev().find(|(other, _)| *other == window) {
            Some((_, sum)) => sum.add(met),
            None => self.met.push((window, met)),
        }
    }
}

impl Fold for Slow {
    const NAME: &'static str = "slow-1";
    const COLUMNS: &'static [&'static str] = &[
        "time",
        "latency_us",
        "sli_latency_us",
        "stage",
        "level",
        "verb",
        "user",
        "impersonated_user",
        "api_group",
        "resource",
        "subresource",
        "scope",
        "code",
        "decision",
        "client",
        "request_uri",
        "bytes",
    ];
    const CLOSER: &'static [&'static str] = &[
        "time",
        "latency_us",
        "sli_latency_us",
        "audit_id",
        "level",
        "verb",
        "user",
        "api_group",
        "resource",
        "subresource",
        "namespace",
        "name",
        "scope",
        "code",
        "decision",
        "client",
        "request_uri",
        "annotations",
        "bytes",
        "raw",
    ];

    fn take(&mut self, rows: &Rows<'_>, closer: &mut Closer) {
        let (requests, kinds) = (Requests::of(rows), Kinds::of(rows));
        let (groups, facts, stage) = (kinds.groups(), Facts::of(rows), rows.text("stage"));
        let lasting: Vec<bool> =
            (0..groups.len()).map(|group| facts.is_long(groups.example(group))).collect();
        let started = stage.which(|stage| stage == "ResponseStarted");
        let mut added: Vec<Added> = (0..groups.len()).map(|_| Added::default()).collect();
        for row in 0..rows.len() {
            let group = groups.of(row);
            let (added, is_long) = (&mut added[group], lasting[group]);
            added.long.started += u64::from(is_long && started(row));
            let Some(us) = (facts.latency)(row).filter(|_| requests.is_one(row)) else { continue };
            match u64::try_from(us) {
                Err(_) => self.clock += 1,
                Ok(us) if is_long => facts.end(row, us, &mut added.long),
                Ok(_) if (facts.code)(row) == Some(101) => self.left += 1,
                Ok(_) if us >= SLOW_US => closer.pick(row),
                Ok(us) => self.request(&facts, row, us, added),
            }
        }
        for (group, added) in added.into_iter().enumerate() {
            self.put(|| kinds.at(groups.example(group)), added);
        }
    }

    fn look_closer(&mut self, rows: &Rows<'_>) {
        let (kinds, facts, names) = (Kinds::of(rows), Facts::of(rows), Names::of(rows));
        for row in 0..rows.len() {
            let us = (facts.latency)(row).and_then(|us| u64::try_from(us).ok()).unwrap_or(0);
            let (mut added, kind) = (Added::default(), kinds.at(row));
            if names.closed_early(row) {
                self.left += 1;
            } else if facts.is_profile(row) {
                facts.end(row, us, &mut added.long);
            } else {
                self.request(&facts, row, us, &mut added);
                let single = names.single(row, us, &kind, &facts);
                added.cost.parts = Parts::of(us, single.parts.iter().map(|(name, us)| (name.as_str(), *us)));
                added.cost.slowest.put(single.clone());
                self.slowest.put(single);
            }
            self.put(|| kind, added);
        }
    }

    fn merge(&mut self, other: Self) {
        self.kinds.merge(other.kinds);
        self.long.merge(other.long);
        self.promised.merge(other.promised);
        self.over_time.add(other.over_time);
        self.slowest.add(other.slowest);
        self.left += other.left;
        self.clock += other.clock;
    }
}

impl Slow {
    /// Counts a request that is not long-running.
    fn request(&mut self, facts: &Facts<'_>, row: usize, us: u64, added: &mut Added) {
        let (time, code) = ((facts.time)(row), (facts.code)(row));
        added.cost.latencies.add_us(us);
        added.cost.answered(code);
        if facts.is_unbounded_list(row) {
            added.cost.lists.add(Lists { count: 1, us, max_us: us, bytes: facts.answer_bytes(row) });
        }
        if counts(code, facts.decision.or_empty(row), facts.scope.or_empty(row)) {
            let own = (facts.sli)(row).and_then(|us| u64::try_from(us).ok()).unwrap_or(0);
            added.meet(time, Met::of(own, code));
        }
        if let Some(time) = time {
            self.over_time.with(window(time), |latencies| latencies.add_us(us));
        }
    }

    fn put(&mut self, kind: impl FnOnce() -> Kind, added: Added) {
        let Added { cost, long, met } = added;
        let (is_request, is_long) = (cost != Cost::default(), long != Long::default());
        if !is_request && !is_long {
            return;
        }
        let kind = kind();
        if !met.is_empty() {
            let mut windows = Windows::default();
            met.into_iter().for_each(|(window, met)| windows.put(window, met));
            self.promised.add(kind.subject(), windows);
        }
        if is_long {
            self.long.add(kind.clone(), long);
        }
        if is_request {
            self.kinds.add(kind, cost);
        }
    }
}

/// What every row is asked besides its kind.
struct Facts<'b> {
    time: Box<dyn Fn(usize) -> Option<i64> + 'b>,
    latency: Box<dyn Fn(usize) -> Option<i64> + 'b>,
    sli: Box<dyn Fn(usize) -> Option<i64> + 'b>,
    code: Box<dyn Fn(usize) -> Option<i32> + 'b>,
    bytes: Box<dyn Fn(usize) -> Option<i64> + 'b>,
    level: Text<'b>,
    decision: Text<'b>,
    verb: Text<'b>,
    subresource: Text<'b>,
    scope: Text<'b>,
    uri: crate::rows::Words<'b>,
}

impl<'b> Facts<'b> {
    fn of(rows: &Rows<'b>) -> Facts<'b> {
        Facts {
            time: Box::new(rows.times("time")),
            latency: Box::new(rows.numbers("latency_us")),
            sli: Box::new(rows.numbers("sli_latency_us")),
            code: Box::new(rows.codes()),
            bytes: Box::new(rows.numbers("bytes")),
            level: rows.text("level"),
            decision: rows.text("decision"),
            verb: rows.text("verb"),
            subresource: rows.text("subresource"),
            scope: rows.text("scope"),
            uri: rows.words("request_uri"),
        }
    }

    fn is_long(&self, row: usize) -> bool {
        is_long(self.verb.or_empty(row), self.subresource.or_empty(row))
    }

    /// A profile takes as long as its client wants.
    fn is_profile(&self, row: usize) -> bool {
        self.uri.at(row).is_some_and(|uri| uri.starts_with("/debug/pprof/"))
    }

    fn end(&self, row: usize, us: u64, long: &mut Long) {
        if (self.code)(row).is_none_or(|code| code < 400) {
            long.lasted.add_us(us);
            long.short += u64::from(us < SHORT_US && self.verb.or_empty(row) == "watch");
        }
    }

    /// A list that names no number of objects, no version that a cache could serve, and no object.
    fn is_unbounded_list(&self, row: usize) -> bool {
        let is_list = self.verb.or_empty(row) == "list" && self.scope.or_empty(row) != "resource";
        is_list
            && (self.code)(row).is_none_or(|code| code < 400)
            && self.uri.at(row).is_some_and(is_unbounded)
    }

    fn answer_bytes(&self, row: usize) -> u64 {
        let bytes = (self.bytes)(row).filter(|_| self.level.or_empty(row) == "RequestResponse");
        bytes.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0)
    }
}

fn is_unbounded(uri: &str) -> bool {
    let query = uri.split_once('?').map_or("", |(_, query)| query);
    !query.split('&').any(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        match key {
            "limit" => !matches!(value, "" | "0"),
            "resourceVersion" | "continue" => !value.is_empty(),
            _ => false,
        }
    })
}

/// What is asked of single requests.
struct Names<'b> {
    audit_id: crate::rows::Words<'b>,
    namespace: crate::rows::Words<'b>,
    name: crate::rows::Words<'b>,
    annotations: crate::rows::Annotations<'b>,
    line: Box<dyn Fn(usize) -> &'b [u8] + 'b>,
}

impl<'b> Names<'b> {
    fn of(rows: &Rows<'b>) -> Names<'b> {
        Names {
            audit_id: rows.words("audit_id"),
            namespace: rows.words("namespace"),
            name: rows.words("name"),
            annotations: rows.annotations(),
            line: Box::new(rows.lines()),
        }
    }

    fn closed_early(&self, row: usize) -> bool {
        let event = audit::Event::scan((self.line)(row));
        event.is_ok_and(|event| event.message().as_deref() == Some("Connection closed early"))
    }

    fn single(&self, row: usize, us: u64, kind: &Kind, facts: &Facts<'_>) -> Single {
        let word = |words: &crate::rows::Words<'_>| short(words.at(row).unwrap_or_default());
        let parts = self.annotations.at(row).filter_map(|(key, value)| {
            let name = key.strip_prefix(ANNOTATION).filter(|name| *name != "total")?;
            let us = lake::go_duration_us(value).and_then(|us| u64::try_from(us).ok())?;
            Some((short(name), us))
        });
        Single {
            us: Reverse(us),
            time: (facts.time)(row).unwrap_or(0),
            audit_id: word(&self.audit_id),
            kind: kind.clone(),
            namespace: word(&self.namespace),
            name: word(&self.name),
            code: (facts.code)(row),
            parts: parts.take(32).collect(),
        }
    }
}

/// The beginning of a text that somebody else chose the length of.
fn short(text: &str) -> String {
    let fits = |(at, c): &(usize, char)| at + c.len_utf8() <= MOST_TEXT;
    text.char_indices().take_while(fits).map(|(_, c)| c).collect()
}
