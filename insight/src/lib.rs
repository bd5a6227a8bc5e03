//! Lake to answer: what is in the lake, told to people (the console) and to programs (`/api`).
//!
//! Promises: insight only reads; it holds nothing that cannot be rebuilt from the lake; it reads only the
//! columns that an answer needs; a file that cannot be read is named and hides no other; what it keeps in
//! memory is bounded, however large the lake.
//!
//! The way of a question: [`Insight::overview`] lists the lake, counts the files that it has not counted yet
//! and adds up; [`console`] shows that.

mod api;
mod ask;
mod asked;
mod assets;
mod clip;
mod config;
mod counts;
mod desk;
mod difference;
mod escape;
mod filter;
mod find;
mod fold;
mod groups;
mod guard;
mod kept;
mod known;
mod latencies;
#[cfg(test)]
mod laws;
mod metrics;
mod moment;
mod overview;
mod page;
mod policy;
mod proposed;
pub mod reports;
mod requests;
mod rows;
mod scan;
mod search;
mod service;
mod shares;
pub mod sql;
mod status;
mod tally;
mod warm;
mod windows;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chassis::Alive;
use lake::{Lake, LakeError, Location};
use proto::v1::ServiceStatus;
use tokio::sync::Semaphore;

pub use api::{Services, Settings, console, console_with};
pub use ask::{Answer, ask};
pub use config::Config;
pub use counts::{Counts, MOST_VERBS, OTHER, UNTOLD};
pub use filter::{Filter, resource_name};
pub use find::{Event, Found, Query, find};
pub use fold::{Closer, Fold, take_lines};
pub use groups::Groups;
pub use kept::Kept;
pub use latencies::Latencies;
pub use metrics::described_metrics;
pub use moment::{Moment, NoMoment};
pub use overview::{Hour, Overview, Unreadable};
pub use requests::Requests;
pub use rows::{Annotations, Lists, NONE, Rows, Text, Words};
pub use service::{serve, serve_from, show};
pub use shares::{Owned, Shares, Sum};
pub use tally::Tally;
pub use windows::{WINDOW_US, Windows};

/// How long one question may read the lake.
pub const LONGEST_QUESTION: Duration = Duration::from_secs(15 * 60);

/// The answers; clones share what they know of the lake.
#[derive(Debug, Clone)]
pub struct Insight(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    lake: Lake,
    known: known::Known,
    metrics: metrics::Metrics,
    started_us: i64,
    /// One question to the lake at a time.
    turn: Arc<Semaphore>,
    desk: desk::Desk,
    /// Questions that got their turn.
    asked: AtomicU64,
}

impl Insight {
    /// Answers from the lake at `url`; a directory that does not exist yet is made, and is an empty lake.
    ///
    /// # Errors
    /// As for [`Lake::open`].
    pub fn open(url: &str) -> Result<Insight, LakeError> {
        Insight::at(&Location::of(url))
    }

    /// The same for a place that is more than an address.
    ///
    /// # Errors
    /// As for [`Lake::open`].
    pub fn at(location: &Location) -> Result<Insight, LakeError> {
        Ok(Insight(Arc::new(Inner {
            lake: Lake::at(location)?,
            known: known::Known::default(),
            metrics: metrics::Metrics::declare(),
            started_us: moment::now_us(),
            turn: Arc::new(Semaphore::new(1)),
            desk: desk::Desk::open(),
            asked: AtomicU64::new(0),
        })))
    }

    /// What the lake holds, with counts for the newest `hours` hours that it has events of. Blocking.
    ///
    /// # Errors
    /// [`LakeError::Storage`] when the lake cannot be listed. Files that cannot be read are in the answer.
    pub fn overview(&self, hours: usize) -> Result<Overview, LakeError> {
        overview::of(&self.0.lake, &self.0.known, &self.0.metrics, hours)
    }

    /// Has questions looked at: one that keeps all others from their turn for [`LONGEST_QUESTION`] is stuck.
    pub fn watched_by(&self, alive: &Alive) {
        let inner = Arc::clone(&self.0);
        let asked =
            move || (inner.turn.available_permits() == 0).then(|| inner.asked.load(Ordering::Relaxed));
        alive.watch("insight", "a question to answer", LONGEST_QUESTION, asked);
    }

    /// What `Admin.Status` says of insight: the lake's summary. Blocking.
    #[must_use]
    pub fn status(&self) -> ServiceStatus {
        status::of(self.0.lake.url(), self.overview(0), self.0.started_us)
    }
}
