//! A log that is rotated in every way that API servers' logs are.
//!
//! What is copied from the real ones: a line is one write. Lumberjack (the API server's own): rename to
//! `audit-<time>.log`, then create; a backup is packed in the background into a file beside it that grows in sight,
//! and removed when that is whole. Logrotate: older ones are shifted by renames, `audit.log` becomes `audit.log.1`,
//! by a rename (what is written before the writer opens the new file still goes into the old one) or by a copy
//! after which the file is truncated in place. Nothing is written between copy and truncation, and no backup is
//! removed before its lines arrived, so that a reader may lose nothing.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::rotating::backups::Backups;
use crate::rotating::gate::Gate;

mod backups;
pub mod gate;
mod packing;
pub mod writer;

/// How a log is rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// Never (`--audit-log-maxsize=0`).
    Never,
    /// Renamed, then created anew.
    Lumberjack,
    /// The same, backups packed by gzip.
    LumberjackGzip,
    /// The same, backups packed by zstd.
    LumberjackZstd,
    /// Logrotate's `copytruncate`; the writer appends.
    CopyTruncate,
    /// The same; the writer keeps its offset, which leaves a hole of NULs.
    CopyTruncateHole,
    /// Logrotate's `create` with `compress` and `delaycompress`.
    Logrotate,
    /// Removed, then created anew; nothing is kept.
    DeleteRecreate,
}

impl Rotation {
    /// Whether what is removed can be read only by whoever has it open.
    #[must_use]
    pub fn removes(self) -> bool {
        self == Rotation::DeleteRecreate
    }

    fn appends(self) -> bool {
        self != Rotation::CopyTruncateHole
    }
}

/// The log and its backups.
pub struct Log {
    path: PathBuf,
    rotation: Rotation,
    file: File,
    /// Bytes of this file since it was created or truncated, without a hole.
    size: u64,
    limit: u64,
    backups: Backups,
    gate: Arc<Gate>,
}

impl Log {
    /// An empty `audit.log` in a directory that is rotated when it has so many bytes; whoever rotates passes the gate.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn new(directory: &Path, rotation: Rotation, limit: u64, gate: Arc<Gate>) -> Log {
        let path = directory.join("audit.log");
        let file = create(&path, rotation);
        let backups = Backups::new(&path, rotation, Arc::clone(&gate));
        Log { path, rotation, file, size: 0, limit, backups, gate }
    }

    /// Whether this line is to go into a new file.
    #[must_use]
    pub fn is_due(&self, line: &[u8]) -> bool {
        self.rotation != Rotation::Never && self.size > 0 && self.size + line.len() as u64 + 1 > self.limit
    }

    /// Writes a line and its newline in a single write.
    ///
    /// # Panics
    /// When it cannot.
    pub fn write(&mut self, line: &[u8]) {
        self.file.write_all(&[line, b"\n"].concat()).unwrap();
        self.size += line.len() as u64 + 1;
    }

    /// Rotates; `last` is the number of the last line that was written, every line up to `arrived` came where it was
    /// to come, and `late` are lines that are written before the writer opens a new file, where it has to open one.
    /// Gives the number of those that were.
    ///
    /// # Panics
    /// When a file cannot be moved.
    pub fn rotate(&mut self, last: u64, arrived: u64, late: &[Vec<u8>]) -> usize {
        self.backups.forget(arrived);
        let mut written = 0;
        match self.rotation {
            Rotation::Never => {}
            Rotation::Lumberjack | Rotation::LumberjackGzip | Rotation::LumberjackZstd => {
                let backup = self.backups.next_name();
                fs::rename(&self.path, &backup).unwrap();
                self.gate.pass("renamed");
                self.file = create(&self.path, self.rotation);
                self.gate.pass("created");
                self.backups.named(backup, last);
            }
            Rotation::CopyTruncate | Rotation::CopyTruncateHole => {
                let first = self.backups.shifted(last);
                copy(&self.path, &first, &self.gate);
                self.gate.pass("copied");
                self.file.set_len(0).unwrap();
                self.gate.pass("truncated");
            }
            Rotation::Logrotate => {
                let first = self.backups.shifted(last + late.len() as u64);
                fs::rename(&self.path, first).unwrap();
                self.gate.pass("renamed");
                let new = create(&self.path, self.rotation);
                self.gate.pass("created");
                late.iter().for_each(|line| self.write(line));
                written = late.len();
                self.gate.pass("written late");
                self.file = new;
                self.backups.pack_second();
            }
            Rotation::DeleteRecreate => {
                fs::remove_file(&self.path).unwrap();
                self.file = create(&self.path, self.rotation);
            }
        }
        self.size = 0;
        written
    }

    /// Waits for what is done in the background.
    pub fn finish(self) {
        self.backups.finish();
    }
}

fn create(path: &Path, rotation: Rotation) -> File {
    let mut options = OpenOptions::new();
    options.create(true);
    if rotation.appends() {
        options.append(true)
    } else {
        options.write(true)
    };
    options.open(path).unwrap()
}

/// Copies in steps, holes as holes, as logrotate does.
fn copy(from: &Path, to: &Path, gate: &Gate) {
    const STEP: usize = 64 << 10;
    let all = fs::read(from).unwrap();
    let mut copy = File::create(to).unwrap();
    let half = all.len() / STEP / 2;
    for (at, step) in all.chunks(STEP).enumerate() {
        if at == half {
            gate.pass("half copied");
        }
        if step.iter().all(|&byte| byte == 0) {
            copy.seek(SeekFrom::Current(step.len() as i64)).unwrap();
        } else {
            copy.write_all(step).unwrap();
        }
    }
    copy.set_len(all.len() as u64).unwrap();
}
