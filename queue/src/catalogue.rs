//! Which segments there are, and how much of each is still queued.
//!
//! Invariant: live counts are those of the durable index. Segments leave strictly oldest first, so that a removal's
//! mark never goes before the record it removed.

use std::collections::BTreeMap;

use crate::changes::Delta;

/// One segment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Fill {
    /// Up to where it was written.
    pub(crate) written: u64,
    /// Length of its file.
    pub(crate) allocated: u64,
    /// Records that are still queued.
    pub(crate) records: u64,
    /// Their bytes.
    pub(crate) live: u64,
    /// Lowest and highest position that it ever had.
    pub(crate) span: Option<(u64, u64)>,
}

/// All segments, by number.
#[derive(Debug, Default)]
pub(crate) struct Catalogue(BTreeMap<u64, Fill>);

impl Catalogue {
    pub(crate) fn set_size(&mut self, segment: u64, written: u64, allocated: u64) {
        let fill = self.0.entry(segment).or_default();
        (fill.written, fill.allocated) = (written, allocated);
    }

    pub(crate) fn apply(&mut self, deltas: &BTreeMap<u64, Delta>) {
        for (segment, delta) in deltas {
            let Some(fill) = self.0.get_mut(segment) else { continue };
            fill.records = fill.records.saturating_add_signed(delta.records);
            fill.live = fill.live.saturating_add_signed(delta.bytes);
            fill.span = match (fill.span, delta.span) {
                (Some((low, high)), Some((lower, higher))) => Some((low.min(lower), high.max(higher))),
                (known, added) => known.or(added),
            };
        }
    }

    /// Counts what is live anew.
    pub(crate) fn recount(&mut self, deltas: &BTreeMap<u64, Delta>) {
        for fill in self.0.values_mut() {
            (fill.records, fill.live) = (0, 0);
        }
        self.apply(deltas);
    }

    /// The oldest segment, with what is in it.
    pub(crate) fn oldest(&self) -> Option<(u64, Fill)> {
        self.0.first_key_value().map(|(number, fill)| (*number, *fill))
    }

    pub(crate) fn forget(&mut self, segment: u64) {
        self.0.remove(&segment);
    }

    /// Bytes written into all segments.
    pub(crate) fn written(&self) -> u64 {
        self.0.values().map(|fill| fill.written).sum()
    }

    /// Bytes of all segment files.
    pub(crate) fn allocated(&self) -> u64 {
        self.0.values().map(|fill| fill.allocated.max(fill.written)).sum()
    }

    /// Bytes of records that are still queued.
    pub(crate) fn live(&self) -> u64 {
        self.0.values().map(|fill| fill.live).sum()
    }

    pub(crate) fn numbers(&self) -> Vec<u64> {
        self.0.keys().copied().collect()
    }

    /// Whether the oldest segment's live records should be moved forward to free the rest of it: when more than half
    /// of all bytes are dead, or more than a quarter in a queue that is nearly full.
    pub(crate) fn wants_moving(&self, limit: u64) -> bool {
        let (written, live) = (self.written(), self.live());
        let dead = written - live.min(written);
        self.0.len() > 2 && (dead > written / 2 || (written > limit / 4 * 3 && dead > written / 4))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_starts_when_half_is_dead_and_earlier_when_the_queue_is_nearly_full() {
        let mut catalogue = Catalogue::default();
        for segment in 1..=4 {
            catalogue.set_size(segment, 100, 100);
            let delta = Delta { records: 1, bytes: 70, span: Some((segment, segment)) };
            catalogue.apply(&BTreeMap::from([(segment, delta)]));
        }
        assert_eq!((catalogue.written(), catalogue.live()), (400, 280));
        assert!(!catalogue.wants_moving(1000));
        assert!(catalogue.wants_moving(500));
        let removed = Delta { records: -1, bytes: -70, span: None };
        catalogue.apply(&BTreeMap::from([(2, removed), (3, removed)]));
        assert!(catalogue.wants_moving(1000));
        assert_eq!(catalogue.oldest().unwrap().1.span, Some((1, 1)));
    }
}
