//! What the lake tells of each API server: its share of the requests, and its clock against that of who read its log.
//!
//! Laws: a function of the set of rows, and bounded. Of when lines were read the lake knows one moment for each of its
//! writes, the earliest; so of some writes (those with the smallest hashes, a function of the set) the oldest line is
//! kept, which was not read before that moment.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::moment;
use crate::shares::Sum;

/// Most writes that are kept of a log.
const MOST_WRITES: usize = 64;
/// A cluster's requests are shared among its API servers from so many on.
const FEW: u64 = 1_000;
/// A log is compared with others when it is of at least so many per cent of the time that all are of.
const WHOLE: i128 = 90;
/// A clock is behind, or lines are read late, from so much on: an API server may keep events back for 30 s.
const LATE_US: i64 = 60_000_000;
/// A clock is ahead when lines are read so soon.
const AHEAD_US: i64 = -1_000_000;

/// What is known of the events of one log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seen {
    pub(super) events: u64,
    pub(super) requests: u64,
    pub(super) first: Option<i64>,
    pub(super) last: Option<i64>,
    /// Requests that ended before they began.
    pub(super) set_back: u64,
    /// By hash and moment, when the oldest line was written that was read then.
    reads: BTreeMap<(u64, i64), i64>,
}

impl Seen {
    /// Takes in when lines were read, and the time of the oldest of them.
    pub(super) fn read(&mut self, received: i64, oldest: i64) {
        let time = self.reads.entry((hash(received), received)).or_insert(oldest);
        *time = oldest.min(*time);
        while self.reads.len() > MOST_WRITES {
            self.reads.pop_last();
        }
    }

    /// How long after it was written a line was read.
    fn read_after(&self) -> Option<ReadAfter> {
        let mut after: Vec<i64> =
            self.reads.iter().map(|((_, received), oldest)| received.saturating_sub(*oldest)).collect();
        after.sort_unstable();
        Some(ReadAfter { least_us: *after.first()?, usual_us: after[after.len() / 2] })
    }
}

impl Sum for Seen {
    fn add(&mut self, other: Seen) {
        self.events += other.events;
        self.requests += other.requests;
        self.set_back += other.set_back;
        self.first = self.first.into_iter().chain(other.first).min();
        self.last = self.last.max(other.last);
        other.reads.into_iter().for_each(|((_, received), oldest)| self.read(received, oldest));
    }
}

/// A hash that is the same in every process.
fn hash(moment: i64) -> u64 {
    let mixed = (moment.cast_unsigned() ^ moment.cast_unsigned() >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ mixed >> 29
}

/// An API server, by its log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Server {
    /// Its cluster; empty when the collector did not name one.
    pub cluster: String,
    /// Cluster, node and path.
    pub origin: String,
    /// How many events.
    pub events: u64,
    /// How many requests ended.
    pub requests: u64,
    /// How many of a thousand requests of the cluster.
    pub per_mille: u64,
    /// When the first event was.
    pub first: Option<String>,
    /// When the last one was.
    pub last: Option<String>,
    /// How long after they were written lines were read.
    pub read_after: Option<ReadAfter>,
    /// How many requests ended before they began, as the server's clock was set back.
    pub clock_set_back: u64,
}

/// How long after they were written lines were read, by the clocks of both: less than nothing when the API server's clock
/// is ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ReadAfter {
    /// The least of some writes to the lake.
    pub least_us: i64,
    /// The median of them.
    pub usual_us: i64,
}

/// How the requests of a cluster are shared among its API servers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Balance {
    /// The cluster.
    pub cluster: String,
    /// API servers that are compared: those whose logs are of the same time.
    pub servers: u64,
    /// The one with the most requests.
    pub busiest: String,
    /// How many of a thousand it gets.
    pub most_per_mille: u64,
    /// How many the one with the fewest gets.
    pub least_per_mille: u64,
    /// Whether it gets more than twice as many as the others do on average.
    pub is_uneven: bool,
}

/// What a clock seems to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// Every line was read after it was written, and soon.
    Right,
    /// Lines were read before they were written.
    Ahead,
    /// No line was read soon after it was written: a clock that is behind, or a reader that came late.
    BehindOrLate,
}

impl ReadAfter {
    /// What that says of the API server's clock.
    #[must_use]
    pub fn clock(&self) -> Clock {
        match self.least_us {
            ..=AHEAD_US => Clock::Ahead,
            LATE_US.. => Clock::BehindOrLate,
            _ => Clock::Right,
        }
    }
}

/// What is told of API servers, by cluster and log.
pub(super) fn told(seen: BTreeMap<(String, String), Seen>) -> (Vec<Server>, Vec<Balance>) {
    let mut clusters: BTreeMap<String, Vec<(String, Seen)>> = BTreeMap::new();
    for ((cluster, origin), seen) in seen {
        clusters.entry(cluster).or_default().push((origin, seen));
    }
    let balances = clusters.iter().filter_map(|(cluster, logs)| balance(cluster, logs)).collect();
    let servers = clusters.into_iter().flat_map(|(cluster, logs)| {
        let all = logs.iter().map(|(_, seen)| seen.requests).sum();
        logs.into_iter().map(move |(origin, seen)| server(cluster.clone(), origin, &seen, all))
    });
    (servers.collect(), balances)
}

