//! Canary requests, by the runs that their audit IDs name: `auditrail-canary-RUN-N`, where each start of a collector
//! is a run (eight hexadecimal digits) and counts from 1; older ones are `auditrail-canary-N`, all of one run.
//!
//! Laws: bounded, and a function of the set of what was added. The runs with the smallest hashes are kept, of the others
//! it is counted how many canaries they have; of a run the newest numbers are kept one by one, some 65,000 of them.
//! Anybody may use such IDs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::moment;
use crate::shares::Sum;

/// What the audit ID of a canary begins with.
const CANARY: &str = "auditrail-canary-";
/// Most runs that are told apart.
const MOST_RUNS: usize = 512;
/// Most blocks of 64 numbers that are kept of a run.
const MOST_BLOCKS: usize = 1024;
/// Most ranges of missing numbers that are named, of each run.
const MOST_HOLES: usize = 20;

/// The canaries of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Runs {
    /// By hash, and by what the run is called; None for IDs that name none.
    kept: BTreeMap<(u32, Option<u32>), Run>,
    /// Events of canaries of all other runs.
    beyond: u64,
}

/// The canaries of one run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Run {
    /// Events, so that what is there again counts again.
    events: u64,
    first: Option<i64>,
    last: Option<i64>,
    lowest: Option<u64>,
    /// One bit for each of 64 numbers.
    blocks: BTreeMap<u64, u64>,
    /// Whether older blocks were left out.
    is_cut: bool,
}

/// Canary requests, as their audit IDs number them. Anybody may use such IDs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Canaries {
    /// Each start of a collector, in the order of their first canaries.
    pub runs: Vec<CanaryRun>,
    /// How many canaries are there, each number once.
    pub seen: u64,
    /// How many numbers are missing, of all runs.
    pub missing: u64,
    /// Events of canaries of more runs than could be told apart.
    pub beyond: u64,
}

/// The canaries of one start of a collector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CanaryRun {
    /// What it calls itself; None of IDs that name no run.
    pub run: Option<String>,
    /// When the first one that is there ended.
    pub first: Option<String>,
    /// When the last one did.
    pub last: Option<String>,
    /// The lowest number that is looked at: the lowest that is there, or a later one of a run that is very long.
    pub from: u64,
    /// The highest number that is there.
    pub to: u64,
    /// How many numbers between them are there.
    pub seen: u64,
    /// How many are not.
    pub missing: u64,
    /// The first ranges of them, both ends included.
    pub holes: Vec<(u64, u64)>,
}

/// The run and the number in a canary's audit ID.
fn named(audit_id: &str) -> Option<(Option<u32>, u64)> {
    let name = audit_id.strip_prefix(CANARY)?;
    let (run, number) = match name.split_once('-') {
        Some((run, number)) => (Some(run), number),
        None => (None, name),
    };
    let run = match run {
        Some(run) => Some(run_number(run)?),
        None => None,
    };
    let is_decimal = number.bytes().all(|digit| digit.is_ascii_digit());
    number.parse().ok().filter(|_| is_decimal).map(|number| (run, number))
}

fn run_number(run: &str) -> Option<u32> {
    let is_hex = run.len() == 8 && run.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    u32::from_str_radix(run, 16).ok().filter(|_| is_hex)
}

fn hash(run: Option<u32>) -> u32 {
    let mixed = |run: u32| (run ^ run >> 15).wrapping_mul(0x9e37_79b9);
    run.map_or(0, |run| mixed(run) ^ mixed(run) >> 16)
}

impl Runs {
    /// Takes an event in, if it is one of a canary.
    pub(super) fn see(&mut self, audit_id: &str, time: i64) {
        let Some((run, number)) = named(audit_id) else { return };
        let blocks = BTreeMap::from([(number / 64, 1 << (number % 64))]);
        let (time, lowest) = (Some(time), Some(number));
        self.put((hash(run), run), Run { events: 1, first: time, last: time, lowest, blocks, is_cut: false });
    }

    fn put(&mut self, key: (u32, Option<u32>), run: Run) {
        self.kept.entry(key).or_default().add(run);
        while self.kept.len() > MOST_RUNS {
            if let Some((_, run)) = self.kept.pop_last() {
                self.beyond += run.events;
            }
        }
    }

    /// What is told; None when there is no canary.
    pub(super) fn told(&self) -> Option<Canaries> {
        let mut runs: Vec<_> = self.kept.iter().map(|((_, name), run)| (run.first, *name, run)).collect();
        runs.sort_by_key(|(first, name, _)| (*first, *name));
        let runs: Vec<CanaryRun> = runs.into_iter().map(|(_, name, run)| run.told(name)).collect();
        (!runs.is_empty()).then(|| Canaries {
            seen: runs.iter().map(|run| run.seen).sum(),
            missing: runs.iter().fold(0, |missing: u64, run| missing.saturating_add(run.missing)),
            beyond: self.beyond,
            runs,
        })
    }
}

impl Sum for Runs {
    fn add(&mut self, other: Runs) {
        self.beyond += other.beyond;
        other.kept.into_iter().for_each(|(key, run)| self.put(key, run));
    }
}

impl Sum for Run {
    fn add(&mut self, other: Run) {
        self.events += other.events;
        self.first = self.first.into_iter().chain(other.first).min();
        self.last = self.last.max(other.last);
        self.lowest = self.lowest.into_iter().chain(other.lowest).min();
        self.is_cut |= other.is_cut;
        for (block, bits) in other.blocks {
            *self.blocks.entry(block).or_default() |= bits;
        }
        while self.blocks.len() > MOST_BLOCKS {
            self.is_cut = self.blocks.pop_first().is_some();
        }
    }
}

