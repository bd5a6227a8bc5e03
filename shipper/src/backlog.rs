//! Which body is next: a bounded window on the spool, oldest first, with those that have to be sent again; or in the
//! order of each origin's lines, where that counts.
//!
//! Invariant: a body is in the backlog or in flight, never both; one that was lost from both is still in the spool and
//! comes again at the next start.

use std::collections::{HashSet, VecDeque};

use proto::Trace;
use queue::ReadError;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::in_order::{Candidate, InOrder};
use crate::spool::{Spool, Stored};

/// Records listed at a time.
const WINDOW: usize = 256;

/// Bodies that wait to be sent again, before new ones are no longer tried as probes.
const MOST_AGAIN: usize = 8;

/// A body to be delivered.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) stored: Stored,
    /// How often it was sent without success.
    pub(crate) failures: u32,
    /// Not to be sent before.
    pub(crate) due: Option<Instant>,
    /// The span of the last time that it was sent.
    pub(crate) sent: Option<Trace>,
}

/// What waits to be delivered.
pub(crate) struct Backlog {
    spool: Spool,
    committed: watch::Receiver<u64>,
    next: u64,
    /// Nothing is left to be listed before the next commit.
    listed_all: bool,
    fresh: VecDeque<Stored>,
    again: Vec<Job>,
    /// The first body that was passed over, since only urgent ones were asked for.
    passed: Option<u64>,
    /// Bodies that were handed out and are still in the spool, as far as is known.
    out: HashSet<u64>,
    /// Set where the order of each origin counts.
    order: Option<InOrder>,
    /// All that is listed has to wait for what is not.
    stuck: bool,
}

impl Backlog {
    pub(crate) fn new(spool: Spool, in_order: bool) -> Backlog {
        let committed = spool.committed();
        Backlog {
            spool,
            committed,
            next: 0,
            listed_all: false,
            fresh: VecDeque::new(),
            again: Vec::new(),
            passed: None,
            out: HashSet::new(),
            order: in_order.then(InOrder::default),
            stuck: false,
        }
    }

    /// Lists more of the spool if the window is empty and there may be more.
    pub(crate) async fn refill(&mut self) -> Result<(), ReadError> {
        // Where the order counts, what was just committed may belong before what was listed.
        if self.order.is_some() && self.committed.has_changed().unwrap_or_default() {
            self.listed_all = false;
        }
        let enough = !self.fresh.is_empty() && (self.order.is_none() || self.fresh.len() >= WINDOW);
        if enough || self.listed_all {
            return Ok(());
        }
        self.committed.borrow_and_update();
        let (spool, next) = (self.spool.clone(), self.next);
        let listed = tokio::task::spawn_blocking(move || spool.list(next, WINDOW)).await;
        let page = listed.unwrap_or_else(|error| Err(ReadError::Index { why: error.to_string() }))?;
        self.listed_all = page.is_empty();
        if let Some(last) = page.last() {
            self.next = last.entry.position + 1;
            self.stuck = false;
        }
        let known = |stored: &Stored| {
            let at = stored.entry.position;
            self.out.contains(&at) || self.again.iter().any(|job| job.stored.entry.position == at)
        };
        self.fresh.extend(page.into_iter().filter(|stored| !known(stored)));
        Ok(())
    }

    /// Waits for a commit when there is nothing left to be listed; else at once.
    pub(crate) async fn more(&mut self) {
        if self.listed_all {
            if self.committed.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
            self.listed_all = false;
        }
    }

    /// Whether all of the spool was listed, up to the next commit.
    pub(crate) fn listed_all(&self) -> bool {
        self.listed_all
    }

    /// Whether more has to be listed before there is anything new.
    pub(crate) fn is_empty(&self) -> bool {
        self.fresh.is_empty() || self.stuck
    }

    /// The next body that is due. While all is well it is the oldest; a probe is one that failed least, so that a
    /// body that never gets through does not keep the others from showing that they would.
    pub(crate) fn take(&mut self, now: Instant, probing: bool) -> Option<Job> {
        let job = self.pick(now, probing)?;
        self.out.insert(job.stored.entry.position);
        Some(job)
    }

    /// Passes over what is not urgent: it stays in the spool, to be listed again by [`Backlog::take_up_passed`].
    pub(crate) fn pass_over(&mut self) {
        let urgent = |stored: &Stored| stored.header.urgent;
        let positions = self.fresh.iter().chain(self.again.iter().map(|job| &job.stored));
        let passed = positions.filter(|stored| !urgent(stored)).map(|stored| stored.entry.position).min();
        self.passed = self.passed.into_iter().chain(passed).min();
        self.fresh.retain(urgent);
        self.again.retain(|job| urgent(&job.stored));
    }

