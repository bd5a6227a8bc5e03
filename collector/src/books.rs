//! What the collector did and holds, in numbers, as `status` shows it.
//!
//! Invariant: per source, read = left out + dead + queued + handed to the next stage; a batch enters `read` and
//! `queued` in one step and leaves `queued` when its removal is durable.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use proto::Origin;
use proto::v1::{FileStatus, SourceStatus};
use queue::{Queue, ReadError};

use crate::checkpoint::{Saved, SourceState};
use crate::clock;
use crate::gap::Gap;
use crate::metrics;
use crate::orders::Orders;
use crate::record::Header;
use crate::source::Source;
use crate::tally::{Causes, Tally};

mod posted;
mod steps;

/// Entries that are listed at a time.
const PAGE: usize = 1024;

/// For how long a loss is said among the problems, in microseconds; it stays among the gaps.
const LATELY_US: i64 = 24 * 3600 * 1_000_000;
/// Most losses of a source that are said at a time.
const MOST_SAID: usize = 4;

/// The numbers of all sources.
pub(crate) struct Books {
    queue_id: [u8; 16],
    pages: Mutex<Pages>,
}

#[derive(Default)]
struct Pages {
    sources: BTreeMap<u32, Page>,
    /// What holds up reading as such.
    reading: Vec<String>,
    /// What holds up sending.
    sending: Option<String>,
    /// Queued lines that were lost since the start; the first few.
    lost: Vec<String>,
    /// What holds up the webhook.
    posting: Option<String>,
    paused: bool,
    /// Answers of the next stage, and attempts that came to none.
    answers: u64,
}

#[derive(Default)]
struct Page {
    origin: Origin,
    followed: bool,
    problems: Vec<String>,
    files: Vec<(u32, FileStatus)>,
    committed: HashMap<u32, u64>,
    read: Tally,
    filtered: Causes,
    dead: Causes,
    refused: Causes,
    queued: Tally,
    lag: u64,
    /// All that was written before this moment was read; none when all was.
    horizon_us: Option<i64>,
    gaps: Vec<Gap>,
    /// What threatens to be lost.
    warnings: Vec<String>,
    unread_files: u64,
    retention_left: Option<u64>,
    last: u64,
    oldest_us: Option<i64>,
}

impl Books {
    /// The numbers that the queue proves. Blocking.
    ///
    /// # Errors
    /// When its index cannot be read.
    pub(crate) fn load(queue: &Queue, saved: &Saved) -> Result<Books, ReadError> {
        let mut pages = Pages::default();
        for state in &saved.sources {
            let path = state.path.to_string_lossy().into_owned();
            let page = pages.sources.entry(state.number).or_default();
            page.origin.path = path;
            (page.read, page.last) = (state.read, state.next - 1);
            (page.filtered, page.dead) = (state.filtered.clone(), state.dead.clone());
        }
        for (number, causes) in &saved.refused {
            pages.sources.entry(*number).or_default().refused = causes.clone();
        }
        for header in &saved.damaged {
            pages.sources.entry(header.source).or_default().queue(header);
        }
        let mut from = 0;
        loop {
            let listed = queue.entries(from, PAGE)?;
            for header in listed.iter().filter_map(|entry| Header::decode(&entry.header)) {
                pages.sources.entry(header.source).or_default().queue(&header);
            }
            match listed.last() {
                Some(last) => from = last.position + 1,
                None => return Ok(Books { queue_id: queue.id(), pages: Mutex::new(pages) }),
            }
        }
    }

    /// A source was looked at.
    pub(crate) fn looked(&self, source: &Source) {
        let mut pages = self.lock();
        let page = pages.sources.entry(source.state.number).or_default();
        page.origin.clone_from(&source.origin);
        page.followed = true;
        page.count(source);
        page.problems = source.unreadable().into_iter().chain(source.waits_for()).collect();
        page.look_behind(source);
        page.warnings = source.retention.warnings(source.path());
        page.unread_files = source.retention.unread as u64;
        page.retention_left = source.retention.left().map(|left| left as u64);
        let tracked = source.files.iter().filter(|file| !file.state.gone);
        page.files = tracked.map(|file| (file.state.number, file.status())).collect();
        let files = &page.files;
        page.committed.retain(|number, _| files.iter().any(|(known, _)| known == number));
        page.measure();
    }

