//! The queue against a plain deque and a map, through appends, removals, state changes, clean reopenings, crashes and
//! lost indexes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use queue::{Opened, Put, Queue};

use crate::harness::{copy, small};

#[derive(Debug, Clone)]
enum Step {
    /// Records of these sizes, and state.
    Append(Vec<u16>, u8),
    /// Removes the n-th, and those behind it.
    Remove(usize, usize, u8),
    /// Replaces the n-th by records of these sizes.
    Replace(usize, Vec<u16>),
    State(u8, Option<u16>),
    Reopen,
    /// What a crash leaves is what the disk has: the directory is copied while the queue is open.
    Crash,
    LoseIndex,
}

fn step() -> impl Strategy<Value = Step> {
    let sizes = || vec(prop_oneof![0..200u16, 2000..30_000u16], 1..4);
    prop_oneof![
        8 => (sizes(), any::<u8>()).prop_map(|(sizes, key)| Step::Append(sizes, key)),
        6 => (any::<usize>(), 1..4usize, any::<u8>()).prop_map(|(at, count, key)| Step::Remove(at, count, key)),
        2 => (any::<usize>(), sizes()).prop_map(|(at, sizes)| Step::Replace(at, sizes)),
        3 => (any::<u8>(), proptest::option::of(any::<u16>())).prop_map(|(key, value)| Step::State(key, value)),
        1 => Just(Step::Reopen),
        1 => Just(Step::Crash),
        1 => Just(Step::LoseIndex),
    ]
}

struct Model {
    root: tempfile::TempDir,
    lives: usize,
    queue: Option<Queue>,
    id: [u8; 16],
    records: BTreeMap<u64, (Vec<u8>, Bytes)>,
    state: BTreeMap<Vec<u8>, Vec<u8>>,
    next: u64,
    counter: u64,
}

impl Model {
    fn new() -> Model {
        let root = tempfile::tempdir().unwrap();
        let (queue, opened) = Queue::open(&root.path().join("0"), small()).unwrap();
        assert!(opened.fresh);
        let id = queue.id();
        let (records, state) = (BTreeMap::new(), BTreeMap::new());
        Model { root, lives: 0, queue: Some(queue), id, records, state, next: 1, counter: 0 }
    }

    fn dir(&self) -> PathBuf {
        self.root.path().join(self.lives.to_string())
    }

    fn queue(&self) -> &Queue {
        self.queue.as_ref().unwrap()
    }

    fn put(&mut self, key: u8, value: Option<u16>) -> Vec<Put> {
        let (key, value) = (vec![key % 16], value.map(|value| value.to_le_bytes().to_vec()));
        match &value {
            Some(value) => self.state.insert(key.clone(), value.clone()),
            None => self.state.remove(&key),
        };
        vec![Put { key, value }]
    }

    fn made(&mut self, sizes: Vec<u16>) -> Vec<(Vec<u8>, Bytes)> {
        let make = |size: u16| {
            self.counter += 1;
            let header = format!("header {}", self.counter).into_bytes();
            (header, Bytes::from(vec![self.counter as u8; usize::from(size)]))
        };
        sizes.into_iter().map(make).collect()
    }

    fn nth(&self, at: usize) -> usize {
        if self.records.is_empty() { 0 } else { at % self.records.len() }
    }

    fn apply(&mut self, step: Step) {
        match step {
            Step::Append(sizes, key) => {
                let records = self.made(sizes);
                let puts = self.put(key, Some(self.counter as u16));
                let range = self.queue().append_many(records.clone(), puts).unwrap().wait().unwrap();
                self.added(range, records);
            }
            Step::Remove(at, count, key) => {
                let mut gone: Vec<u64> =
                    self.records.keys().copied().skip(self.nth(at)).take(count).collect();
                gone.reverse();
                gone.push(9_999_999);
                let puts = self.put(key, None);
                self.queue().remove(gone.clone(), puts).unwrap().wait().unwrap();
                self.records.retain(|position, _| !gone.contains(position));
            }
            Step::Replace(at, sizes) => {
                let gone: Vec<u64> = self.records.keys().copied().skip(self.nth(at)).take(1).collect();
                let records = self.made(sizes);
                let ticket = self.queue().remove_and_append(gone.clone(), records.clone(), Vec::new());
                let range = ticket.unwrap().wait().unwrap();
                self.records.retain(|position, _| !gone.contains(position));
                self.added(range, records);
            }
            Step::State(key, value) => {
                let puts = self.put(key, value);
                self.queue().commit(puts).unwrap().wait().unwrap();
            }
            Step::Reopen => {
                self.queue.take().unwrap().close().unwrap();
                let opened = self.open();
                assert!(opened.clean, "{opened:?}");
            }
            Step::Crash => {
                self.crash();
                let opened = self.open();
                assert!(!opened.clean && !opened.rebuilt_index, "{opened:?}");
            }
            Step::LoseIndex => {
                self.crash();
                std::fs::remove_dir_all(self.dir().join("index")).unwrap();
                let opened = self.open();
                assert!(opened.rebuilt_index, "{opened:?}");
            }
        }
    }

    fn added(&mut self, range: std::ops::Range<u64>, records: Vec<(Vec<u8>, Bytes)>) {
        assert_eq!(range, self.next..self.next + records.len() as u64);
        self.next = range.end;
        self.records.extend(range.zip(records));
    }

    fn crash(&mut self) {
        let before = self.dir();
        self.lives += 1;
        copy(&before, &self.dir());
        drop(self.queue.take());
    }

    fn open(&mut self) -> Opened {
        let (queue, opened) = Queue::open(&self.dir(), small()).unwrap();
        assert_eq!(
            (opened.damaged_records, opened.renewed_id, opened.fresh),
            (0, false, false),
            "{opened:?}"
        );
        self.queue = Some(queue);
        opened
    }

    fn check(&self) {
        let queue = self.queue();
        assert_eq!(queue.id(), self.id);
        let entries = queue.entries(0, usize::MAX).unwrap();
        let positions: Vec<u64> = entries.iter().map(|entry| entry.position).collect();
        assert_eq!(positions, self.records.keys().copied().collect::<Vec<_>>());
        for entry in &entries {
            let (header, payload) = &self.records[&entry.position];
            assert_eq!((&entry.header, entry.bytes as usize), (header, payload.len()));
            assert_eq!(&queue.read(entry).unwrap(), payload);
        }
        let state: Vec<_> = self.state.clone().into_iter().collect();
        assert_eq!(queue.scan(b"").unwrap(), state);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_to_a_queue_it_holds_what_a_deque_and_a_map_would_hold(steps in vec(step(), 1..50)) {
        let mut model = Model::new();
        for step in steps {
            model.apply(step);
            model.check();
        }
        model.apply(Step::Crash);
        model.check();
        model.apply(Step::LoseIndex);
        model.check();
    }
}
