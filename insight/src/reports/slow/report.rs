//! What is told of slow requests.
//!
//! Promises: groups come by total time, which is what an API server pays; what could not be told apart is said; the
//! same state and question give the same report.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;

use super::asked::Asked;
use super::cost::{Cost, Kind, Lists, Single};
use super::culprit::{self, Culprit};
use super::long::Long;
use super::objectives::{self, Objectives};
use super::{Slow, cost};
use crate::filter::resource_name;
use crate::latencies::Latencies;
use crate::moment;
use crate::shares::Sum;
use crate::windows::WINDOW_US;

/// Most points of a curve.
const MOST_POINTS: usize = 300;

/// What is told of [`Slow`]. Times are microseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Requests that ended and are not meant to last.
    pub requests: u64,
    /// How long all of them took together.
    pub total_us: u64,
    /// Requests of more than 500 ms of which the API server says where the time went.
    pub annotated: u64,
    /// Where the time of those went.
    pub culprits: Vec<Culprit>,
    /// By what was asked for, the largest total time first.
    pub groups: Vec<Group>,
    /// The slowest requests.
    pub slowest: Vec<SlowRequest>,
    /// Lists without `limit`, `continue` and `resourceVersion`: everything at once.
    pub lists: Vec<List>,
    /// Watches and other requests that are meant to last.
    pub long_running: Vec<LongRunning>,
    /// Service level objectives; of all users and clients.
    pub objectives: Objectives,
    /// How long requests took over time; of all.
    pub over_time: Vec<Point>,
    /// Requests that could not be told apart; they are in no group.
    pub beyond: u64,
    /// Requests whose client left before the answer, or that changed to another protocol; not counted above.
    pub left: u64,
    /// Requests that ended before they began, since the server's clock was set back; not counted above.
    pub clock_set_back: u64,
}

/// Some requests. What groups do not have in common is empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Group {
    /// The verb.
    pub verb: String,
    /// `deployments.apps/scale`; empty for no object.
    pub resource: String,
    /// The scope.
    pub scope: String,
    /// The program.
    pub client: String,
    /// The user.
    pub user: String,
    /// Requests.
    pub requests: u64,
    /// How long they took together.
    pub total_us: u64,
    /// Of all requests' time, of a thousand.
    pub per_mille: u64,
    /// Half of them took no longer.
    pub p50_us: u64,
    /// 90 % took no longer.
    pub p90_us: u64,
    /// 99 % took no longer.
    pub p99_us: u64,
    /// The longest.
    pub max_us: u64,
    /// Answered with 429.
    pub throttled: u64,
    /// Answered with 504.
    pub timed_out: u64,
    /// Answered with another 5xx.
    pub failed: u64,
    /// Where the time of the slow ones went.
    pub culprits: Vec<Culprit>,
}

/// One slow request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SlowRequest {
    /// When it ended.
    pub time: String,
    /// How long it took.
    pub us: u64,
    /// Its audit ID.
    pub audit_id: String,
    /// The verb.
    pub verb: String,
    /// The resource.
    pub resource: String,
    /// The namespace.
    pub namespace: String,
    /// The object.
    pub name: String,
    /// The user.
    pub user: String,
    /// The program.
    pub client: String,
    /// The answer.
    pub code: Option<i32>,
    /// Where the time went.
    pub culprits: Vec<Culprit>,
}

/// Lists of everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct List {
    /// The user.
    pub user: String,
    /// The program.
    pub client: String,
    /// The resource.
    pub resource: String,
    /// The scope.
    pub scope: String,
    /// How often.
    pub requests: u64,
    /// How long together.
    pub total_us: u64,
    /// The longest.
    pub max_us: u64,
    /// Bytes of the events with the answer, where answers are logged.
    pub bytes: u64,
}

/// Requests that are meant to last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LongRunning {
    /// The verb.
    pub verb: String,
    /// The resource.
    pub resource: String,
    /// The user.
    pub user: String,
    /// The program.
    pub client: String,
    /// That began to answer, where that stage is logged.
    pub started: u64,
    /// That ended.
    pub ended: u64,
    /// Watches that lasted less than 10 s: many of them are a storm.
    pub short: u64,
    /// Half of them lasted no longer.
    pub p50_us: u64,
    /// The longest.
    pub max_us: u64,
}

/// A point of the curve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Point {
    /// When it begins.
    pub time: String,
    /// The same in microseconds since 1970, and the length.
    #[serde(skip)]
    pub span_us: (i64, i64),
    /// Requests.
    pub requests: u64,
    /// Half of them took no longer.
    pub p50_us: u64,
    /// 99 % took no longer.
    pub p99_us: u64,
    /// The longest.
    pub max_us: u64,
}

impl Slow {
    /// The report.
    #[must_use]
    pub fn report(&self, asked: &Asked) -> Report {
        let (mut groups, mut all) = (BTreeMap::<Kind, Cost>::new(), Cost::default());
        for (kind, cost) in self.kinds.iter().filter(|(kind, _)| asked.wants(kind)) {
            groups.entry(asked.group(kind)).or_default().add(cost.clone());
            all.add(cost.clone());
        }
        let total = all.latencies.sum_us();
        let mut groups: Vec<Group> = groups.iter().map(|(kind, cost)| group(kind, cost, total)).collect();
        groups.sort_by_key(|group| Reverse((group.total_us, group.requests)));
        let beyond = self.kinds.rest().map(|(_, cost)| cost.latencies.count()).sum::<u64>();
        Report {
            requests: all.latencies.count(),
            total_us: total,
            annotated: all.parts.requests,
            culprits: culprit::of_all(&all.parts),
            groups,
            slowest: self.slowest(asked),
            lists: self.lists(asked),
            long_running: self.long_running(asked),
            objectives: objectives::of(self, asked),
            over_time: self.points(),
            beyond: beyond + self.kinds.others().map_or(0, |cost| cost.latencies.count()),
            left: self.left,
            clock_set_back: self.clock,
        }
    }