    /// Lists again what was passed over.
    pub(crate) fn take_up_passed(&mut self) {
        if let Some(passed) = self.passed.take() {
            self.fresh.clear();
            self.next = passed;
            self.listed_all = false;
        }
    }

    /// A body that was handed out has left the spool.
    pub(crate) fn gone(&mut self, position: u64) {
        self.out.remove(&position);
    }

    fn pick(&mut self, now: Instant, probing: bool) -> Option<Job> {
        if self.order.is_some() {
            return self.take_in_order(now);
        }
        let crowded = probing && self.again.len() >= MOST_AGAIN;
        let rank =
            |failures: u32, stored: &Stored| (if probing { failures } else { 0 }, stored.entry.position);
        let due = |job: &Job| crowded || job.due.is_none_or(|due| due <= now);
        let again = self.again.iter().enumerate().filter(|(_, job)| due(job));
        let again = again.map(|(at, job)| (rank(job.failures, &job.stored), at)).min();
        let fresh = self.fresh.front().filter(|_| !crowded).map(|stored| rank(0, stored));
        match (again, fresh) {
            (Some((rank, at)), fresh) if fresh.is_none_or(|fresh| rank < fresh) => {
                Some(self.again.swap_remove(at))
            }
            (_, Some(_)) => {
                self.fresh.pop_front().map(|stored| Job { stored, failures: 0, due: None, sent: None })
            }
            _ => None,
        }
    }

    /// The next body where the order counts; also of those that failed none goes before its turn. None goes by books
    /// that tell of a commit since the spool was listed: what it brought may belong before all that is known here.
    fn take_in_order(&mut self, now: Instant) -> Option<Job> {
        let order = self.order.as_mut()?;
        let again = self.again.iter().map(|job| &job.stored);
        let candidates: Vec<Candidate<'_>> = again
            .chain(&self.fresh)
            .map(|stored| Candidate { header: &stored.header, position: stored.entry.position })
            .collect();
        let patient = self.fresh.len() < WINDOW;
        let next = order.next(&candidates, now, patient, |account, line| self.spool.run_of(account, line));
        let next = next.filter(|_| !patient || !self.committed.has_changed().unwrap_or_default());
        self.stuck = next.is_none();
        let at = next?;
        if at < self.again.len() {
            return Some(self.again.swap_remove(at));
        }
        let stored = self.fresh.remove(at - self.again.len())?;
        Some(Job { stored, failures: 0, due: None, sent: None })
    }

    /// Puts a body back that did not get through.
    pub(crate) fn put_back(&mut self, job: Job) {
        self.out.remove(&job.stored.entry.position);
        self.again.push(job);
    }

