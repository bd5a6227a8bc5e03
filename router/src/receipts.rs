//! Which destinations gave a receipt for a batch, so that none is sent to again when the batch comes again.
//!
//! Promise: bounded: of the identities seen last, [`MOST`] are remembered. What is forgotten costs one repeated
//! push, which the shipper recognises.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use proto::Batch;

/// How many batches are remembered.
pub(crate) const MOST: usize = 4096;

/// What a batch is, whatever its contents: the same when it is sent again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    origin: String,
    queue: Vec<u8>,
    first: u64,
    last: u64,
}

impl Identity {
    pub(crate) fn of(batch: &Batch) -> Self {
        Identity {
            origin: batch.origin.as_ref().map(proto::Origin::key).unwrap_or_default(),
            queue: batch.queue.clone(),
            first: batch.first,
            last: batch.last,
        }
    }
}

/// The memory.
#[derive(Debug, Default)]
pub(crate) struct Receipts(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    given: HashMap<Arc<Identity>, Vec<Arc<str>>>,
    /// Oldest first.
    order: VecDeque<Arc<Identity>>,
}

impl Receipts {
    /// Names of the destinations that gave a receipt for this batch.
    pub(crate) fn given(&self, identity: &Identity) -> Vec<Arc<str>> {
        let memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        memory.given.get(identity).cloned().unwrap_or_default()
    }

    /// `destination` gave its receipt for this batch.
    pub(crate) fn remember(&self, identity: &Identity, destination: &Arc<str>) {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(given) = memory.given.get_mut(identity) {
            if !given.contains(destination) {
                given.push(destination.clone());
            }
            return;
        }
        while memory.order.len() >= MOST {
            if let Some(oldest) = memory.order.pop_front() {
                memory.given.remove(&oldest);
            }
        }
        let identity = Arc::new(identity.clone());
        memory.order.push_back(identity.clone());
        memory.given.insert(identity, vec![destination.clone()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(first: u64) -> Identity {
        Identity::of(&Batch { queue: vec![1; 16], first, last: first + 9, ..Batch::default() })
    }

    #[test]
    fn a_destination_is_remembered_for_its_batch_alone() {
        let (receipts, lake) = (Receipts::default(), Arc::from("lake"));
        receipts.remember(&batch(1), &lake);
        receipts.remember(&batch(1), &lake);
        assert_eq!(receipts.given(&batch(1)), [lake]);
        assert!(receipts.given(&batch(11)).is_empty());
    }

    #[test]
    fn the_oldest_batch_is_forgotten_first_and_no_more_are_kept_than_the_bound() {
        let (receipts, lake) = (Receipts::default(), Arc::from("lake"));
        (0..=MOST as u64).for_each(|first| receipts.remember(&batch(first), &lake));
        assert!(receipts.given(&batch(0)).is_empty());
        assert_eq!(receipts.given(&batch(1)), [lake]);
        assert_eq!(receipts.0.lock().unwrap().given.len(), MOST);
    }
}
