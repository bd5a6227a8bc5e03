//! Which bodies were taken lately, so that one that the API server posts again is recognised.
//!
//! Promises: a body is known by the SHA-256 of all its bytes, never by what it says of itself; what is known is
//! committed together with the lines of the body, so that it is known after a crash exactly when they are there; the
//! newest so many are kept, the oldest goes first.

use std::collections::{HashMap, HashSet};

use queue::{Put, Queue};
use sha2::{Digest, Sha256};

const PREFIX: &str = "webhook/taken/";
/// Bodies that are known at the most; at ten bodies a second, the last quarter of an hour.
const MOST: u64 = 8192;
/// Fewest.
const LEAST: u64 = 64;
/// Bytes that the queue may hold for each known body, so that small queues are not full of them.
const QUEUE_BYTES_EACH: u64 = 16 << 10;

/// The SHA-256 of a body.
pub(super) type Hash = [u8; 32];

/// The hash of `body`.
pub(super) fn hash(body: &[u8]) -> Hash {
    Sha256::digest(body).into()
}

/// The bodies that were taken lately. A copy that is changed and thrown away leaves no trace.
#[derive(Debug)]
pub(super) struct Window {
    known: HashSet<Hash>,
    /// By place; a place is used again after `most` bodies.
    places: HashMap<u64, Hash>,
    /// How many were ever taken.
    taken: u64,
    most: u64,
}

impl Window {
    /// Reads what the queue's state knows; `limit`: the most bytes that the queue may hold. Blocking.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn load(queue: &Queue, limit: u64) -> Result<Window, String> {
        let most = (limit / QUEUE_BYTES_EACH).clamp(LEAST, MOST);
        let mut found = Vec::new();
        for (_, value) in queue.scan(PREFIX.as_bytes()).map_err(|error| error.to_string())? {
            let (number, hash) = value.split_at_checked(8).unwrap_or_default();
            match (number.try_into().map(u64::from_le_bytes), hash.try_into()) {
                (Ok(number), Ok(hash)) => found.push((number, hash)),
                _ => return Err("what is known of the webhook's bodies has another format".to_owned()),
            }
        }
        found.sort_unstable();
        let taken = found.last().map_or(0, |(number, _)| number + 1);
        let mut window = Window { known: HashSet::new(), places: HashMap::new(), taken, most };
        // The bound may have changed since: a later body at the same place stands for the newer one.
        for (number, hash) in found.into_iter().filter(|(number, _)| number + most >= taken) {
            window.set(number, hash);
        }
        Ok(window)
    }

    /// Whether this body was taken.
    pub(super) fn has(&self, hash: &Hash) -> bool {
        self.known.contains(hash)
    }

    /// What makes these bodies known, in this order, behind those that are known already.
    pub(super) fn puts<'a>(&self, hashes: impl Iterator<Item = &'a Hash>) -> Vec<Put> {
        let numbered = (self.taken..).zip(hashes);
        let put = |(number, hash): (u64, &Hash)| {
            Put::set(format!("{PREFIX}{:06}", number % self.most), [&number.to_le_bytes()[..], hash].concat())
        };
        numbered.map(put).collect()
    }

    /// A body is durable.
    pub(super) fn add(&mut self, hash: Hash) {
        self.set(self.taken, hash);
        self.taken += 1;
    }

    fn set(&mut self, number: u64, hash: Hash) {
        if let Some(older) = self.places.insert(number % self.most, hash) {
            self.known.remove(&older);
        }
        self.known.insert(hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(dir: &std::path::Path) -> Queue {
        let options = queue::Options { max_bytes: 1 << 20, ..queue::Options::default() };
        Queue::open(dir, options).unwrap().0
    }

    #[test]
    fn the_newest_bodies_are_known_after_a_restart_and_the_oldest_go_first() {
        let dir = tempfile::tempdir().unwrap();
        let queue = open(dir.path());
        let hashes: Vec<Hash> = (0..LEAST + 10).map(|number| hash(&number.to_le_bytes())).collect();
        let mut window = Window::load(&queue, 1 << 20).unwrap();
        for hash in &hashes {
            assert!(!window.has(hash));
            queue.commit(window.puts([hash].into_iter())).unwrap().wait().unwrap();
            window.add(*hash);
            assert!(window.has(hash));
        }
        drop(queue);
        let again = Window::load(&open(dir.path()), 1 << 20).unwrap();
        for window in [&window, &again] {
            assert!(hashes[..10].iter().all(|hash| !window.has(hash)));
            assert!(hashes[10..].iter().all(|hash| window.has(hash)));
            assert_eq!(window.taken, LEAST + 10);
        }
    }
}
