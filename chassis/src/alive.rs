//! Whether this process gets on with its work: [`Alive`].
//!
//! Promise: a process is stuck when a part of it has had work for longer than its patience and made no step in all that
//! time, and only then: a part without work, one that fails and tries again, and one that rests on purpose are alive. A
//! look at a part that does not come back counts as no step.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::health::Part;
use crate::units::Span;

/// How long a part may have work and make no step: longer than every pause and every deadline of our own.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// How often parts are looked at.
pub(crate) const LOOK: Duration = Duration::from_secs(1);

/// Tells of a part that has work: a number that is another one after each step. May block for a short while.
type Steps = Arc<dyn Fn() -> Option<u64> + Send + Sync>;

/// What each part of a process is doing; clones share it.
#[derive(Clone, Default)]
pub struct Alive {
    parts: Arc<Mutex<BTreeMap<Place, Watched>>>,
    /// Whose parts this handle is about; empty: everybody's.
    whose: &'static str,
}

/// A part, and whose it is.
type Place = (&'static str, Part);

struct Watched {
    /// What it has while it has work: `events in its spool`.
    has: &'static str,
    steps: Steps,
    patience: Duration,
    last: Option<u64>,
    /// When it was last seen without work, or after a step.
    well: Instant,
}

impl Alive {
    /// The same process, as the service `whose` of it sees it: what it watches is its own, and what is stuck, too.
    #[must_use]
    pub fn of(&self, whose: &'static str) -> Alive {
        Alive { parts: Arc::clone(&self.parts), whose }
    }

    /// Looks at `part` from now on. `steps` gives none while there is nothing to do, otherwise a number that is another
    /// one after each step; `has` names the work.
    pub fn watch(
        &self,
        part: impl Into<Part>,
        has: &'static str,
        patience: Duration,
        steps: impl Fn() -> Option<u64> + Send + Sync + 'static,
    ) {
        let steps = Arc::new(steps);
        let watched = Watched { has, steps, patience, last: None, well: Instant::now() };
        self.parts().insert((self.whose, part.into()), watched);
    }

    /// Looks at every part. Blocking; without the lock, so that a part that hangs keeps nobody from asking.
    pub fn look(&self) {
        let parts: Vec<(Place, Steps)> =
            self.parts().iter().map(|(place, watched)| (place.clone(), Arc::clone(&watched.steps))).collect();
        for (place, steps) in parts {
            let now_at = steps();
            if let Some(watched) = self.parts().get_mut(&place) {
                if now_at.is_none() || now_at != watched.last {
                    watched.well = Instant::now();
                }
                watched.last = now_at;
            }
        }
    }

    /// Empty when all is well; otherwise one line for each part that is stuck.
    #[must_use]
    pub fn stuck(&self) -> Vec<String> {
        let parts = self.parts();
        let own = parts.iter().filter(|((whose, _), _)| self.whose.is_empty() || *whose == self.whose);
        let stuck = own.filter_map(|((_, part), watched)| {
            let long = watched.well.elapsed();
            let whole = Duration::from_secs(long.as_secs());
            (long > watched.patience).then(|| {
                let (has, whole) = (watched.has, Span::from(whole));
                format!(
                    "{part} is stuck: it has {has}, and made no step for {whole}; start this process again"
                )
            })
        });
        stuck.collect()
    }

    fn parts(&self) -> MutexGuard<'_, BTreeMap<Place, Watched>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks for ever.
pub(crate) async fn keep_looking(alive: Alive) {
    loop {
        let looked = alive.clone();
        // A look that panics is a mistake in the program; it counts as no step.
        let _ = tokio::task::spawn_blocking(move || looked.look()).await;
        tokio::time::sleep(LOOK).await;
    }
}

impl fmt::Debug for Alive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alive").field("stuck", &self.stuck()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    const NOTHING: u64 = u64::MAX;

    /// A part whose steps are told by the number that is given back.
    fn watched() -> (Alive, Arc<AtomicU64>) {
        let (alive, at) = (Alive::default(), Arc::new(AtomicU64::new(NOTHING)));
        let told = Arc::clone(&at);
        alive.watch("router", "batches to answer", PATIENCE, move || {
            Some(told.load(Ordering::SeqCst)).filter(|at| *at != NOTHING)
        });
        (alive, at)
    }

    #[tokio::test(start_paused = true)]
    async fn a_part_with_work_and_without_a_step_is_stuck_after_its_patience_and_says_so() {
        let (alive, at) = watched();
        at.store(7, Ordering::SeqCst);
        alive.look();
        tokio::time::advance(PATIENCE).await;
        alive.look();
        assert_eq!(alive.stuck(), Vec::<String>::new());
        tokio::time::advance(Duration::from_secs(1)).await;
        alive.look();
        let said =
            "router is stuck: it has batches to answer, and made no step for 301s; start this process again";
        assert_eq!(alive.stuck(), [said]);
        at.store(8, Ordering::SeqCst);
        alive.look();
        assert_eq!(alive.stuck(), Vec::<String>::new());
    }

    #[tokio::test(start_paused = true)]
    async fn no_work_and_slow_work_are_alive_for_ever() {
        let (alive, at) = watched();
        for day in 0..10 {
            for number in [NOTHING, day] {
                at.store(number, Ordering::SeqCst);
                alive.look();
                tokio::time::advance(PATIENCE).await;
                assert_eq!(alive.stuck(), Vec::<String>::new());
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn services_of_one_process_are_told_of_their_own_parts_and_the_process_of_all() {
        let all = Alive::default();
        let (mine, other) = (all.of("router"), all.of("shipper"));
        mine.watch("parts of one name", "work", PATIENCE, || Some(1));
        other.watch("parts of one name", "other work", PATIENCE, || None);
        all.look();
        tokio::time::advance(PATIENCE + LOOK).await;
        all.look();
        assert_eq!((mine.stuck().len(), other.stuck().len(), all.stuck().len()), (1, 0, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_does_not_come_back_is_no_step() {
        let (alive, _) = watched();
        alive.look();
        tokio::time::advance(PATIENCE + LOOK).await;
        assert_eq!(alive.stuck().len(), 1);
    }
}
