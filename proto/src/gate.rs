//! A stage that can be closed for new batches.
//!
//! Promise: once it is closed, no batch gets in that was not inside before; what is inside is counted until it is out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

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
}

/// A batch that is inside.
struct Pass(Arc<Inside>, u64);

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

    /// Counted first: whoever sees it closed and nobody inside knows that nobody will be.
    fn enter(&self, batch: &Batch) -> Result<Pass, Refusal> {
        let pass = Pass(Arc::clone(&self.0), u64::from(batch.events));
        self.0.batches.fetch_add(1, Ordering::SeqCst);
        self.0.events.fetch_add(pass.1, Ordering::SeqCst);
        if self.is_closed() {
            let why = "it drains and takes no new batches".to_owned();
            return Err(Refusal::Unavailable { why });
        }
        Ok(pass)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.0.batches.fetch_sub(1, Ordering::SeqCst);
        self.0.events.fetch_sub(self.1, Ordering::SeqCst);
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
        gate.close(true);
        let refused = slow.clone().oneshot(batch.clone()).await.unwrap_err();
        assert!(matches!(refused, Refusal::Unavailable { .. }), "{refused}");
        assert_eq!(gate.inside(), (1, 3));
        go_on.notify_one();
        inside.await.unwrap().unwrap();
        assert_eq!(gate.inside(), (0, 0));
        gate.close(false);
        go_on.notify_one();
        slow.oneshot(batch).await.unwrap();
    }
}