    /// A source was read; a batch may have come of it.
    pub(crate) fn read(&self, source: &Source, batch: Option<&Header>) {
        let mut pages = self.lock();
        let page = pages.sources.entry(source.state.number).or_default();
        page.count(source);
        page.look_behind(source);
        for (number, status) in &mut page.files {
            let file = source.files.iter().find(|file| file.state.number == *number);
            status.offset = file.map_or(status.offset, |file| file.state.offset);
        }
        if let Some(header) = batch {
            page.queue(header);
        }
        metrics::queued(pages.queued());
    }

    /// Batches left the queue, in order, for one source.
    pub(crate) fn released(&self, number: u32, headers: &[Header], refused: &Causes) {
        let mut pages = self.lock();
        let page = pages.sources.entry(number).or_default();
        for header in headers {
            page.queued.take(header.kept);
            page.committed.insert(header.file, header.end);
        }
        page.refused.merge(refused);
        if page.queued.is_nothing() {
            page.oldest_us = None;
        }
        metrics::queued(pages.queued());
    }

    /// When the oldest line without a receipt was read.
    pub(crate) fn oldest(&self, number: u32, read_at_us: i64) {
        if let Some(page) = self.lock().sources.get_mut(&number) {
            page.oldest_us = Some(read_at_us);
        }
    }

    /// Lines of a source that the next stage never took, by cause.
    pub(crate) fn refused(&self, number: u32) -> Causes {
        self.lock().sources.get(&number).map(|page| page.refused.clone()).unwrap_or_default()
    }

    /// What holds up reading.
    pub(crate) fn set_reading(&self, problems: Vec<String>, paused: bool) {
        let mut pages = self.lock();
        (pages.reading, pages.paused) = (problems, paused);
    }

