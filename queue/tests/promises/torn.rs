//! A last group of which only a part reached the disk.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use queue::{Put, Queue};

use crate::harness::{copy, open, segments};

/// What a queue holds: its records and its state.
type Held = (BTreeMap<u64, Bytes>, queue::State);

fn held(queue: &Queue) -> Held {
    let entries = queue.entries(0, usize::MAX).unwrap();
    let records = entries.iter().map(|entry| (entry.position, queue.read(entry).unwrap())).collect();
    (records, queue.scan(b"").unwrap())
}

/// A queue on which operations were done one by one.
struct History {
    root: tempfile::TempDir,
    /// After each operation: where the segment ended, and what was held.
    after: Vec<(usize, Held)>,
}

impl History {
    /// Each operation appends records of these sizes, and from the third on removes the oldest. The index is the one
    /// of the `known`-th operation, as if its later changes had not reached the disk.
    fn new(operations: &[Vec<u16>], known: usize) -> History {
        let root = tempfile::tempdir().unwrap();
        let (live, left) = (root.path().join("live"), root.path().join("left"));
        let (queue, _) = open(&live);
        let mut after = Vec::new();
        for (number, sizes) in operations.iter().enumerate() {
            let payload = |size: &u16| (Vec::new(), Bytes::from(vec![number as u8 + 1; usize::from(*size)]));
            let oldest = queue.entries(0, usize::from(number > 2)).unwrap();
            let removals = oldest.iter().map(|entry| entry.position).collect();
            let puts = vec![Put::set("checkpoint", [number as u8])];
            let ticket = queue.remove_and_append(removals, sizes.iter().map(payload).collect(), puts);
            ticket.unwrap().wait().unwrap();
            after.push((end(&live), held(&queue)));
            if number == known {
                copy(&live.join("index"), &left.join("index"));
            }
        }
        copy(&live.join("segments"), &left.join("segments"));
        History { root, after }
    }

    fn left(&self) -> PathBuf {
        self.root.path().join("left")
    }

    fn segment(&self) -> PathBuf {
        segments(&self.left())[0].clone()
    }
}

fn end(dir: &Path) -> usize {
    let bytes = fs::read(&segments(dir)[0]).unwrap();
    (bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1).next_multiple_of(8)
}

fn operations() -> impl Strategy<Value = Vec<Vec<u16>>> {
    vec(vec(prop_oneof![0..100u16, 600..3000u16], 0..4), 2..8)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn a_segment_that_ends_anywhere_behind_the_index_holds_the_operations_that_are_whole(
        operations in operations(),
        known in any::<prop::sample::Index>(),
        cut in any::<prop::sample::Index>(),
        garbage in any::<bool>(),
    ) {
        let known = known.index(operations.len());
        let history = History::new(&operations, known);
        let (first, last) = (history.after[known].0, history.after.last().unwrap().0);
        let cut = first + cut.index(last - first + 1);
        let mut bytes = fs::read(history.segment()).unwrap();
        bytes.truncate(cut);
        if garbage {
            bytes.extend_from_slice(&[0xEE; 100]);
        }
        fs::write(history.segment(), bytes).unwrap();
        let (queue, opened) = open(&history.left());
        prop_assert_eq!((opened.damaged_records, opened.renewed_id, opened.rebuilt_index), (0, false, false));
        let whole = history.after.iter().rev().find(|(end, _)| *end <= cut).unwrap();
        prop_assert_eq!(&held(&queue), &whole.1);
    }

    #[test]
    fn a_last_group_that_lacks_any_sector_is_not_there_at_all_with_or_without_the_index(
        operations in operations(),
        sector in any::<prop::sample::Index>(),
        lose_index in any::<bool>(),
    ) {
        let history = History::new(&operations, operations.len() - 2);
        let [.., (before, without), (end, with)] = &history.after[..] else { unreachable!() };
        let mut bytes = fs::read(history.segment()).unwrap();
        let at = before + sector.index(end - before);
        let (from, to) = ((at / 512 * 512).max(*before), ((at / 512 + 1) * 512).min(*end));
        let untouched = bytes[from..to].iter().all(|byte| *byte == 0);
        bytes[from..to].fill(0);
        fs::write(history.segment(), bytes).unwrap();
        if lose_index {
            fs::remove_dir_all(history.left().join("index")).unwrap();
        }
        let (queue, opened) = open(&history.left());
        prop_assert_eq!(opened.damaged_records, 0);
        prop_assert_eq!(&held(&queue), if untouched { with } else { without });
    }
}
