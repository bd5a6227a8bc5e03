//! Events as they pass, for whoever watches.
//!
//! Promises: nobody who watches holds up the pipe: what a slow one misses is counted and said; where nobody watches, it
//! costs a look at a number; how many may watch and how much waits for them is bounded.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use audit::{Attributes, Event, Match};
use proto::Batch;
use proto::v1::{TapRequest, Tapped};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::calls::destination;
use crate::elevation::Elevation;
use crate::explain::explain;
use crate::rules::Rules;

/// Most who watch at a time.
const MOST: usize = 16;
/// Events that wait for one of them.
const WAITING: usize = 256;

/// Those who watch.
#[derive(Default)]
pub(crate) struct Taps {
    open: Mutex<Vec<Tap>>,
    count: AtomicUsize,
}

struct Tap {
    condition: Match,
    to: Sender<Tapped>,
    missed: u64,
}

impl Taps {
    /// Begins to tell the events that the request asks for.
    ///
    /// # Errors
    /// When its condition cannot be meant, or too many watch already.
    pub(crate) fn open(&self, request: &TapRequest) -> Result<Receiver<Tapped>, String> {
        let condition = match request.r#where.trim() {
            "" => Match::default(),
            json => {
                serde_json::from_str(json).map_err(|error| format!("`where` is no condition: {error}"))?
            }
        };
        let (to, events) = channel(WAITING);
        let mut open = self.lock();
        open.retain(|tap| !tap.to.is_closed());
        if open.len() >= MOST {
            return Err(format!("{MOST} others watch already; let one of them end"));
        }
        open.push(Tap { condition, to, missed: 0 });
        self.count.store(open.len(), Ordering::Relaxed);
        Ok(events)
    }

    /// Whether somebody watches.
    pub(crate) fn any(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }

    /// Ends all of them.
    pub(crate) fn close(&self) {
        self.lock().clear();
        self.count.store(0, Ordering::Relaxed);
    }

    /// Tells the events of a batch to those who asked for them.
    pub(crate) fn tell(&self, rules: &Rules, elevations: &[Elevation], batch: &Batch) {
        let Ok(lines) = batch.lines() else { return };
        let origin = batch.origin.as_ref().map(ToString::to_string).unwrap_or_default();
        let mut open = self.lock();
        for line in lines {
            let Ok(event) = Event::scan(&line.bytes) else { continue };
            let attributes = Attributes::of(&event);
            let mut tapped: Option<Tapped> = None;
            for tap in open.iter_mut().filter(|tap| tap.condition.matches(&event, &attributes)) {
                let Ok(room) = tap.to.try_reserve() else {
                    tap.missed += 1;
                    continue;
                };
                let told = tapped.get_or_insert_with(|| Tapped {
                    origin: origin.clone(),
                    number: line.number,
                    event: line.bytes.clone().into(),
                    destinations: destinations(rules, elevations, &line.bytes),
                    missed: 0,
                });
                room.send(Tapped { missed: std::mem::take(&mut tap.missed), ..told.clone() });
            }
        }
        open.retain(|tap| !tap.to.is_closed());
        self.count.store(open.len(), Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Tap>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn destinations(rules: &Rules, elevations: &[Elevation], line: &[u8]) -> Vec<proto::v1::Explained> {
    let answers = explain(rules, elevations, line, true).destinations;
    answers
        .into_iter()
        .map(|answer| proto::v1::Explained { line: String::new(), ..destination(answer) })
        .collect()
}
