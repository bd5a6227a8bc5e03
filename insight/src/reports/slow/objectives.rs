//! Service level objectives: what Kubernetes promises of its API, and whether it was kept.
//!
//! Promises: thresholds and what counts are those of the presets' authors; a window of five minutes is good when 99 %
//! of the requests of each kind in it were within the threshold, which is counted, not estimated; an objective is one of
//! each day, as Kubernetes' is, so that a bad day stays one however long the recording is.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::promised::{Met, Subject};
use super::{Asked, Slow};
use crate::filter::resource_name;
use crate::moment;
use crate::shares::Sum;
use crate::windows::WINDOW_US;

/// Windows in a day.
const DAY: u32 = 288;
/// What may go wrong of a thousand, by the objective of 99 %.
const BUDGET_PER_MILLE: u64 = 10;
/// Long and short window of each alert, in windows, and how many times the budget they bear.
const BURNS: [(u32, u32, u64, &str); 4] =
    [(12, 1, 144, "1h/5m"), (72, 6, 60, "6h/30m"), (288, 24, 30, "1d/2h"), (864, 72, 10, "3d/6h")];

/// Whose objectives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// Kubernetes' own: one object 1 s, reads of a namespace or the cluster 30 s.
    #[serde(rename = "k8s-official")]
    KubernetesOfficial,
    /// The kubernetes-mixin's: writes and one object 1 s, a namespace 5 s, the cluster 30 s.
    Mixin,
}

/// Which objective a request has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Writes.
    Write,
    /// Reads of one object.
    ReadResource,
    /// Reads of a namespace.
    ReadNamespace,
    /// Reads of the cluster.
    ReadCluster,
}

/// What became of the objectives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Objectives {
    /// Whose.
    pub preset: Preset,
    /// Requests that count.
    pub requests: u64,
    /// Windows of five minutes with such requests.
    pub windows: u64,
    /// Those in which every kind was within its threshold.
    pub good_windows: u64,
    /// By day.
    pub days: Vec<Day>,
    /// Kinds that missed a window, the worst first.
    pub missed: Vec<Pair>,
    /// How fast the budget of 1 % was used at the end of the span.
    pub burn: Vec<Burn>,
}

/// A day (UTC).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Day {
    /// `2026-11-23`.
    pub day: String,
    /// Windows with requests.
    pub windows: u64,
    /// Good ones.
    pub good_windows: u64,
    /// Whether an objective was missed: more than 1 % of the windows of a kind.
    pub broken: bool,
}

/// A kind of request that missed its objective.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pair {
    /// The verb.
    pub verb: String,
    /// The resource.
    pub resource: String,
    /// The scope.
    pub scope: String,
    /// Its objective.
    pub class: Class,
    /// The threshold, in microseconds.
    pub threshold_us: u64,
    /// Requests.
    pub requests: u64,
    /// Those over the threshold.
    pub over: u64,
    /// Windows with such requests.
    pub windows: u64,
    /// Windows that it missed.
    pub missed_windows: u64,
    /// Days with such requests.
    pub days: u64,
    /// Days on which more than 1 % of the windows were missed.
    pub missed_days: u64,
    /// The day with the largest share of missed windows, the first of several; its windows are those of this kind.
    pub worst_day: Day,
    /// Whether the objective is missed: on any day.
    pub broken: bool,
}

/// An alert of the mixin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Burn {
    /// Long and short window: `1h/5m`.
    pub windows: &'static str,
    /// How many tenths of the budget's rate were used in the long window.
    pub long_tenths: u64,
    /// And in the short one.
    pub short_tenths: u64,
    /// From how many tenths on it fires.
    pub fires_from_tenths: u64,
    /// Whether it fires: both are over.
    pub fires: bool,
    /// Whether the recording is as long as the long window.
    pub whole: bool,
}

pub(super) fn of(slow: &Slow, asked: &Asked) -> Objectives {
    let (mut all, mut missed) = (BTreeMap::<u32, (bool, Used)>::new(), Vec::new());
    let mut broken_days = BTreeSet::new();
    for (subject, windows) in slow.promised.iter() {
        let Some((class, at)) = objective(subject, asked) else { continue };
        let (mut pair, mut days) = (pair(subject, class, at), BTreeMap::<u32, OfDay>::new());
        for (window, met) in windows.iter() {
            let good = is_good(met, at);
            let entry = all.entry(window).or_insert((true, Used::default()));
            entry.0 &= good;
            entry.1.add(Used {
                count: met.count.into(),
                bad: u64::from(met.over[at]) + u64::from(met.failed[at]),
            });
            pair.requests += u64::from(met.count);
            pair.over += u64::from(met.over[at]);
            days.entry(window / DAY).or_default().add(OfDay { windows: 1, missed: u64::from(!good) });
        }
        pair.judge(&days);
        broken_days.extend(days.into_iter().filter(|(_, of)| of.is_broken()).map(|(day, _)| day));
        missed.extend((pair.missed_windows > 0).then_some(pair));
    }
    missed.sort_by(|one, other| {
        let key =
            |pair: &Pair| (Reverse((pair.broken, pair.missed_windows, pair.over)), pair.resource.clone());
        key(one).cmp(&key(other)).then_with(|| (&one.verb, &one.scope).cmp(&(&other.verb, &other.scope)))
    });
    Objectives {
        preset: asked.preset,
        requests: all.values().map(|(_, used)| used.count).sum(),
        windows: all.len() as u64,
        good_windows: all.values().filter(|(good, _)| *good).count() as u64,
        days: days(&all, &broken_days),
        missed,
        burn: burns(&all),
    }
}

