//! What in a log looks like an attack, or like what one prepares: built-in detections with stable names.
//!
//! Promises: every request that a detection is about is counted, with who it was and what it was about; where the log
//! does not say whether it is one, that is told with the number of requests and the level that would say it; what a
//! cluster does every day is left out by rules that are written down. A request that is meant to last counts as soon as
//! it begins, and once.

mod catalogue;
mod commands;
mod counted;
mod found;
mod looked;
mod looks;
mod meant;
mod refusals;
mod report;
mod select;

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hash, Hasher};

use serde::{Deserialize, Serialize};

use crate::clip::clip;
use crate::fold::{Closer, Fold};
use crate::groups::Mixed;
use crate::requests::Requests;
use crate::rows::{NONE, Rows, Text, Words};
use crate::shares::{Fnv, Shares, Sum};
use crate::tally::Tally;

use catalogue::Rule;
use counted::Counted;
use found::{Found, REASONS, Seen};
use looked::Looked;
use looks::{Request, Told};
use meant::Meant;
use refusals::Refusals;
use select::{Kind, Kinds};

pub use catalogue::{COMPONENTS, DETECTIONS, Detection, MANY, MINUTES, Severity};
pub use looks::Need;
pub use report::{Detected, Finding, Report, Untold, Wanted};

/// What was detected.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detections {
    /// All requests but those that are meant to last.
    requests: Tally,
    /// Those.
    lasting: Counted,
    found: Shares<Found, Seen>,
    refused: Refusals,
    /// By detection, resource and what would tell.
    untold: BTreeMap<(String, String, Need), Tally>,
}