    /// What holds up sending, one of [`metrics::HOLDS_SENDING`], and what to do; none when a batch got its receipt.
    pub(crate) fn set_sending(&self, held: Option<(&'static str, String)>) {
        metrics::held("sending", &metrics::HOLDS_SENDING, held.as_ref().map(|(by, _)| *by));
        let mut pages = self.lock();
        pages.answers += 1;
        pages.sending = held.map(|(_, problem)| problem);
    }

    /// Queued lines were lost.
    pub(crate) fn lose(&self, what: String) {
        let mut pages = self.lock();
        if pages.lost.len() < MOST_SAID {
            pages.lost.push(what);
        }
    }

    /// Events without a receipt.
    pub(crate) fn queued(&self) -> u64 {
        self.lock().queued()
    }

    /// What is wrong, and what to do.
    pub(crate) fn problems(&self) -> Vec<String> {
        let pages = self.lock();
        let sources = pages.sources.values().flat_map(Page::to_be_said);
        let held = pages.reading.iter().chain(&pages.posting).chain(&pages.sending).chain(&pages.lost);
        sources.chain(held.cloned()).collect()
    }

    /// One entry for each source that is followed or has something queued.
    pub(crate) fn sources(&self, orders: &Orders) -> Vec<SourceStatus> {
        let pages = self.lock();
        let shown = pages.sources.values().filter(|page| page.followed || !page.queued.is_nothing());
        let told = shown.map(|page| {
            let status = page.status(&self.queue_id, pages.paused);
            match orders.paused(Path::new(&page.origin.path)) {
                Some(problem) => SourceStatus { state: "paused".to_owned(), problem, ..status },
                None => status,
            }
        });
        told.collect()
    }

    fn lock(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    fn queued(&self) -> u64 {
        self.sources.values().map(|page| page.queued.events).sum()
    }
}

impl Page {
    fn count(&mut self, source: &Source) {
        self.count_state(&source.state);
    }

    fn count_state(&mut self, state: &SourceState) {
        (self.read, self.last) = (state.read, state.next - 1);
        self.filtered.clone_from(&state.filtered);
        self.dead.clone_from(&state.dead);
    }

    fn queue(&mut self, header: &Header) {
        self.queued.add(header.kept);
        self.committed.entry(header.file).or_insert(header.start);
        self.oldest_us.get_or_insert(header.read_at_us);
    }

    fn look_behind(&mut self, source: &Source) {
        self.lag = source.lag();
        self.horizon_us = source.is_unread().then_some(source.state.horizon_us);
        self.gaps.clone_from(&source.state.gaps);
    }

    /// What is wrong, what is threatened, and what was lost lately.
    fn to_be_said(&self) -> Vec<String> {
        let now = clock::now_us();
        let lately = self.gaps.iter().filter(|gap| now.saturating_sub(gap.noticed_us) < LATELY_US);
        let lost = lately.rev().take(MOST_SAID).map(ToString::to_string);
        self.problems.iter().chain(&self.warnings).cloned().chain(lost).collect()
    }

    fn measure(&self) {
        let age = |since: Option<i64>| since.map_or(0, age_ms) / 1000;
        let path = &self.origin.path;
        metrics::behind(path, self.lag, age(self.horizon_us));
        metrics::unacked(path, age(self.oldest_us));
        metrics::retention(path, self.unread_files, self.retention_left);
        metrics::gaps(path, self.gaps.len() as u64);
    }

    /// Lines with a receipt.
    fn acknowledged(&self) -> Tally {
        let mut sum = self.read;
        for ended in [self.filtered.sum(), self.dead.sum(), self.refused.sum(), self.queued] {
            sum.take(ended);
        }
        sum
    }

    fn status(&self, queue: &[u8; 16], paused: bool) -> SourceStatus {
        let files = self.files.iter().map(|(number, file)| {
            let committed = self.committed.get(number).copied().unwrap_or(file.offset);
            FileStatus { committed, ..file.clone() }
        });
        let mut dead = self.dead.clone();
        dead.merge(&self.refused);
        SourceStatus {
            origin: Some(self.origin.clone()),
            queue: queue.to_vec(),
            state: self.word(paused).to_owned(),
            problem: self.problems.join("; "),
            files: files.collect(),
            read: Some(self.read.count()),
            filtered: self.filtered.named(),
            dead: dead.named(),
            queued: Some(self.queued.count()),
            lag_bytes: self.lag,
            lag_ms: self.horizon_us.map_or(0, age_ms),
            gaps: self.gaps.iter().map(Gap::status).collect(),
            unread_files: self.unread_files,
            retention_left: self.retention_left,
            oldest_unacked_ms: self.oldest_us.map_or(0, age_ms),
            last: self.last,
            settled: Some(self.acknowledged().count()),
        }
    }

    fn word(&self, paused: bool) -> &'static str {
        match self {
            page if page.lag > 0 && paused => "paused",
            page if !page.problems.is_empty() || !page.followed => "waiting",
            page if page.lag > 0 => "catching up",
            _ => "following",
        }
    }
}

/// Milliseconds since a moment.
fn age_ms(since_us: i64) -> u64 {
    clock::now_us().saturating_sub(since_us).max(0).unsigned_abs() / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_receipt_when_it_left_the_queue_and_was_not_refused() {
        let mut page = Page { read: Tally::new(10, 100), queued: Tally::new(4, 40), ..Page::default() };
        page.dead.add("quarantine", Tally::new(1, 10));
        assert_eq!(page.acknowledged(), Tally::new(5, 50));
        page.queued = Tally::default();
        page.refused.add("too large", Tally::new(2, 20));
        assert_eq!(page.acknowledged(), Tally::new(7, 70));
    }
}
