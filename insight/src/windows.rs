//! What adds up, by windows of five minutes.
//!
//! Law: bounded, and a function of the set of what was added: the newest windows are kept, 32 days of them; what is
//! older is summed up.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::shares::Sum;

/// The length of a window, in microseconds.
pub const WINDOW_US: i64 = 300_000_000;
/// Most windows: 32 days.
const MOST: usize = 32 * 288;

/// Values by window.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Windows<V> {
    kept: BTreeMap<u32, V>,
    older: V,
}

impl<V: Sum> Windows<V> {
    /// Adds to a window, which is numbered by [`window`].
    pub fn put(&mut self, window: u32, value: V) {
        self.with(window, |sum| sum.add(value));
    }

    /// Lets what is in a window grow.
    pub fn with(&mut self, window: u32, grow: impl FnOnce(&mut V)) {
        grow(self.kept.entry(window).or_default());
        while self.kept.len() > MOST {
            if let Some((_, value)) = self.kept.pop_first() {
                self.older.add(value);
            }
        }
    }

    /// Every kept window in the order of time.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (u32, &V)> {
        self.kept.iter().map(|(window, value)| (*window, value))
    }
}

impl<V: Sum> Sum for Windows<V> {
    fn add(&mut self, other: Windows<V>) {
        self.older.add(other.older);
        other.kept.into_iter().for_each(|(window, value)| self.put(window, value));
    }
}

/// The number of the window that a moment is in.
pub(crate) fn window(us: i64) -> u32 {
    u32::try_from(us.max(0) / WINDOW_US).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_windows_are_kept_in_any_order_of_adding() {
        let all: Vec<u32> = (0..MOST as u32 + 100).collect();
        let of = |windows: &mut dyn Iterator<Item = &u32>| {
            let mut sums = Windows::<u64>::default();
            windows.for_each(|window| sums.put(*window, 1));
            sums
        };
        let forward = of(&mut all.iter());
        assert!(forward == of(&mut all.iter().rev()) && forward.older == 100);
        let mut merged = of(&mut all[..50].iter());
        merged.add(of(&mut all[50..].iter()));
        assert!(merged == forward);
    }
}
