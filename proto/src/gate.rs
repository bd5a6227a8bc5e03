//! A stage that can be closed for new batches.
//!
//! Promise: once it is closed, no batch gets in that was not inside before; what is inside is counted until it is out.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tower::ServiceExt;

use crate::{Batch, Refusal, Stage, stage};

/// See the module; clones are the same gate.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<Inside>);

#[derive(Debug, Default)]
struct Inside {
    closed: AtomicBool,
    events: AtomicU64,
    batches: AtomicU64,
    order: Mutex<Order>,
}

/// Who is inside, by the order of coming.
#[derive(Debug, Default)]
struct Order {
    next: u64,
    inside: BTreeSet<u64>,
}

/// A batch that is inside.
struct Pass {
    inside: Arc<Inside>,
    events: u64,
    nth: u64,
}

impl Gate {
    /// The stage behind this gate.
    pub fn before(&self, behind: Stage) -> Stage {
        let gate = self.clone();
        stage(move |batch| {
            let (gate, behind) = (gate.clone(), behind.clone());
            async move {
                let _inside = gate.enter(&batch)?;
                behind.oneshot(batch).await
            }
        })
    }

    /// Lets no batch in any more, or again.
    pub fn close(&self, closed: bool) {
        self.0.closed.store(closed, Ordering::SeqCst);
    }

    /// Whether no batch is let in.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.closed.load(Ordering::SeqCst)
    }

    /// Batches that are inside, and their events.
    #[must_use]
    pub fn inside(&self) -> (u64, u64) {
        (self.0.batches.load(Ordering::SeqCst), self.0.events.load(Ordering::SeqCst))
    }

    /// Which batch of all is longest inside; none when none is. Another number says that the one from before is out.
    #[must_use]
    pub fn longest_inside(&self) -> Option<u64> {
        self.0.order().inside.first().copied()
    }

    /// Counted first: whoever sees it closed and nobody inside knows that nobody will be.
    fn enter(&self, batch: &Batch) -> Result<Pass, Refusal> {
        let (events, nth) = (u64::from(batch.events), self.0.order().comes());
        let pass = Pass { inside: Arc::clone(&self.0), events, nth };
        self.0.batches.fetch_add(1, Ordering::SeqCst);
        self.0.events.fetch_add(events, Ordering::SeqCst);
        if self.is_closed() {
            let why = "it drains and takes no new batches".to_owned();
            return Err(Refusal::Unavailable { why });
        }
        Ok(pass)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.inside.batches.fetch_sub(1, Ordering::SeqCst);
        self.inside.events.fetch_sub(self.events, Ordering::SeqCst);
        self.inside.order().inside.remove(&self.nth);
    }
}

impl Inside {
    fn order(&self) -> MutexGuard<'_, Order> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Order {
    fn comes(&mut self) -> u64 {
        let nth = self.next;
        self.next += 1;
        self.inside.insert(nth);
        nth
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_closed_gate_lets_nobody_in_and_counts_who_is_inside_until_he_is_out() {
        let gate = Gate::default();
        let go_on = Arc::new(tokio::sync::Notify::new());
        let waits = Arc::clone(&go_on);
        let slow = gate.before(stage(move |batch: Batch| {
            let waits = Arc::clone(&waits);
            async move {
                waits.notified().await;
                Ok(batch.receipt())
            }
        }));
        let batch = Batch { events: 3, ..Batch::default() };
        let inside = tokio::spawn(slow.clone().oneshot(batch.clone()));
        while gate.inside() != (1, 3) {
            tokio::task::yield_now().await;
        }
        assert_eq!(gate.longest_inside(), Some(0));
        gate.close(true);
        let refused = slow.clone().oneshot(batch.clone()).await.unwrap_err();
        assert!(matches!(refused, Refusal::Unavailable { .. }), "{refused}");
        assert_eq!(gate.inside(), (1, 3));
        go_on.notify_one();
        inside.await.unwrap().unwrap();
        assert_eq!((gate.inside(), gate.longest_inside()), ((0, 0), None));
        gate.close(false);
        go_on.notify_one();
        slow.oneshot(batch).await.unwrap();
    }
}
