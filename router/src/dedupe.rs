//! Events that came before: of API servers that write the same event, of webhooks that post it again.
//!
//! Promises: off unless a window is configured, and bounded by it; an event is a repeat only of one whose batch has its
//! receipt, or of one in the same batch, so that no event is left out for another one that is lost; a batch that comes
//! again is never its own repeat, whatever its bounds; the whole line counts, so that no client can make another's
//! event a repeat by choosing its `auditID`.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use proto::{Batch, Line};
use sha2::{Digest, Sha256};

use crate::rules::Rules;

/// Of a line, and of the destinations that it went to.
type Fingerprint = [u8; 16];

/// Where a line was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Source {
    queue: u64,
    number: u64,
}

/// Lines of a batch that are no repeats.
pub(crate) type Fresh = Vec<(Fingerprint, Source)>;

/// The lines that were seen last.
#[derive(Debug)]
pub(crate) struct Window {
    most: usize,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    lines: HashMap<Fingerprint, Source>,
    /// Oldest first.
    order: VecDeque<Fingerprint>,
}

impl Window {
    /// A window of this many lines; none: nothing is ever a repeat.
    pub(crate) fn new(most: usize) -> Self {
        Window { most, seen: Mutex::default() }
    }

    /// How many lines it holds.
    pub(crate) fn most(&self) -> usize {
        self.most
    }

    /// Which lines of a batch are repeats, and what [`Window::remember`] is to be told when it has its receipt.
    pub(crate) fn look(&self, rules: &Rules, batch: &Batch, lines: &[Line]) -> (Vec<bool>, Fresh) {
        if self.most == 0 {
            return Default::default();
        }
        let (scope, queue) = (scope(rules), queue(batch));
        let mut within: HashMap<Fingerprint, Source> = HashMap::new();
        let mut fresh = Fresh::new();
        let print = |line: &Line| fingerprint(scope, &line.bytes);
        let prints: Vec<Fingerprint> = lines.iter().map(print).collect();
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let repeats = lines.iter().zip(prints).map(|(line, print)| {
            let source = Source { queue, number: line.number };
            let before = seen.lines.get(&print).or(within.get(&print));
            let repeats = before.is_some_and(|before| *before != source);
            if !repeats {
                within.insert(print, source);
                fresh.push((print, source));
            }
            repeats
        });
        (repeats.collect(), fresh)
    }

    /// These lines have their receipt.
    pub(crate) fn remember(&self, fresh: Fresh) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for (print, source) in fresh {
            if seen.lines.insert(print, source).is_none() {
                seen.order.push_back(print);
            }
            if seen.order.len() > self.most
                && let Some(oldest) = seen.order.pop_front()
            {
                seen.lines.remove(&oldest);
            }
        }
    }
}

/// A destination that was added since has not seen what others have.
fn scope(rules: &Rules) -> u64 {
    let mut hasher = DefaultHasher::new();
    rules.destinations().filter(|to| !to.retired).for_each(|to| to.name.hash(&mut hasher));
    hasher.finish()
}

fn queue(batch: &Batch) -> u64 {
    let mut hasher = DefaultHasher::new();
    (batch.origin.as_ref().map(proto::Origin::key), &batch.queue).hash(&mut hasher);
    hasher.finish()
}

fn fingerprint(scope: u64, line: &[u8]) -> Fingerprint {
    let digest = Sha256::new().chain_update(scope.to_le_bytes()).chain_update(line).finalize();
    std::array::from_fn(|at| digest[at])
}