fn server(cluster: String, origin: String, seen: &Seen, all: u64) -> Server {
    Server {
        cluster,
        origin,
        events: seen.events,
        requests: seen.requests,
        per_mille: per_mille(seen.requests, all),
        first: seen.first.map(moment::written),
        last: seen.last.map(moment::written),
        read_after: seen.read_after(),
        clock_set_back: seen.set_back,
    }
}

fn per_mille(part: u64, all: u64) -> u64 {
    part.saturating_mul(1000).checked_div(all).unwrap_or(0)
}

/// How evenly requests are shared by the API servers that were there all the time; None when there are not two.
fn balance(cluster: &str, logs: &[(String, Seen)]) -> Option<Balance> {
    let from = logs.iter().filter_map(|(_, seen)| seen.first).min()?;
    let to = logs.iter().filter_map(|(_, seen)| seen.last).max()?;
    let length = |from: i64, to: i64| i128::from(to) - i128::from(from);
    let there = |seen: &Seen| {
        seen.first
            .zip(seen.last)
            .is_some_and(|(first, last)| length(first, last) * 100 >= length(from, to) * WHOLE)
    };
    let mut there: Vec<(u64, &str)> = logs
        .iter()
        .filter(|(_, seen)| there(seen))
        .map(|(origin, seen)| (seen.requests, origin.as_str()))
        .collect();
    there.sort_unstable();
    let all: u64 = there.iter().map(|(requests, _)| requests).sum();
    let [(least, _), .., (most, busiest)] = there[..] else { return None };
    let others = there.len() as u64 - 1;
    (all >= FEW).then(|| Balance {
        cluster: cluster.to_owned(),
        servers: others + 1,
        busiest: busiest.to_owned(),
        most_per_mille: per_mille(most, all),
        least_per_mille: per_mille(least, all),
        is_uneven: u128::from(most) * u128::from(others) > 2 * u128::from(all - most),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(requests: u64, first: i64, last: i64) -> Seen {
        Seen { events: requests * 2, requests, first: Some(first), last: Some(last), ..Seen::default() }
    }

    fn balances(logs: &[(&str, Seen)]) -> Vec<Balance> {
        let logs = logs.iter().map(|(log, seen)| (("c".to_owned(), (*log).to_owned()), seen.clone()));
        told(logs.collect()).1
    }

    #[test]
    fn an_api_server_with_more_than_twice_the_others_requests_is_uneven() {
        let hour = 3_600_000_000;
        let even =
            balances(&[("a", seen(1000, 0, hour)), ("b", seen(1900, 9, hour)), ("d", seen(1100, 0, hour))]);
        assert_eq!((even[0].servers, even[0].busiest.as_str(), even[0].is_uneven), (3, "b", false));
        let uneven =
            balances(&[("a", seen(1000, 0, hour)), ("b", seen(2300, 9, hour)), ("d", seen(1100, 0, hour))]);
        assert_eq!(
            (uneven[0].most_per_mille, uneven[0].least_per_mille, uneven[0].is_uneven),
            (522, 227, true)
        );
    }

    #[test]
    fn who_came_later_and_who_is_alone_is_not_compared() {
        let hour = 3_600_000_000;
        let later = balances(&[
            ("a", seen(3000, 0, hour)),
            ("b", seen(2900, 0, hour)),
            ("d", seen(9, hour / 2, hour)),
        ]);
        assert_eq!((later[0].servers, later[0].is_uneven), (2, false));
        assert_eq!(balances(&[("a", seen(3000, 0, hour))]), []);
        assert_eq!(balances(&[("a", seen(30, 0, hour)), ("b", seen(3, 0, hour))]), []);
    }

    #[test]
    fn a_clock_is_judged_by_when_lines_were_read_whatever_the_order() {
        let mut forward = Seen::default();
        let mut backward = Seen::default();
        let reads: Vec<(i64, i64)> =
            (0..1000).map(|write| (write * 1_000_000, write * 1_000_000 - 200_000)).collect();
        reads.iter().for_each(|(received, oldest)| forward.read(*received, *oldest));
        reads.iter().rev().for_each(|(received, oldest)| {
            backward.read(*received, *oldest + 50_000);
            backward.read(*received, *oldest);
        });
        assert_eq!(forward, backward);
        assert_eq!(forward.reads.len(), MOST_WRITES);
        let after = forward.read_after().unwrap();
        assert_eq!((after.least_us, after.usual_us, after.clock()), (200_000, 200_000, Clock::Right));
        let of = |least_us| ReadAfter { least_us, usual_us: 0 }.clock();
        assert_eq!(
            [of(-3_000_000), of(90_000_000), of(-10)],
            [Clock::Ahead, Clock::BehindOrLate, Clock::Right]
        );
    }
}
