//! The backups of a log: named, shifted, packed, and removed when they are read.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use crate::rotating::Rotation;
use crate::rotating::gate::Gate;
use crate::rotating::packing::{pack, packed};

/// So many stay, whether they were read or not.
const KEPT: usize = 6;

pub(super) struct Backups {
    log: PathBuf,
    rotation: Rotation,
    gate: Arc<Gate>,
    made: u64,
    /// Newest first.
    all: VecDeque<Backup>,
    packer: Option<Packer>,
}

struct Backup {
    /// Under which name, where names do not shift.
    name: Option<PathBuf>,
    /// The last line in it.
    last: u64,
    /// Which one it was.
    number: u64,
}

/// Packs one backup after the other on a thread of its own.
struct Packer {
    orders: mpsc::Sender<PathBuf>,
    done: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

impl Backups {
    pub(super) fn new(log: &Path, rotation: Rotation, gate: Arc<Gate>) -> Backups {
        let packs = matches!(rotation, Rotation::LumberjackGzip | Rotation::LumberjackZstd);
        let packer = packs.then(|| Packer::new(rotation, Arc::clone(&gate)));
        Backups { log: log.to_path_buf(), rotation, gate, made: 0, all: VecDeque::new(), packer }
    }

    /// The name of the next backup; names rise.
    pub(super) fn next_name(&self) -> PathBuf {
        let (second, milli) = (self.made / 7, 123 + self.made % 7);
        let (hour, minute) = (second / 3600, second / 60 % 60);
        self.log.with_file_name(format!(
            "audit-2026-11-23T{hour:02}-{minute:02}-{:02}.{milli:03}.log",
            second % 60
        ))
    }

    /// There is one under a name that stays; it is packed, where backups are.
    pub(super) fn named(&mut self, name: PathBuf, last: u64) {
        if let Some(packer) = &self.packer {
            packer.orders.send(name.clone()).unwrap();
        }
        self.made += 1;
        self.all.push_front(Backup { name: Some(name), last, number: self.made });
    }

    /// Makes room for `audit.log.1`, the path of which it gives.
    pub(super) fn shifted(&mut self, last: u64) -> PathBuf {
        for at in (0..self.all.len()).rev() {
            for end in ["", ".gz"] {
                let from = self.numbered(at + 1, end);
                if from.exists() {
                    fs::rename(from, self.numbered(at + 2, end)).unwrap();
                    self.gate.pass("shifted");
                }
            }
        }
        self.made += 1;
        self.all.push_front(Backup { name: None, last, number: self.made });
        self.numbered(1, "")
    }

    /// Packs `audit.log.2`, where it is and is not packed yet.
    pub(super) fn pack_second(&self) {
        let second = self.numbered(2, "");
        if second.exists() {
            pack(&second, self.rotation, &self.gate);
        }
    }

    /// Removes the oldest ones whose lines all arrived.
    pub(super) fn forget(&mut self, arrived: u64) {
        let packed_upto = self.packer.as_ref().map_or(u64::MAX, |packer| packer.done.load(Ordering::Acquire));
        while self.all.len() > KEPT
            && let Some(oldest) = self.all.back()
            && oldest.last < arrived
            && oldest.number <= packed_upto
        {
            let plain = oldest.name.clone().unwrap_or_else(|| self.numbered(self.all.len(), ""));
            for path in [packed(&plain, self.rotation), plain] {
                if path.exists() {
                    fs::remove_file(path).unwrap();
                }
            }
            self.all.pop_back();
        }
    }

    pub(super) fn finish(self) {
        if let Some(packer) = self.packer {
            drop(packer.orders);
            packer.thread.join().unwrap();
        }
    }

    fn numbered(&self, number: usize, end: &str) -> PathBuf {
        self.log.with_file_name(format!("audit.log.{number}{end}"))
    }
}

impl Packer {
    fn new(rotation: Rotation, gate: Arc<Gate>) -> Packer {
        let (orders, ordered) = mpsc::channel::<PathBuf>();
        let done = Arc::new(AtomicU64::new(0));
        let counts = Arc::clone(&done);
        let thread = std::thread::spawn(move || {
            for plain in ordered {
                pack(&plain, rotation, &gate);
                counts.fetch_add(1, Ordering::Release);
            }
        });
        Packer { orders, done, thread }
    }
}
