//! Which body is next where the order of each origin counts.
//!
//! Batches of one origin are on their way several at a time, so one may come in before another that was sent earlier.
//! A body therefore goes when all lines before it were taken, in the order of their numbers.
//!
//! Promise: nothing waits for ever: where what is before does not come within [`PATIENCE`], a body goes without it.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::record::Header;

/// How long a body waits for lines before it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// What is known of each account's order.
#[derive(Debug, Default)]
pub(crate) struct InOrder {
    /// Where a run of lines begins that is waited for to be joined to the one before, and since when.
    waiting: BTreeMap<u32, (u64, Instant)>,
    /// Where a run begins that was waited for long enough.
    settled: BTreeMap<u32, u64>,
}

/// A body that may be next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate<'a> {
    pub(crate) header: &'a Header,
    /// Its position in the spool.
    pub(crate) position: u64,
}

impl InOrder {
    /// The place of the body that is next; None while all have to wait. `run` says where the run of taken lines
    /// begins that a line of an account is in; `patient` is false when there is no room to wait.
    pub(crate) fn next(
        &mut self,
        candidates: &[Candidate<'_>],
        now: Instant,
        patient: bool,
        run: impl Fn(u32, u64) -> u64,
    ) -> Option<usize> {
        let mut lowest: BTreeMap<u32, (u64, u64, usize)> = BTreeMap::new();
        for (at, Candidate { header, position }) in candidates.iter().enumerate() {
            let this = (header.first, *position, at);
            lowest.entry(header.account).and_modify(|low| *low = this.min(*low)).or_insert(this);
        }
        // Who went without waiting, since there was no room, or is here no more, has no end that others wait for.
        self.waiting.retain(|account, _| patient && lowest.contains_key(account));
        let mut next: Option<(u64, usize)> = None;
        for (account, (first, position, at)) in lowest {
            if !patient || self.may_go(account, run(account, first), now) {
                next = Some(next.map_or((position, at), |next| next.min((position, at))));
            }
        }
        next.map(|(_, at)| at)
    }

    /// When the first of those that wait has waited long enough.
    pub(crate) fn ends(&self) -> Option<Instant> {
        self.waiting.values().map(|&(_, since)| since + PATIENCE).min()
    }

    fn may_go(&mut self, account: u32, start: u64, now: Instant) -> bool {
        if start <= 1 || self.settled.get(&account) == Some(&start) {
            self.waiting.remove(&account);
            return true;
        }
        let waiting = self.waiting.entry(account).or_insert((start, now));
        if waiting.0 != start {
            *waiting = (start, now);
        }
        if now < waiting.1 + PATIENCE {
            return false;
        }
        self.waiting.remove(&account);
        self.settled.insert(account, start);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::covered::Covered;
    use crate::manifest::Listed;
    use crate::record::{Kind, Record};

    fn header(account: u32, first: u64) -> Header {
        let line = |number| Listed { number, read_bytes: 100, shrunk: false, replaced: false };
        let record = Record::new(Kind::Body, &[line(first), line(first + 9)], 9, 0, |_| Ok(())).unwrap();
        Header { account, ..record.header }
    }

    /// The first line of what goes next, when these lie in the spool in this order and these ranges were taken.
    fn next(order: &mut InOrder, there: &[(u32, u64)], taken: &[(u64, u64)], now: Instant) -> Option<u64> {
        let headers: Vec<Header> = there.iter().map(|&(account, first)| header(account, first)).collect();
        let candidates: Vec<Candidate<'_>> =
            headers.iter().zip(1..).map(|(header, position)| Candidate { header, position }).collect();
        let mut covered = Covered::default();
        taken.iter().for_each(|&(first, last)| covered.add(first, last));
        let at = order.next(&candidates, now, true, |_, line| covered.run_of(line))?;
        Some(headers[at].first)
    }

    #[test]
    fn a_body_waits_for_the_lines_before_it_and_goes_behind_them() {
        let (mut order, now) = (InOrder::default(), Instant::now());
        assert_eq!(next(&mut order, &[(1, 21)], &[(21, 30)], now), None);
        assert_eq!(next(&mut order, &[(1, 21), (1, 11)], &[(11, 30)], now), None);
        assert_eq!(next(&mut order, &[(1, 21), (1, 11), (1, 1)], &[(1, 30)], now), Some(1));
        assert_eq!(next(&mut order, &[(1, 21), (1, 11)], &[(1, 30)], now), Some(11));
        assert_eq!(order.ends(), None);
    }

    #[test]
    fn where_what_is_before_does_not_come_it_is_waited_for_once() {
        let (mut order, now) = (InOrder::default(), Instant::now());
        assert_eq!(next(&mut order, &[(1, 21), (1, 31)], &[(21, 40)], now), None);
        assert_eq!(order.ends(), Some(now + PATIENCE));
        let later = now + PATIENCE;
        assert_eq!(next(&mut order, &[(1, 21), (1, 31)], &[(21, 40)], later), Some(21));
        assert_eq!(next(&mut order, &[(1, 31)], &[(21, 40)], later), Some(31));
        assert_eq!(next(&mut order, &[(1, 61)], &[(21, 40), (61, 70)], later), None);
    }

    #[test]
    fn one_origin_that_waits_holds_up_no_other() {
        let (mut order, now) = (InOrder::default(), Instant::now());
        let run = |account, line| if account == 1 { line } else { 1 };
        let (slow, quick) = (header(1, 21), header(2, 41));
        let both = [Candidate { header: &slow, position: 1 }, Candidate { header: &quick, position: 2 }];
        assert_eq!(order.next(&both, now, true, run), Some(1));
        assert_eq!(order.next(&both, now, false, run), Some(0), "where there is no room to wait");
    }

    #[test]
    fn who_no_longer_waits_sets_no_time_for_those_who_do() {
        let (mut order, now) = (InOrder::default(), Instant::now());
        let run = |_, line| line;
        let (first, second) = (header(1, 21), header(2, 41));
        let one = |header| [Candidate { header, position: 1 }];
        assert_eq!(order.next(&one(&first), now, true, run), None);
        assert_eq!(order.next(&one(&first), now, false, run), Some(0), "where there is no room to wait");
        let later = now + 2 * PATIENCE;
        assert_eq!(order.next(&one(&second), later, true, run), None);
        assert_eq!(order.ends(), Some(later + PATIENCE));
    }
}
