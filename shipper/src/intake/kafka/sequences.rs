//! Where each partition stands, so that a broker recognises what comes again.
//!
//! Invariant: no two bodies ever have the same producer and sequence, unless it is certain that the first was not
//! appended. A body without a certain answer is in doubt: it comes again under the same sequence, and where another
//! has to go before it, a new producer begins, whose sequences mean nothing for what was before.

use std::collections::BTreeMap;

use super::record_batch::Seal;
use crate::record::Header;

/// The producer, and how far its sequences are.
#[derive(Debug, Default)]
pub(super) struct Sequences {
    producer: Option<(i64, i16)>,
    partitions: BTreeMap<i32, Place>,
}

#[derive(Debug, Default)]
struct Place {
    next: i32,
    doubt: Option<Doubt>,
}

/// A body that may have been appended.
#[derive(Debug)]
struct Doubt {
    body: Header,
    sent: u32,
}

impl Sequences {
    /// The partition that may have a body already.
    pub(super) fn partition_of(&self, body: &Header) -> Option<i32> {
        let doubtful = |place: &Place| place.doubt.as_ref().is_some_and(|doubt| doubt.body == *body);
        self.partitions.iter().find(|(_, place)| doubtful(place)).map(|(&partition, _)| partition)
    }

    /// Whether a new producer has to begin before a body may go to a partition.
    pub(super) fn needs_producer(&self, partition: i32, body: &Header) -> bool {
        let place = self.partitions.get(&partition);
        let doubt = place.and_then(|place| place.doubt.as_ref());
        self.producer.is_none() || doubt.is_some_and(|doubt| doubt.body != *body)
    }

    /// A new producer; all begins at 0.
    pub(super) fn begin(&mut self, producer: i64, epoch: i16) {
        *self = Sequences { producer: Some((producer, epoch)), partitions: BTreeMap::new() };
    }

    /// The producer is of no use any more.
    pub(super) fn forget(&mut self) {
        *self = Sequences::default();
    }

    /// What a body is sent under; from now on it is in doubt. None when a producer has to begin first.
    pub(super) fn seal(&mut self, partition: i32, body: &Header) -> Option<Seal> {
        if self.needs_producer(partition, body) {
            return None;
        }
        let (producer, epoch) = self.producer?;
        let place = self.partitions.entry(partition).or_default();
        let doubt = place.doubt.get_or_insert_with(|| Doubt { body: body.clone(), sent: 0 });
        doubt.sent += 1;
        Some(Seal { producer, epoch, sequence: place.next })
    }

    /// The body in doubt was appended, with so many records.
    pub(super) fn appended(&mut self, partition: i32, records: u32) {
        let place = self.partitions.entry(partition).or_default();
        place.doubt = None;
        // After the greatest number comes 0.
        place.next = place.next.wrapping_add(records.cast_signed()) & i32::MAX;
    }

    /// The body in doubt was refused, and does not come again as it was. Its sequence is free when it was sent once;
    /// otherwise nobody knows what became of it the first time.
    pub(super) fn refused(&mut self, partition: i32) {
        let place = self.partitions.entry(partition).or_default();
        if place.doubt.take().is_some_and(|doubt| doubt.sent > 1) {
            self.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Listed;
    use crate::record::{Kind, Record};

    fn body(first: u64) -> Header {
        let line = |number| Listed { number, read_bytes: 100, shrunk: false, replaced: false };
        Record::new(Kind::Body, &[line(first), line(first + 9)], 9, 0, |_| Ok(())).unwrap().header
    }

    fn begun() -> Sequences {
        let mut sequences = Sequences::default();
        assert!(sequences.needs_producer(0, &body(1)) && sequences.seal(0, &body(1)).is_none());
        sequences.begin(7, 0);
        sequences
    }

    fn sequence(sequences: &mut Sequences, partition: i32, first: u64) -> Option<i32> {
        sequences.seal(partition, &body(first)).map(|seal| seal.sequence)
    }

    #[test]
    fn a_body_without_an_answer_comes_again_under_its_sequence_and_to_its_partition() {
        let mut sequences = begun();
        assert_eq!(sequence(&mut sequences, 3, 1), Some(0));
        assert_eq!(sequences.partition_of(&body(1)), Some(3));
        assert_eq!(sequence(&mut sequences, 3, 1), Some(0));
        sequences.appended(3, 10);
        assert_eq!((sequences.partition_of(&body(1)), sequence(&mut sequences, 3, 11)), (None, Some(10)));
        assert_eq!(sequence(&mut sequences, 4, 21), Some(0), "each partition counts for itself");
    }

    #[test]
    fn another_body_never_takes_the_sequence_of_one_in_doubt() {
        let mut sequences = begun();
        sequence(&mut sequences, 0, 1);
        assert!(sequences.needs_producer(0, &body(11)) && sequence(&mut sequences, 0, 11).is_none());
        assert!(!sequences.needs_producer(1, &body(11)));
        sequences.begin(8, 0);
        assert_eq!(sequence(&mut sequences, 0, 11), Some(0));
    }

    #[test]
    fn what_was_refused_frees_its_sequence_only_when_it_was_sent_once() {
        let mut sequences = begun();
        sequence(&mut sequences, 0, 1);
        sequences.refused(0);
        assert_eq!(sequence(&mut sequences, 0, 2), Some(0));
        sequence(&mut sequences, 0, 2);
        sequences.refused(0);
        assert!(sequences.needs_producer(0, &body(3)));
    }

    #[test]
    fn sequences_begin_again_at_0_behind_the_greatest() {
        let mut sequences = begun();
        sequence(&mut sequences, 0, 1);
        sequences.appended(0, i32::MAX.unsigned_abs() - 4);
        assert_eq!(sequence(&mut sequences, 0, 11), Some(i32::MAX - 4));
        sequences.appended(0, 10);
        assert_eq!(sequence(&mut sequences, 0, 21), Some(5));
    }
}