    /// When the next body that waits becomes due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        let waits = self.order.as_ref().and_then(InOrder::ends);
        self.again.iter().filter_map(|job| job.due).chain(waits).min()
    }

    /// Makes every body due, since an outage is over.
    pub(crate) fn all_due(&mut self) {
        self.again.iter_mut().for_each(|job| job.due = None);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use proto::Origin;

    use super::*;
    use crate::account::{Entry, Named, Tally};
    use crate::change::{Change, Taking};
    use crate::joins::Told;
    use crate::manifest::Listed;
    use crate::record::{Kind, Record};

    fn backlog(directory: &tempfile::TempDir, records: u64) -> Backlog {
        let (spool, _) = Spool::open(directory.path(), 8 << 20).unwrap();
        let record = |number| {
            let line = Listed { number, read_bytes: 1, shrunk: false, replaced: false };
            let mut record = Record::new(Kind::Body, &[line], 0, 0, |_| Ok(())).unwrap();
            record.payload = Bytes::from_static(b"x");
            record
        };
        let append = (1..=records).map(record).collect();
        spool.commit_blocking(Change { append, ..Change::default() }).unwrap();
        Backlog::new(spool, false)
    }

    fn number(job: &Job) -> u64 {
        job.stored.header.first
    }

    #[tokio::test]
    async fn a_probe_is_the_body_that_failed_least_and_new_ones_are_bounded() {
        let directory = tempfile::tempdir().unwrap();
        let mut backlog = tokio::task::spawn_blocking(move || backlog(&directory, 20)).await.unwrap();
        let now = Instant::now();
        backlog.refill().await.unwrap();
        let later = Some(now + Duration::from_secs(60));
        let mut probed = Vec::new();
        for _ in 0..3 * MOST_AGAIN {
            let job = backlog.take(now, true).unwrap();
            probed.push(number(&job));
            backlog.put_back(Job { failures: job.failures + 1, due: later, ..job });
        }
        let once: Vec<u64> = (1..=MOST_AGAIN as u64).collect();
        assert_eq!(probed, [once.clone(), once.clone(), once].concat());
        assert!(backlog.take(now, false).is_some_and(|job| number(&job) == MOST_AGAIN as u64 + 1));
        backlog.all_due();
        assert_eq!(backlog.take(now, false).map(|job| number(&job)), Some(1));
    }

    #[tokio::test]
    async fn the_oldest_that_is_due_is_next() {
        let directory = tempfile::tempdir().unwrap();
        let mut backlog = tokio::task::spawn_blocking(move || backlog(&directory, 3)).await.unwrap();
        let now = Instant::now();
        backlog.refill().await.unwrap();
        let first = backlog.take(now, false).unwrap();
        let second = backlog.take(now, false).unwrap();
        assert_eq!((number(&first), number(&second)), (1, 2));
        backlog.put_back(Job { due: Some(now + Duration::from_secs(1)), failures: 1, ..first });
        backlog.put_back(Job { failures: 1, ..second });
        let order = [now, now, now + Duration::from_secs(2)]
            .map(|now| backlog.take(now, false).map(|job| number(&job)));
        assert_eq!(order, [Some(2), Some(3), Some(1)]);
    }

    #[tokio::test]
    async fn what_was_passed_over_is_listed_again_once_and_nothing_that_is_out_or_waits() {
        let directory = tempfile::tempdir().unwrap();
        let mut backlog = tokio::task::spawn_blocking(move || backlog(&directory, 6)).await.unwrap();
        let now = Instant::now();
        backlog.refill().await.unwrap();
        let (out, failed) = (backlog.take(now, false).unwrap(), backlog.take(now, false).unwrap());
        backlog.pass_over();
        backlog.put_back(Job { failures: 1, ..failed });
        assert!(backlog.is_empty());
        backlog.take_up_passed();
        backlog.refill().await.unwrap();
        let order: Vec<u64> =
            std::iter::from_fn(|| backlog.take(now, false)).map(|job| number(&job)).collect();
        assert_eq!((number(&out), order), (1, vec![2, 3, 4, 5, 6]));
        backlog.take_up_passed();
        backlog.refill().await.unwrap();
        assert!(backlog.take(now, false).is_none());
    }

    /// A batch of two lines is taken.
    fn taken(spool: &Spool, first: u64) {
        let line = |number| Listed { number, read_bytes: 1, shrunk: false, replaced: false };
        let mut record = Record::new(Kind::Body, &[line(first), line(first + 1)], 0, 0, |_| Ok(())).unwrap();
        record.payload = Bytes::from_static(b"x");
        let entry = Entry::Taken {
            first,
            last: first + 1,
            filtered: Named::default(),
            spooled: record.header.all,
            shed: Tally::default(),
        };
        let taking = Taking {
            origin: Origin { path: "/audit.log".into(), ..Origin::default() },
            queue: [7; 16],
            first,
            last: first + 1,
            missing: vec![(first, first + 1)],
            entry,
            told: Told::default(),
        };
        let change = Change { taking: Some(taking), append: vec![record], ..Change::default() };
        spool.commit_blocking(change).unwrap();
    }

    #[tokio::test]
    async fn what_is_committed_between_a_look_at_the_spool_and_one_at_the_books_goes_in_its_turn() {
        let directory = tempfile::tempdir().unwrap();
        let opened = directory.path().to_owned();
        let open = move || Spool::open(&opened, 8 << 20).unwrap().0;
        let spool = tokio::task::spawn_blocking(open).await.unwrap();
        let mut backlog = Backlog::new(spool.clone(), true);
        let now = Instant::now();
        let mut order = Vec::new();
        for first in [5, 3, 1] {
            let spool = spool.clone();
            backlog.refill().await.unwrap();
            tokio::task::spawn_blocking(move || taken(&spool, first)).await.unwrap();
            order.extend(backlog.take(now, false).map(|job| number(&job)));
        }
        while order.len() < 3 {
            backlog.refill().await.unwrap();
            order.push(backlog.take(now, false).map(|job| number(&job)).unwrap());
        }
        assert_eq!(order, [1, 3, 5]);
    }
}