impl Run {
    fn told(&self, name: Option<u32>) -> CanaryRun {
        let lowest = self.lowest.filter(|_| !self.is_cut);
        let kept = self.blocks.first_key_value().map(|(block, _)| block * 64);
        let from = lowest.or(kept).unwrap_or_default();
        let to = self
            .blocks
            .last_key_value()
            .map_or(from, |(block, bits)| block * 64 + 63 - u64::from(bits.leading_zeros()));
        let seen: u64 = self.blocks.values().map(|bits| u64::from(bits.count_ones())).sum();
        CanaryRun {
            run: name.map(|name| format!("{name:08x}")),
            first: self.first.map(moment::written),
            last: self.last.map(moment::written),
            from,
            to,
            seen,
            missing: (to - from).saturating_sub(seen - 1),
            holes: self.holes(from).take(MOST_HOLES).collect(),
        }
    }

    /// The ranges that are missing between `from` and the highest number.
    fn holes(&self, from: u64) -> impl Iterator<Item = (u64, u64)> {
        let numbers = self.blocks.iter().flat_map(|(block, bits)| {
            (0..64).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| block * 64 + bit)
        });
        let mut expected = from;
        numbers.filter_map(move |number| {
            let hole = (expected < number).then(|| (expected, number - 1));
            expected = number.saturating_add(1);
            hole
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(ids: impl IntoIterator<Item = String>) -> Runs {
        let mut runs = Runs::default();
        (0..).zip(ids).for_each(|(time, id)| runs.see(&id, time));
        runs
    }

    fn id(run: u32, number: u64) -> String {
        format!("auditrail-canary-{run:08x}-{number}")
    }

    #[test]
    fn what_is_missing_is_told_of_each_start_of_a_collector() {
        let one =
            (1..=200).filter(|number| ![64, 65, 130].contains(number)).map(|number| id(0x00c0_ffee, number));
        let other = (5..=9).map(|number| id(0xdead_beef, number));
        let old = [3, 4, 7].map(|number| format!("auditrail-canary-{number}"));
        let runs = of(one.chain(other).chain(old));
        let told = runs.told().unwrap();
        let names: Vec<_> = told.runs.iter().map(|run| run.run.as_deref()).collect();
        assert_eq!(names, [Some("00c0ffee"), Some("deadbeef"), None]);
        let holes = |at: usize| told.runs[at].holes.as_slice();
        assert_eq!([holes(0), holes(1), holes(2)], [&[(64, 65), (130, 130)][..], &[], &[(5, 6)]]);
        assert_eq!((told.seen, told.missing, told.beyond), (197 + 5 + 3, 3 + 2, 0));
        assert_eq!((told.runs[0].from, told.runs[0].to), (1, 200));
    }

    #[test]
    fn what_is_no_canary_is_none() {
        let none =
            ["", "auditrail-canary-", "auditrail-canary-x", "auditrail-canary-+7", "auditrail-canary-1-7"];
        let more =
            ["auditrail-canary-DEADBEEF-7", "auditrail-canary-deadbeef-", "auditrail-canary-deadbeef-7-1"];
        assert_eq!(of(none.into_iter().chain(more).map(str::to_owned)).told(), None);
    }

    #[test]
    fn the_newest_numbers_of_a_run_are_kept_and_greatest_ones_do_no_harm() {
        let most = MOST_BLOCKS as u64 * 64;
        let run = of((1..most + 200).map(|number| id(1, number))).told().unwrap().runs.remove(0);
        assert_eq!((run.from % 64, run.to, run.missing), (0, most + 199, 0));
        assert!(run.from > 64);
        let run = of([id(1, 0), id(1, u64::MAX)]).told().unwrap().runs.remove(0);
        assert_eq!((run.from, run.to, run.missing), (0, u64::MAX, u64::MAX - 1));
        assert_eq!(run.holes, [(1, u64::MAX - 1)]);
    }

    #[test]
    fn more_runs_than_there_is_room_for_are_counted_in_any_order() {
        let ids = || (0..2 * MOST_RUNS as u32).flat_map(|run| [id(run, 1), id(run, 2)]);
        let runs = of(ids());
        assert_eq!((runs.kept.len(), runs.told().unwrap().beyond), (MOST_RUNS, 2 * MOST_RUNS as u64));
        let mut backward: Vec<String> = ids().collect();
        backward.reverse();
        let kept = |runs: &Runs| runs.kept.keys().copied().collect::<Vec<_>>();
        assert_eq!((kept(&of(backward.clone())), of(backward).beyond), (kept(&runs), runs.beyond));
    }

    proptest! {
        #[test]
        fn parts_in_any_order_are_the_whole(seen in prop::collection::vec((0u32..4, 0u64..300, 0i64..9), 0..80), cut in 0usize..80) {
            let of = |seen: &[(u32, u64, i64)]| {
                let mut runs = Runs::default();
                seen.iter().for_each(|(run, number, time)| runs.see(&id(*run, *number), *time));
                runs
            };
            let (one, other) = seen.split_at(cut.min(seen.len()));
            let (mut merged, mut turned) = (of(one), of(other));
            merged.add(turned.clone());
            turned.add(of(one));
            prop_assert_eq!(&merged, &of(&seen));
            prop_assert_eq!(merged, turned);
        }
    }
}
