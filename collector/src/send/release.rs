//! Receipts become removals: in order per source, gathered, one removal at a time.
//!
//! Invariants: no batch of a source leaves the queue before an older one of it, but at a stop, when older ones were given
//! up: what has its receipt is not sent again; at most so many batches of a source are on their way or wait for an older
//! one; what is refused for good is committed with the removal.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use queue::{Queue, Ticket};

use crate::books::Books;
use crate::checkpoint;
use crate::record::Header;
use crate::tally::Causes;

/// How long after a failed removal the same is asked for again.
const AGAIN: Duration = Duration::from_millis(500);

/// A batch that was begun.
struct Begun {
    position: u64,
    header: Header,
    /// Set when it is done: what of it was refused.
    done: Option<Causes>,
}

/// Batches of one source that leave together.
#[derive(Clone, Default)]
struct Leaving {
    headers: Vec<Header>,
    refused: Causes,
}

#[derive(Clone, Default)]
struct Group {
    positions: Vec<u64>,
    sources: BTreeMap<u32, Leaving>,
}

/// The batches on their way, by source.
pub(crate) struct Releases {
    queue: Queue,
    books: Arc<Books>,
    lanes: BTreeMap<u32, VecDeque<Begun>>,
    waiting: Group,
    removing: Option<(Ticket, Group)>,
}

impl Releases {
    pub(crate) fn new(queue: Queue, books: Arc<Books>) -> Releases {
        Releases { queue, books, lanes: BTreeMap::new(), waiting: Group::default(), removing: None }
    }

    /// How many batches of a source a kill now would send again: those on their way, and those whose removal is not
    /// durable yet.
    pub(crate) fn on_their_way(&self, source: u32) -> usize {
        let leaving = |group: &Group| group.sources.get(&source).map_or(0, |leaving| leaving.headers.len());
        let removing = self.removing.as_ref().map_or(0, |(_, group)| leaving(group));
        self.lanes.get(&source).map_or(0, VecDeque::len) + leaving(&self.waiting) + removing
    }

    /// Sources with batches on their way.
    pub(crate) fn sources(&self) -> impl Iterator<Item = u32> {
        self.lanes.keys().copied()
    }

    /// When the oldest batch of a source that is on its way was read.
    pub(crate) fn oldest(&self, source: u32) -> Option<i64> {
        self.lanes.get(&source)?.front().map(|begun| begun.header.read_at_us)
    }

    /// A batch goes on its way.
    pub(crate) fn begin(&mut self, position: u64, header: Header) {
        self.lanes.entry(header.source).or_default().push_back(Begun { position, header, done: None });
    }

    /// A batch is done; it leaves when those before it are done too.
    pub(crate) fn done(&mut self, source: u32, position: u64, refused: Causes) {
        let Some(lane) = self.lanes.get_mut(&source) else { return };
        if let Some(begun) = lane.iter_mut().find(|begun| begun.position == position) {
            begun.done = Some(refused);
        }
        let ready = lane.iter().take_while(|begun| begun.done.is_some()).count();
        lane.drain(..ready).for_each(|begun| self.waiting.add(begun));
        if lane.is_empty() {
            self.lanes.remove(&source);
        }
    }

    /// At a stop: what is done leaves though older batches were given up, so that it is not sent again.
    pub(crate) fn let_go(&mut self) {
        for (_, lane) in std::mem::take(&mut self.lanes) {
            lane.into_iter().filter(|begun| begun.done.is_some()).for_each(|begun| self.waiting.add(begun));
        }
    }

    /// Nothing is on its way, and all removals are durable.
    pub(crate) fn is_idle(&self) -> bool {
        self.lanes.is_empty() && self.waiting.positions.is_empty() && self.removing.is_none()
    }

    /// Nothing that is done waits for its removal.
    pub(crate) fn is_settled(&self) -> bool {
        self.waiting.positions.is_empty() && self.removing.is_none()
    }

    /// Removes what is done, until it is durable; for ever when nothing is. Dropping it loses nothing.
    ///
    /// # Errors
    /// When the queue was closed.
    pub(crate) async fn changed(&mut self) -> Result<(), String> {
        if self.removing.is_none() && !self.hand_in()? {
            if self.waiting.positions.is_empty() {
                return std::future::pending().await;
            }
            tokio::time::sleep(AGAIN).await;
            return Ok(());
        }
        let Some((ticket, _)) = &mut self.removing else { return Ok(()) };
        let outcome = ticket.await;
        let Some((_, group)) = self.removing.take() else { return Ok(()) };
        match outcome {
            Ok(_) => {
                for (source, leaving) in &group.sources {
                    self.books.released(*source, &leaving.headers, &leaving.refused);
                }
                Ok(())
            }
            Err(queue::Failed::Stopped) => Err(queue::Failed::Stopped.to_string()),
            Err(error) => {
                tracing::error!(%error, "batches with a receipt could not be removed; tried again");
                self.waiting = group.followed_by(std::mem::take(&mut self.waiting));
                tokio::time::sleep(AGAIN).await;
                Ok(())
            }
        }
    }

    /// Whether a removal is under way now.
    fn hand_in(&mut self) -> Result<bool, String> {
        if self.waiting.positions.is_empty() {
            return Ok(false);
        }
        let refused = self.waiting.sources.iter().filter(|(_, leaving)| !leaving.refused.is_empty());
        let puts = refused.map(|(source, leaving)| {
            let mut causes = self.books.refused(*source);
            causes.merge(&leaving.refused);
            checkpoint::put_refused(*source, &causes)
        });
        match self.queue.remove(self.waiting.positions.clone(), puts.collect()) {
            Ok(ticket) => {
                self.removing = Some((ticket, std::mem::take(&mut self.waiting)));
                Ok(true)
            }
            Err(queue::Refused::Busy { .. }) => Ok(false),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Group {
    fn add(&mut self, done: Begun) {
        let leaving = self.sources.entry(done.header.source).or_default();
        leaving.headers.push(done.header);
        leaving.refused.merge(&done.done.unwrap_or_default());
        self.positions.push(done.position);
    }

    fn followed_by(mut self, later: Group) -> Group {
        self.positions.extend(later.positions);
        for (source, leaving) in later.sources {
            let mine = self.sources.entry(source).or_default();
            mine.headers.extend(leaving.headers);
            mine.refused.merge(&leaving.refused);
        }
        self
    }
}