impl Fold for Detections {
    const NAME: &'static str = "detections-4";
    const COLUMNS: &'static [&'static str] = &[
        "time",
        "audit_id",
        "stage",
        "level",
        "verb",
        "user",
        "groups",
        "impersonated_user",
        "impersonated_groups",
        "api_group",
        "resource",
        "subresource",
        "namespace",
        "name",
        "code",
        "decision",
    ];
    const CLOSER: &'static [&'static str] = &[
        "time",
        "audit_id",
        "stage",
        "level",
        "verb",
        "user",
        "impersonated_user",
        "api_group",
        "resource",
        "subresource",
        "namespace",
        "name",
        "code",
        "decision",
        "request_uri",
    ];
    const CLOSEST: &'static [&'static str] = &[
        "time",
        "audit_id",
        "stage",
        "verb",
        "user",
        "impersonated_user",
        "api_group",
        "resource",
        "subresource",
        "namespace",
        "name",
        "code",
        "decision",
        "request_uri",
        "raw",
    ];

    fn take(&mut self, rows: &Rows<'_>, closer: &mut Closer) {
        let batch = Batch::of(rows);
        self.count(rows, &batch);
        let mut picked = self.take_refusals(rows, &batch);
        let (time, code, decision) = (rows.times("time"), rows.codes(), rows.text("decision"));
        let level = rows.text("level");
        let [is_master, acts_as_master] = ["groups", "impersonated_groups"]
            .map(|groups| rows.lists(groups).any(|group| group == "system:masters"));
        let is_bare = level.which(|level| level == "Metadata");
        let mut seen: Seens<_> = HashMap::default();
        for row in 0..rows.len() {
            let is_start = batch.requests.is_start(row);
            if !is_start && !batch.requests.is_one(row) {
                continue;
            }
            let may_be = batch.meant.of_row(row);
            if may_be.is_none() {
                continue;
            }
            let (code, decision) = (code(row).unwrap_or_default(), decision.or_empty(row));
            for place in may_be.places() {
                let detection = &DETECTIONS[place];
                if !detection.rule.is_answered(code, decision)
                    || (matches!(detection.rule, Rule::Masters) && !is_master(row) && !acts_as_master(row))
                {
                    continue;
                }
                match detection.look() {
                    Some(look) if is_start && look.is_of_body() => continue,
                    Some(look) if !look.is_of_body() || !is_bare(row) => {
                        picked.push(row);
                        continue;
                    }
                    _ => {}
                }
                let name = if detection.is_of_objects() { batch.name.key(row) } else { NONE };
                let is_master = matches!(detection.rule, Rule::Impersonated) && acts_as_master(row);
                let key = (place, batch.meant.about(row), name, is_start, is_master);
                batch.add(seen.entry(key).or_insert((row, None)), row, time(row));
            }
        }
        for ((place, _, name, is_start, is_master), (row, tally)) in seen {
            let (detection, kind) = (&DETECTIONS[place], batch.kinds.at(row));
            let (name, tally) = (batch.name.of_key(name).unwrap_or_default(), tally.unwrap_or_default());
            let reasons = is_master.then(|| "system:masters".to_owned()).into_iter().collect();
            let told = detection.look().map_or(Told::Yes(reasons), |look| {
                look.at(&Request::without_line([kind.verb, kind.resource, kind.namespace, name, ""]))
            });
            if detection.by.is_there(&kind) {
                self.told(detection, &kind, name, told, Counted::of(is_start, tally));
            }
        }
        picked.sort_unstable();
        picked.dedup();
        picked.into_iter().for_each(|row| closer.pick(row));
    }

    fn look_closer_and_pick(&mut self, rows: &Rows<'_>, closest: &mut Closer) {
        let (looked, level) = (Looked::of(rows), rows.text("level"));
        let is_bare = level.which(|level| level == "Metadata");
        for row in 0..rows.len() {
            let kind = looked.kind(row);
            if looked.code(row) == 403 && kind.resource.is_empty() {
                self.refuse(&kind, looked.decision(row), looked.path(row), looked.tally(row));
            }
            self.look(&looked, row, None);
            if !is_bare(row) && looked.meant(row).any(|(_, look)| look.is_of_body()) {
                closest.pick(row);
            }
        }
    }

    fn look_closest(&mut self, rows: &Rows<'_>) {
        let (looked, line) = (Looked::of(rows), rows.lines());
        (0..rows.len()).for_each(|row| self.look(&looked, row, Some(line(row))));
    }

    fn merge(&mut self, other: Self) {
        self.requests.add(other.requests);
        self.lasting.add(other.lasting);
        self.found.merge(other.found);
        self.refused.merge(other.refused);
        for (key, tally) in other.untold {
            self.untold.entry(key).or_default().add(tally);
        }
    }
}

/// By what is the same of them, one row of those that were seen and how often there were such.
type Seens<K> = HashMap<K, (usize, Option<Tally>), BuildHasherDefault<Mixed>>;

/// Rows by kinds of requests.
struct Batch<'b> {
    requests: Requests<'b>,
    kinds: Kinds<'b>,
    meant: Meant<'b>,
    name: Text<'b>,
    ids: Words<'b>,
}

impl<'b> Batch<'b> {
    fn of(rows: &Rows<'b>) -> Batch<'b> {
        let (requests, kinds) = (Requests::of(rows), Kinds::of(rows));
        let meant = Meant::of(rows, &kinds, [&requests.user, &requests.impersonated]);
        Batch { requests, kinds, meant, name: rows.text("name"), ids: rows.words("audit_id") }
    }

    /// Counts a row; only the first in time, and those of its moment, are read for the sample.
    fn add(&self, (_, seen): &mut (usize, Option<Tally>), row: usize, time: Option<i64>) {
        match seen {
            Some(seen) if time > seen.first && seen.first.is_some() => {
                seen.count += 1;
                seen.last = seen.last.max(time);
            }
            Some(seen) => seen.add(Tally::of(time, self.ids.at(row))),
            unseen => *unseen = Some(Tally::of(time, self.ids.at(row))),
        }
    }
}

impl Detections {
    /// Counts all requests.
    fn count(&mut self, rows: &Rows<'_>, batch: &Batch<'_>) {
        let (time, mut all, mut began, mut ended) =
            (rows.times("time"), Tally::default(), Tally::default(), Tally::default());
        for row in 0..rows.len() {
            let (is_one, is_start) = (batch.requests.is_one(row), batch.requests.is_start(row));
            let counted = match batch.meant.is_long(row) {
                false if is_one => &mut all,
                true if is_one => &mut ended,
                true if is_start => &mut began,
                _ => continue,
            };
            let time = time(row);
            counted.count += 1;
            counted.first = counted.first.into_iter().chain(time).min();
            counted.last = counted.last.max(time);
        }
        self.requests.add(all);
        self.lasting.add(Counted::of(true, began));
        self.lasting.add(Counted::of(false, ended));
    }

