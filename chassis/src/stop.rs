//! The wish to end: asked once, seen by all, never taken back.
//!
//! Promise: whoever holds a clone sees the wish, also when it was expressed before they began to wait; and what
//! is not finished when the grace ends can be named.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// A handle on the wish to end; clones share it.
#[derive(Clone, Default)]
pub struct Stop {
    /// The process says that it will end, and still does all its work.
    leaving: CancellationToken,
    /// For how long.
    linger: Arc<Mutex<Duration>>,
    token: CancellationToken,
    remains: Arc<Mutex<Vec<Remains>>>,
}

type Remains = Box<dyn Fn() -> Option<String> + Send>;

impl Stop {
    /// A new handle; nobody has asked to end yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Says that the end is near: whoever chooses between replicas should choose others from now on. The wish itself
    /// follows after [`Stop::linger`].
    pub fn leave(&self) {
        self.leaving.cancel();
    }

    /// Waits until the end is near, or asked for.
    pub async fn left(&self) {
        tokio::select! {
            () = self.leaving.cancelled() => {}
            () = self.token.cancelled() => {}
        }
    }

    /// Sets how long the process goes on as before when it is asked to end, so that others can see that it will.
    pub fn linger_for(&self, time: Duration) {
        *self.linger.lock().unwrap_or_else(PoisonError::into_inner) = time;
    }

    /// How long it goes on.
    #[must_use]
    pub fn linger(&self) -> Duration {
        *self.linger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks everybody who holds a clone to end: take nothing new, finish what was begun.
    pub fn request(&self) {
        self.token.cancel();
    }

    /// Whether somebody has asked to end.
    #[must_use]
    pub fn requested(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Waits until somebody asks to end. Dropping the future loses nothing.
    pub async fn wait(&self) {
        self.token.cancelled().await;
    }

    /// A part that ends with the whole, and can be ended alone.
    #[must_use]
    pub fn part(&self) -> Self {
        Self { token: self.token.child_token(), ..self.clone() }
    }

    /// The token below, for what asks for one.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Registers who can say what is unfinished (`None` when all is done); asked when the grace has ended.
    /// To be called once for each part of the process, not for each piece of work.
    pub fn say_what_remains(&self, say: impl Fn() -> Option<String> + Send + 'static) {
        self.remains.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(say));
    }

    /// What is unfinished now, one line for each part that has something left.
    #[must_use]
    pub fn what_remains(&self) -> Vec<String> {
        let remains = self.remains.lock().unwrap_or_else(PoisonError::into_inner);
        remains.iter().filter_map(|say| say()).collect()
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stop").field("requested", &self.requested()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wish_expressed_before_the_wait_is_seen() {
        let stop = Stop::new();
        let clone = stop.clone();
        stop.request();
        clone.wait().await;
        assert!(clone.requested());
    }

    #[tokio::test(start_paused = true)]
    async fn that_the_end_is_near_is_known_before_it_is_asked_for() {
        let (stop, clone) = (Stop::new(), Stop::new());
        stop.linger_for(Duration::from_secs(3));
        stop.leave();
        stop.left().await;
        assert!(!stop.requested() && stop.clone().linger() == Duration::from_secs(3));
        clone.request();
        clone.left().await;
    }

    #[test]
    fn a_part_ends_with_the_whole_and_the_whole_outlives_a_part() {
        let whole = Stop::new();
        let (first, second) = (whole.part(), whole.part());
        first.request();
        assert!(first.requested() && !whole.requested() && !second.requested());
        whole.request();
        assert!(second.requested());
    }

    #[test]
    fn what_remains_is_named_by_its_parts() {
        let stop = Stop::new();
        stop.part().say_what_remains(|| Some("3 batches wait for a receipt".to_owned()));
        stop.say_what_remains(|| None);
        assert_eq!(stop.what_remains(), ["3 batches wait for a receipt"]);
    }
}