    fn slowest(&self, asked: &Asked) -> Vec<SlowRequest> {
        let of_kinds = self.kinds.iter().flat_map(|(_, cost)| cost.slowest.0.iter());
        let mut all: Vec<&cost::Single> = self.slowest.0.iter().chain(of_kinds).collect();
        all.retain(|single| asked.wants(&single.kind));
        all.sort();
        all.dedup();
        all.into_iter().take(asked.most).map(single).collect()
    }

    fn lists(&self, asked: &Asked) -> Vec<List> {
        let asked_for = self.kinds.iter().filter(|(kind, _)| asked.wants(kind));
        let mut lists: Vec<List> = asked_for
            .filter(|(_, cost)| cost.lists.count > 0)
            .map(|(kind, cost)| list(kind, &cost.lists))
            .collect();
        lists.sort_by(|one, other| (other.total_us, &one.user).cmp(&(one.total_us, &other.user)));
        lists.truncate(asked.most);
        lists
    }

    fn long_running(&self, asked: &Asked) -> Vec<LongRunning> {
        let asked_for = self.long.iter().filter(|(kind, _)| asked.wants(kind));
        let mut all = BTreeMap::<Kind, Long>::new();
        for (kind, long) in asked_for {
            let kind = Kind { scope: String::new(), ..kind.clone() };
            all.entry(kind).or_default().add(long.clone());
        }
        let mut all: Vec<LongRunning> = all.iter().map(|(kind, long)| long_running(kind, long)).collect();
        all.sort_by_key(|row| Reverse((row.short, row.started.max(row.ended))));
        all.truncate(asked.most);
        all
    }

    /// The curve, in steps that leave it short enough.
    fn points(&self) -> Vec<Point> {
        let windows = || self.over_time.iter().map(|(window, _)| window);
        let span = windows().next_back().unwrap_or(0) - windows().next().unwrap_or(0) + 1;
        let steps = [1, 3, 12, 36, 72, 288];
        let step = steps.into_iter().find(|step| (span / step) as usize <= MOST_POINTS).unwrap_or(288);
        let mut points = BTreeMap::<u32, Latencies>::new();
        self.over_time
            .iter()
            .for_each(|(window, latencies)| points.entry(window / step).or_default().add(latencies.clone()));
        let point = |(number, latencies): (&u32, &Latencies)| Point {
            time: moment::written(i64::from(number * step) * WINDOW_US),
            span_us: (i64::from(number * step) * WINDOW_US, i64::from(step) * WINDOW_US),
            requests: latencies.count(),
            p50_us: latencies.percentile_us(500),
            p99_us: latencies.percentile_us(990),
            max_us: latencies.max_us(),
        };
        points.iter().map(point).collect()
    }
}

fn group(kind: &Kind, cost: &Cost, total: u64) -> Group {
    let latencies = &cost.latencies;
    let share = u128::from(latencies.sum_us()) * 1000 / u128::from(total.max(1));
    Group {
        verb: kind.verb.clone(),
        resource: resource(kind),
        scope: kind.scope.clone(),
        client: kind.client.clone(),
        user: kind.user.clone(),
        requests: latencies.count(),
        total_us: latencies.sum_us(),
        per_mille: u64::try_from(share).unwrap_or(1000),
        p50_us: latencies.percentile_us(500),
        p90_us: latencies.percentile_us(900),
        p99_us: latencies.percentile_us(990),
        max_us: latencies.max_us(),
        throttled: cost.failed[0],
        timed_out: cost.failed[1],
        failed: cost.failed[2],
        culprits: culprit::of_all(&cost.parts),
    }
}

fn single(single: &Single) -> SlowRequest {
    SlowRequest {
        time: moment::written(single.time),
        us: single.us.0,
        audit_id: single.audit_id.clone(),
        verb: single.kind.verb.clone(),
        resource: resource(&single.kind),
        namespace: single.namespace.clone(),
        name: single.name.clone(),
        user: single.kind.user.clone(),
        client: single.kind.client.clone(),
        code: single.code,
        culprits: culprit::of(single.us.0, &single.parts),
    }
}

fn list(kind: &Kind, lists: &Lists) -> List {
    List {
        user: kind.user.clone(),
        client: kind.client.clone(),
        resource: resource(kind),
        scope: kind.scope.clone(),
        requests: lists.count,
        total_us: lists.us,
        max_us: lists.max_us,
        bytes: lists.bytes,
    }
}

fn long_running(kind: &Kind, long: &Long) -> LongRunning {
    LongRunning {
        verb: kind.verb.clone(),
        resource: resource(kind),
        user: kind.user.clone(),
        client: kind.client.clone(),
        started: long.started,
        ended: long.lasted.count(),
        short: long.short,
        p50_us: long.lasted.percentile_us(500),
        max_us: long.lasted.max_us(),
    }
}

fn resource(kind: &Kind) -> String {
    resource_name(&kind.api_group, &kind.resource, &kind.subresource)
}
