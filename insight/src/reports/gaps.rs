//! Whether events are missing: what the events themselves prove, and what they cannot.
//!
//! Promises: a request that began and has no end is listed with its audit ID, among any number that have both, in
//! fixed room, and so is one that ended and has no begin where begins of its kind are logged; a proof that was not
//! available is said to be so; nothing is called complete that was not proven.

mod canaries;
mod kinds;
mod report;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use serde::{Deserialize, Serialize};

use crate::difference::{Difference, Element};
use crate::fold::{Closer, Fold};
use crate::groups::Mixed;
use crate::rows::{Rows, Text};
use crate::shares::{Fnv, Sum};
use crate::windows::{WINDOW_US, Windows, window};

use canaries::Runs;
use kinds::{Columns, Kinds};

pub use canaries::{Canaries, CanaryRun};
pub use report::{Lonely, Proof, Report, Silence};

/// Verbs that are told apart; the first stands for all others.
const VERBS: [&str; 9] =
    ["", "get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];

/// What is known of missing events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gaps {
    events: u64,
    began: u64,
    ended: u64,
    panics: u64,
    truncated: u64,
    first: Option<i64>,
    last: Option<i64>,
    /// Begun less ended.
    difference: Difference,
    /// Of which requests begins are logged.
    begun: Kinds,
    minutes: Windows<Minutes>,
    canaries: Runs,
}

/// Events in the minutes of a window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Minutes([u64; 5]);

impl Sum for Minutes {
    fn add(&mut self, other: Minutes) {
        (0..5).for_each(|at| self.0[at] += other.0[at]);
    }
}

/// Bits of what a request was besides its kind.
const WHAT_BITS: u32 = u64::BITS - kinds::BITS;

/// The columns of requests that are looked at.
struct Facts<'b> {
    verb: Text<'b>,
    level: Text<'b>,
    subresource: Text<'b>,
    audit_id: crate::rows::Words<'b>,
    kinds: Columns<'b>,
}

impl Facts<'_> {
    fn element(&self, row: usize, began: i64) -> Element {
        let id = self.audit_id.at(row).unwrap_or_default();
        Element { time: began, id: number(id), what: self.what(row) }
    }

    /// Verb, level and whether it is meant to last, in the lowest byte; the kind in the others.
    fn what(&self, row: usize) -> u64 {
        let verb = self.verb.or_empty(row);
        let is_long = crate::requests::is_long(verb, self.subresource.or_empty(row));
        let verb = VERBS.iter().position(|known| *known == verb).unwrap_or(0);
        let level = u8::from(self.level.or_empty(row) != "Metadata");
        let what = u8::from(is_long) | level << 1 | u8::try_from(verb).unwrap_or(0) << 2;
        u64::from(what) | self.kinds.at(row) << WHAT_BITS
    }
}

impl Fold for Gaps {
    const NAME: &'static str = "gaps-3";
    const COLUMNS: &'static [&'static str] = &[
        "time",
        "latency_us",
        "audit_id",
        "stage",
        "level",
        "verb",
        "user",
        "api_group",
        "resource",
        "subresource",
        "request_uri",
        "annotations",
    ];

    fn take(&mut self, rows: &Rows<'_>, _: &mut Closer) {
        let (time, latency, annotations) =
            (rows.times("time"), rows.numbers("latency_us"), rows.annotations());
        let stage = rows.text("stage");
        let of = |name: &'static str| stage.which(move |stage| stage == name);
        let (began, complete, panicked) = (of("RequestReceived"), of("ResponseComplete"), of("Panic"));
        let audit_id = rows.words("audit_id");
        let [verb, level, subresource] = ["verb", "level", "subresource"].map(|column| rows.text(column));
        let facts = Facts { verb, level, subresource, audit_id, kinds: Columns::of(rows) };
        let mut begun: HashSet<u64, BuildHasherDefault<Mixed>> = HashSet::default();
        for row in 0..rows.len() {
            if stage.at(row).is_none() {
                continue;
            }
            self.event(time(row));
            self.truncated += u64::from(annotations.get(row, "audit.k8s.io/truncated") == Some("true"));
            self.panics += u64::from(panicked(row));
            let Some(time) = time(row) else { continue };
            if began(row) {
                self.began += 1;
                let element = facts.element(row, time);
                begun.insert(element.what >> WHAT_BITS);
                self.difference.add(element, 1);
            } else if complete(row) || panicked(row) {
                self.ended += 1;
                let began = time.saturating_sub(latency(row).unwrap_or(0));
                self.difference.add(facts.element(row, began), -1);
            }
            // Refused before it was known who asks, a request has no other event than that its response started.
            if !began(row) {
                self.canaries.see(facts.audit_id.at(row).unwrap_or_default(), time);
            }
        }
        begun.into_iter().for_each(|kind| self.begun.see(kind));
    }

    fn merge(&mut self, other: Self) {
        self.events += other.events;
        self.began += other.began;
        self.ended += other.ended;
        self.panics += other.panics;
        self.truncated += other.truncated;
        self.first = self.first.into_iter().chain(other.first).min();
        self.last = self.last.max(other.last);
        self.difference.merge(&other.difference);
        self.begun.add(other.begun);
        self.minutes.add(other.minutes);
        self.canaries.add(other.canaries);
    }
}

impl Gaps {
    fn event(&mut self, time: Option<i64>) {
        self.events += 1;
        let Some(time) = time else { return };
        self.first = self.first.into_iter().chain([time]).min();
        self.last = self.last.max(Some(time));
        let minute = usize::try_from(time.max(0) % WINDOW_US / (WINDOW_US / 5)).unwrap_or(0);
        self.minutes.with(window(time), |minutes| minutes.0[minute] += 1);
    }
}

/// The bits of a UUID that say which kind it is; 0 of an ID that is none.
const VERSION: u128 = 0xf << 76;

/// A UUID as a number; of other IDs, which clients chose, a hash.
fn number(id: &str) -> u128 {
    if let Some(uuid) = uuid(id.as_bytes()) {
        return uuid;
    }
    let mut hasher = Fnv::default();
    hasher.write(id.as_bytes());
    let low = hasher.finish();
    hasher.write(&[0]);
    (u128::from(hasher.finish()) << 64 | u128::from(low)) & !VERSION
}

/// The number of a UUID that is written as the API server writes it.
fn uuid(id: &[u8]) -> Option<u128> {
    if id.len() != 36 {
        return None;
    }
    let mut uuid = 0;
    for (at, byte) in id.iter().enumerate() {
        let digit = match (at, byte) {
            (8 | 13 | 18 | 23, b'-') => continue,
            (8 | 13 | 18 | 23, _) => return None,
            (_, b'0'..=b'9') => byte - b'0',
            (_, b'a'..=b'f') => byte - b'a' + 10,
            _ => return None,
        };
        uuid = uuid << 4 | u128::from(digit);
    }
    (uuid & VERSION != 0).then_some(uuid)
}

/// The UUID as it is written; None of a hash.
fn written(id: u128) -> Option<String> {
    let text = format!("{id:032x}");
    let part = |from: usize, to: usize| &text[from..to];
    let parts = [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)];
    (id & VERSION != 0).then(|| parts.join("-"))
}