/// At most one of a hundred was over, so that the 99th percentile is within.
fn is_good(met: &Met, at: usize) -> bool {
    u64::from(met.over[at]) * 100 <= u64::from(met.count)
}

#[derive(Debug, Clone, Copy, Default)]
struct Used {
    count: u64,
    bad: u64,
}

impl Sum for Used {
    fn add(&mut self, other: Used) {
        self.count += other.count;
        self.bad += other.bad;
    }
}

/// The windows of a kind on one day.
#[derive(Debug, Clone, Copy, Default)]
struct OfDay {
    windows: u64,
    missed: u64,
}

impl Sum for OfDay {
    fn add(&mut self, other: OfDay) {
        self.windows += other.windows;
        self.missed += other.missed;
    }
}

impl OfDay {
    fn is_broken(self) -> bool {
        self.missed * 100 > self.windows
    }

    /// Whether a larger share of the windows was missed.
    fn is_worse_than(self, other: OfDay) -> bool {
        self.missed * other.windows > other.missed * self.windows
    }
}

impl Pair {
    /// Holds each day against the objective.
    fn judge(&mut self, days: &BTreeMap<u32, OfDay>) {
        let mut worst = None;
        for (day, of) in days {
            self.windows += of.windows;
            self.missed_windows += of.missed;
            self.days += 1;
            self.missed_days += u64::from(of.is_broken());
            if worst.is_none_or(|(_, worst)| of.is_worse_than(worst)) {
                worst = Some((*day, *of));
            }
        }
        let (day, of) = worst.unwrap_or_default();
        self.worst_day = self::day(day, of, of.is_broken());
        self.broken = self.missed_days > 0;
    }
}

fn day(day: u32, OfDay { windows, missed }: OfDay, broken: bool) -> Day {
    let written = moment::written(i64::from(day) * i64::from(DAY) * WINDOW_US);
    let day = written.chars().take_while(|c| *c != 'T').collect();
    Day { day, windows, good_windows: windows - missed, broken }
}

fn days(all: &BTreeMap<u32, (bool, Used)>, broken: &BTreeSet<u32>) -> Vec<Day> {
    let mut days = BTreeMap::<u32, OfDay>::new();
    for (window, (good, _)) in all {
        days.entry(window / DAY).or_default().add(OfDay { windows: 1, missed: u64::from(!good) });
    }
    days.into_iter().map(|(number, of)| day(number, of, broken.contains(&number))).collect()
}

fn burns(all: &BTreeMap<u32, (bool, Used)>) -> Vec<Burn> {
    let (Some((first, _)), Some((last, _))) = (all.first_key_value(), all.last_key_value()) else {
        return Vec::new();
    };
    let rate = |length: u32| {
        let mut used = Used::default();
        all.range((last + 1).saturating_sub(length)..).for_each(|(_, (_, of))| used.add(*of));
        (used.bad * 10_000) / (used.count.max(1) * BUDGET_PER_MILLE)
    };
    let burn = |(long, short, fires_from_tenths, windows)| {
        let (long_tenths, short_tenths) = (rate(long), rate(short));
        let fires = long_tenths > fires_from_tenths && short_tenths > fires_from_tenths;
        Burn { windows, long_tenths, short_tenths, fires_from_tenths, fires, whole: last - first + 1 >= long }
    };
    BURNS.map(burn).into()
}

fn pair(subject: &Subject, class: Class, at: usize) -> Pair {
    Pair {
        verb: subject.verb.clone(),
        resource: resource_name(&subject.api_group, &subject.resource, &subject.subresource),
        scope: subject.scope.clone(),
        class,
        threshold_us: super::promised::THRESHOLDS_US[at],
        requests: 0,
        over: 0,
        windows: 0,
        missed_windows: 0,
        days: 0,
        missed_days: 0,
        worst_day: day(0, OfDay::default(), false),
        broken: false,
    }
}

/// Which objective requests have, and which of the thresholds; None when they have none.
fn objective(subject: &Subject, asked: &Asked) -> Option<(Class, usize)> {
    let Subject { verb, api_group, resource, subresource, scope } = subject;
    if !asked.wants_subject(verb, api_group, resource, subresource) {
        return None;
    }
    if !asked.include_custom && !is_stored_here(api_group, resource) {
        return None;
    }
    let official = asked.preset == Preset::KubernetesOfficial;
    match (verb.as_str(), scope.as_str()) {
        ("create" | "update" | "patch" | "delete", _) => Some((Class::Write, 0)),
        ("deletecollection", _) => (!official).then_some((Class::Write, 0)),
        ("get" | "list", "resource") => Some((Class::ReadResource, 0)),
        ("get" | "list", "namespace") => Some((Class::ReadNamespace, if official { 2 } else { 1 })),
        ("get" | "list", "cluster") => Some((Class::ReadCluster, 2)),
        _ => None,
    }
}

/// Whether the API server itself keeps these objects: no custom resource, not aggregated, not virtual.
fn is_stored_here(group: &str, resource: &str) -> bool {
    match group {
        "" => resource != "componentstatuses",
        "apps" | "batch" | "autoscaling" | "policy" | "extensions" => true,
        _ => matches!(
            group.strip_suffix(".k8s.io"),
            Some(
                "admissionregistration"
                    | "apiextensions"
                    | "apiregistration"
                    | "certificates"
                    | "coordination"
                    | "discovery"
                    | "events"
                    | "flowcontrol.apiserver"
                    | "internal.apiserver"
                    | "networking"
                    | "node"
                    | "rbac.authorization"
                    | "resource"
                    | "scheduling"
                    | "storage"
                    | "storagemigration"
            )
        ),
    }
}
