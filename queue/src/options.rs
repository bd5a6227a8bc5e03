//! How large a queue may grow and how often it commits.
//!
//! Invariant: what the rest of the crate asks for (`segment_size`, `step_size`) always fits `max_bytes`, whatever
//! was set.

use std::time::Duration;

use crate::damage::Damaged;
use crate::entry::Put;
use crate::format::Format;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// Smallest `max_bytes` that a queue can work with.
pub(crate) const SMALLEST: u64 = 512 * KIB;

/// Settings of one queue directory. They may change from one start to the next.
#[derive(Debug, Clone)]
pub struct Options {
    /// Most bytes that segment files may take before appends are refused. At least 512 KiB. Default: 2 GiB.
    /// Removals and state are written beyond it, so that a full queue can be emptied.
    pub max_bytes: u64,
    /// Size at which a new segment file is begun, in bytes; used as an eighth of `max_bytes` where that is smaller.
    /// Default: 64 MiB.
    pub segment_bytes: u64,
    /// Least distance between two commits; an idle queue commits at once. At most 100 ms. Default: 25 ms.
    pub group_interval: Duration,
    /// Memory for the index's cache, in bytes. Default: 8 MiB.
    pub cache_bytes: u64,
    /// What the state is to say of a record that was found damaged: committed before the record is given up, so that no
    /// crash in between loses the knowledge of it. Default: nothing.
    pub note: fn(&Damaged) -> Option<Put>,
    /// What the records and the state mean; a directory of a newer version is refused. Default: nobody says.
    pub format: Option<Format>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            max_bytes: 2048 * MIB,
            segment_bytes: 64 * MIB,
            group_interval: Duration::from_millis(25),
            cache_bytes: 8 * MIB,
            note: |_| None,
            format: None,
        }
    }
}

impl Options {
    /// Size at which a segment is full.
    pub(crate) fn segment_size(&self) -> u64 {
        self.segment_bytes.min(self.max_bytes / 8).max(64 * KIB)
    }

    /// How far a segment is extended with zeros ahead of its write point.
    pub(crate) fn step_size(&self) -> u64 {
        (4 * MIB).min(self.segment_size() / 4)
    }

    /// Largest operation that is accepted: half of the queue, so that it can always come to fit.
    pub(crate) fn largest_operation(&self) -> u64 {
        (256 * MIB).min(self.max_bytes / 2)
    }

    /// `group_interval`, held to its bound.
    pub(crate) fn interval(&self) -> Duration {
        self.group_interval.min(Duration::from_millis(100))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_queue_gets_small_segments_and_a_large_one_those_that_were_set() {
        let small = Options { max_bytes: MIB, ..Options::default() };
        assert_eq!(small.segment_size(), 128 * KIB);
        assert_eq!(small.step_size(), 32 * KIB);
        assert_eq!(Options::default().segment_size(), 64 * MIB);
        assert_eq!(Options::default().step_size(), 4 * MIB);
    }

    #[test]
    fn the_interval_between_commits_never_exceeds_a_tenth_of_a_second() {
        let slow = Options { group_interval: Duration::from_secs(9), ..Options::default() };
        assert_eq!(slow.interval(), Duration::from_millis(100));
    }
}
