//! The bytes of batches that are here without an answer, bounded.
//!
//! Promise: at most the configured number of bytes is held; a batch beyond that is refused as busy and comes
//! again. A batch that is larger than the bound passes alone, since splitting would not help a single line.

use std::sync::Arc;

use proto::{Batch, Refusal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Permits stand for this many bytes, so that a size always fits their 32 bits.
const UNIT: usize = 1024;

/// What may still be held.
#[derive(Debug)]
pub(crate) struct Held {
    room: Arc<Semaphore>,
    most: usize,
}

impl Held {
    pub(crate) fn new(most_bytes: usize) -> Self {
        let most = (most_bytes / UNIT).clamp(1, u32::MAX as usize >> 1);
        Held { room: Arc::new(Semaphore::new(most)), most }
    }

    /// Room for `batch`, until the answer is dropped.
    ///
    /// # Errors
    /// [`Refusal::Busy`] when there is none.
    pub(crate) fn take(&self, batch: &Batch) -> Result<OwnedSemaphorePermit, Refusal> {
        let units = (batch.block.len() / UNIT + 1).min(self.most) as u32;
        self.room.clone().try_acquire_many_owned(units).map_err(|_| Refusal::Busy {
            why: "the router holds as many batches as `router.max_held` allows".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: usize) -> Batch {
        Batch { block: vec![b'x'; bytes].into(), ..Batch::default() }
    }

    #[test]
    fn a_batch_beyond_the_bound_is_busy_until_an_answer_makes_room() {
        let held = Held::new(10 * UNIT);
        let first = held.take(&of(6 * UNIT)).unwrap();
        assert!(matches!(held.take(&of(6 * UNIT)), Err(Refusal::Busy { .. })));
        drop(first);
        drop(held.take(&of(6 * UNIT)).unwrap());
    }

    #[test]
    fn a_batch_larger_than_the_bound_passes_alone() {
        let held = Held::new(10 * UNIT);
        let large = held.take(&of(1 << 20)).unwrap();
        assert!(held.take(&of(0)).is_err());
        drop(large);
        drop(held.take(&of(0)).unwrap());
    }
}