    /// Takes in refusals of requests for resources; gives the others, for a closer look.
    fn take_refusals(&mut self, rows: &Rows<'_>, batch: &Batch<'_>) -> Vec<usize> {
        let (time, code, resource) = (rows.times("time"), rows.codes(), rows.words("resource"));
        let decision = rows.text("decision");
        let (mut by_path, mut refused): (_, Seens<_>) = (Vec::new(), HashMap::default());
        for row in (0..rows.len()).filter(|row| code(*row) == Some(403) && batch.requests.is_one(*row)) {
            if resource.at(row).is_none() {
                by_path.push(row);
            } else if let Some(time) = time(row) {
                let minute = time.div_euclid(60_000_000);
                let key = (batch.meant.about(row), batch.name.key(row), decision.key(row), minute);
                batch.add(refused.entry(key).or_insert((row, None)), row, Some(time));
            }
        }
        for (row, tally) in refused.into_values() {
            let name = batch.name.or_empty(row);
            self.refuse(&batch.kinds.at(row), decision.or_empty(row), name, tally.unwrap_or_default());
        }
        by_path
    }

    /// Takes in a refusal of what may be one of many, by authorization or before it.
    fn refuse(&mut self, kind: &Kind<'_>, decision: &str, name: &str, tally: Tally) {
        let is_meant = |detection: &&Detection| matches!(detection.rule, Rule::ManyRefusals);
        let by = DETECTIONS.iter().find(is_meant).map(|detection| detection.by);
        let Some(time) = tally.first else { return };
        if decision != "allow" && by.is_some_and(|by| by.is(kind)) {
            // Without a decision it is the impersonation that was refused.
            let subject = if decision.is_empty() { kind.user } else { kind.subject() };
            let mut hasher = Fnv::default();
            // Names are guessed by reading; what else fails for many objects is one thing that fails.
            let name = if kind.verb == "get" || kind.resource.is_empty() { name } else { "" };
            let Kind { verb, group, resource, subresource, namespace, .. } = kind;
            (verb, group, resource, subresource, namespace, name).hash(&mut hasher);
            self.refused.add(clip(subject), time, hasher.finish(), tally);
        }
    }

    /// Looks at the path of a row, or at what its line says.
    fn look(&mut self, looked: &Looked<'_>, row: usize, line: Option<&[u8]>) {
        let request = looked.request(row, line);
        for (detection, look) in looked.meant(row) {
            if line.is_some() == look.is_of_body() {
                let (name, told) = (looked.name(row), look.at(&request));
                let counted = Counted::of(looked.is_start(row), looked.tally(row));
                self.told(detection, &looked.kind(row), name, told, counted);
            }
        }
    }

    /// Takes in what a look told.
    fn told(&mut self, detection: &Detection, kind: &Kind<'_>, name: &str, told: Told, counted: Counted) {
        match told {
            Told::No => {}
            Told::Yes(reasons) => {
                let reasons = reasons.into_iter().take(REASONS + 1).collect();
                self.found.add(Found::of(detection, kind, name), Seen { counted, reasons });
            }
            Told::Untold(need) => {
                let resource = crate::filter::resource_name(kind.group, kind.resource, kind.subresource);
                self.untold
                    .entry((detection.id.to_owned(), resource, need))
                    .or_default()
                    .add(counted.tally());
            }
        }
    }
}

#[cfg(test)]
mod tests;
