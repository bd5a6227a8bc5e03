//! States of hours, made before anybody asks for them.
//!
//! Promises: one hour at a time, the newest first, on at most half of one processor; when somebody asks, no further file
//! is opened until they have their answer; hours whose files are the same as before are not looked at again; bounded: a
//! month of hours.

use std::collections::HashMap;
use std::hash::Hasher;
use std::time::{Duration, Instant};

use chassis::Stop;
use lake::{File, LakeError, Partition};

use crate::ask::by_hour;
use crate::desk::Desk;
use crate::fold::Fold;
use crate::reports::activity::Activity;
use crate::reports::denied::Denied;
use crate::reports::slow::Slow;
use crate::reports::usage::Usage;
use crate::scan::{self, GoesOn, Hour};
use crate::shares::Fnv;
use crate::{Insight, Kept};

/// Most hours whose states are made: what pages offer, and a day.
const MOST_HOURS: usize = 744;
/// How long nothing is done when all is ready.
const PAUSE: Duration = Duration::from_secs(5);
/// How long nothing is done while somebody asks.
const YIELD: Duration = Duration::from_millis(100);
/// Longest rest after a fold of an hour.
const LONGEST_REST: Duration = Duration::from_millis(500);

/// The hours whose states are ready, with the files that they are of.
#[derive(Debug, Default)]
pub(crate) struct Ready(HashMap<Partition, u64>);

type Warm = fn(&Insight, &Kept, Hour, GoesOn<'_>) -> bool;

/// The states that pages need.
const WARM: [Warm; 4] = [of::<Activity>, of::<Denied>, of::<Usage>, of::<Slow>];

impl Insight {
    /// Keeps the states that pages need ready in `states`, until `stop` is requested; at once over when they are kept
    /// nowhere.
    pub async fn keep_ready(&self, states: Kept, stop: Stop) {
        let (mut ready, desk) = (Ready::default(), Desk::open());
        while states.is_somewhere() && !stop.requested() {
            let (insight, states, stopped) = (self.clone(), states.clone(), stop.clone());
            let round = desk.ask(move || {
                let goes_on = || !stopped.requested() && !insight.is_asked();
                // What pages need first: the footers of all files, of which only new ones are read.
                let _ = insight.overview(0);
                let done = ready.round(&insight, &states, &goes_on);
                (ready, done)
            });
            let Some((back, done)) = round.await else {
                return tracing::error!("states of reports are no longer made before they are asked for");
            };
            ready = back;
            let pause = match done {
                Ok(false) => YIELD,
                Ok(true) => PAUSE,
                Err(error) => {
                    tracing::debug!("states of reports are not made ready: {error}");
                    PAUSE
                }
            };
            tokio::select! {
                () = stop.wait() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Whether somebody waits for an answer.
    fn is_asked(&self) -> bool {
        self.0.turn.available_permits() == 0
    }
}

impl Ready {
    /// Makes what is not ready, as long as it goes on; whether all is ready then.
    pub(crate) fn round(
        &mut self,
        insight: &Insight,
        states: &Kept,
        goes_on: GoesOn<'_>,
    ) -> Result<bool, LakeError> {
        let hours = by_hour(insight.0.lake.files()?);
        self.0.retain(|hour, _| hours.contains_key(hour));
        for (partition, files) in hours.into_iter().rev().take(MOST_HOURS) {
            let mark = mark(&files);
            if self.0.get(&partition) == Some(&mark) {
                continue;
            }
            for warm in WARM {
                let begun = Instant::now();
                let hour = Hour { partition, files: files.clone(), times: None, in_day: false };
                if !goes_on() || !warm(insight, states, hour, goes_on) {
                    return Ok(false);
                }
                std::thread::sleep(begun.elapsed().min(LONGEST_REST));
            }
            self.0.insert(partition, mark);
        }
        Ok(true)
    }
}

/// Makes one state; whether there was time for all of its files. A file that cannot be read is for who asks to say.
fn of<F: Fold>(insight: &Insight, states: &Kept, hour: Hour, goes_on: GoesOn<'_>) -> bool {
    scan::hours::<F>(&insight.0.lake, states, vec![hour], 1, goes_on).missing == 0
}

fn mark(files: &[File]) -> u64 {
    let mut hasher = Fnv::default();
    for file in files {
        hasher.write(file.path.as_bytes());
        hasher.write(&file.bytes.to_le_bytes());
    }
    hasher.finish()
}

#[cfg(test)]
mod tests;
