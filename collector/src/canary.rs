//! Canaries: requests to an API server with an `Audit-ID` that says what they are, looked for among the lines that are
//! read. They show that the way from call to log, and from there to the intakes, is whole while nothing else happens.
//!
//! Promises: of a run the numbers go up from 1, and none is left out or used twice; one call is in flight; what never
//! reached the API server is not waited for; how many are waited for and remembered is bounded; a token is read for each
//! call and never told.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

mod call;
mod settings;
mod sightings;

pub use call::{NoAnswer, call as call_canary};
pub use settings::Canary;
pub(crate) use sightings::{Sightings, among};

/// How often it is looked whether one is missing.
const LOOK: Duration = Duration::from_secs(1);

/// A number for a run of canaries, which no other run is likely to have.
#[must_use]
pub fn canary_run() -> u32 {
    rand::random()
}

/// Calls until `stop`.
pub(crate) async fn run(settings: Canary, sightings: Arc<Sightings>, stop: CancellationToken) {
    let patience = settings.missing_after.duration();
    let looking = async {
        let mut look = interval(LOOK);
        loop {
            look.tick().await;
            sightings.give_up(patience);
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = calling(&settings, &sightings) => {}
        () = looking => {}
    }
}

async fn calling(settings: &Canary, sightings: &Sightings) {
    let mut turn = interval(settings.every.duration());
    turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        turn.tick().await;
        let id = sightings.begin();
        let answer = call::call(settings, &id).await;
        if let Err(why) = &answer {
            tracing::debug!(id, "{why}");
        }
        sightings.answered(&id, answer);
    }
}
