//! The laws of reading, held against everything that may happen to a log, in any order: a source works on real files,
//! and its state is what was committed when it is made anew.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chassis::datadog::LogsEntry;
use proptest::prelude::*;
use prost::Message;
use proto::Batch;
use queue::Put;

use super::{Read, Settings, Source};
use crate::checkpoint::{FileState, SourceState};
use crate::chunk::Bounds;
use crate::config::Config;
use crate::entry::{self, Entry};
use crate::quarantine::Quarantine;

mod cases;

/// Who rotates the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rotator {
    Lumberjack,
    LogrotateCreate,
    Copytruncate,
    /// The same under a writer that goes on at its own offset: each file begins with a hole.
    CopytruncateWithHoles,
}

impl Rotator {
    fn copies(self) -> bool {
        matches!(self, Rotator::Copytruncate | Rotator::CopytruncateWithHoles)
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// So many lines are written; the first line of a file is a long one that has the same beginning everywhere.
    Write(u8),
    Rotate,
    /// A rotated file is compressed: to gzip or zstd, with the plain file left beside a half written one until later.
    Pack(u8, bool),
    /// The oldest rotated file is removed, if it is known as rotated, and all of it is read and committed.
    Remove,
    Look,
    /// So many chunks are read.
    Read(u8),
    Commit,
    /// What is not committed is forgotten.
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..40_u8).prop_map(Step::Write),
        3 => Just(Step::Rotate),
        2 => (any::<u8>(), any::<bool>()).prop_map(|(which, gzip)| Step::Pack(which, gzip)),
        1 => Just(Step::Remove),
        4 => Just(Step::Look),
        4 => (1..6_u8).prop_map(Step::Read),
        3 => Just(Step::Commit),
        2 => Just(Step::Crash),
    ];
    proptest::collection::vec(step, 1..80)
}

struct World {
    dir: tempfile::TempDir,
    rotator: Rotator,
    entry: Entry,
    source: Source,
    quarantine: Quarantine,
    /// Rotated files: path, and number of the last line in each; oldest first.
    rotated: Vec<(PathBuf, u32)>,
    rotations: u32,
    written: u32,
    /// Where the writer is.
    offset: u64,
    committed: Vec<u32>,
    read: Vec<u32>,
    durable: BTreeMap<Vec<u8>, Vec<u8>>,
    puts: Vec<Put>,
}

const HEADER: &str = "the same everywhere";

impl World {
    fn new(rotator: Rotator) -> World {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.log");
        File::create(&path).unwrap();
        let config = Config { logs: vec![LogsEntry::audit_log(&path)], ..Config::default() };
        let entry = entry::entries(&config).unwrap().0.remove(0);
        let source = made(&path, &entry, &BTreeMap::new());
        let quarantine = Quarantine::open(dir.path().join("quarantine")).unwrap();
        World {
            dir,
            rotator,
            entry,
            source,
            quarantine,
            rotated: Vec::new(),
            rotations: 0,
            written: 0,
            offset: 0,
            committed: Vec::new(),
            read: Vec::new(),
            durable: BTreeMap::new(),
            puts: Vec::new(),
        }
    }

    fn log(&self) -> PathBuf {
        self.dir.path().join("audit.log")
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Write(lines) => self.write(lines),
            Step::Rotate => self.rotate(),
            Step::Pack(which, gzip) => self.pack(which, gzip),
            Step::Remove => self.remove(),
            Step::Look => self.look(),
            Step::Read(chunks) => _ = (0..chunks).filter(|_| self.read_one()).count(),
            Step::Commit => self.commit(),
            Step::Crash => {
                (self.read, self.puts) = (self.committed.clone(), Vec::new());
                self.source = made(&self.log(), &self.entry, &self.durable);
            }
        }
    }

    fn write(&mut self, lines: u8) {
        let mut file = OpenOptions::new().append(true).open(self.log()).unwrap();
        if self.rotator == Rotator::CopytruncateWithHoles && lines > 0 {
            file.set_len(self.offset).unwrap(); // as a write behind the end does
        }
        if file.metadata().unwrap().len() == 0 && lines > 0 {
            // what is overwritten in place before any of it was read is known by its first bytes alone
            let same = if self.rotator.copies() { 3000 } else { 4500 };
            let rotation = self.rotations;
            writeln!(file, "{{\"{HEADER}\":\"{}\",\"but\":{rotation}}}", "x".repeat(same)).unwrap();
        }
        for _ in 0..lines {
            self.written += 1;
            let ending = if self.written.is_multiple_of(7) { "\r\n" } else { "\n" };
            let blank = if self.written.is_multiple_of(11) { "\n" } else { "" };
            write!(file, "{{\"line\":{}}}{ending}{blank}", self.written).unwrap();
        }
        self.offset = file.metadata().unwrap().len();
    }

    fn rotate(&mut self) {
        if std::fs::metadata(self.log()).unwrap().len() == 0 {
            return;
        }
        self.rotations += 1;
        let to = match self.rotator {
            Rotator::Lumberjack => {
                self.dir.path().join(format!("audit-2026-11-25T10-00-00.{:03}.log", self.rotations))
            }
            _ => {
                self.shift();
                self.dir.path().join("audit.log.1")
            }
        };
        if self.rotator.copies() {
            std::fs::copy(self.log(), &to).unwrap();
            OpenOptions::new().write(true).open(self.log()).unwrap().set_len(0).unwrap();
        } else {
            std::fs::rename(self.log(), &to).unwrap();
            File::create(self.log()).unwrap();
        }
        self.rotated.push((to, self.written));
    }

    /// Numbers go up, the oldest first.
    fn shift(&mut self) {
        let count = self.rotated.len();
        for (at, (path, _)) in self.rotated.iter_mut().enumerate() {
            let end = path.extension().and_then(|end| end.to_str()).filter(|end| end.parse::<u32>().is_err());
            let end = end.map_or(String::new(), |end| format!(".{end}"));
            let to = path.with_file_name(format!("audit.log.{}{end}", count - at + 1));
            std::fs::rename(&*path, &to).unwrap();
            *path = to;
        }
    }

    fn pack(&mut self, which: u8, gzip: bool) {
        let plain = |(_, (path, _)): &(usize, &(PathBuf, u32))| {
            !matches!(path.extension().and_then(|end| end.to_str()), Some("gz" | "zst"))
        };
        let plain: Vec<usize> = self.rotated.iter().enumerate().filter(plain).map(|(at, _)| at).collect();
        let Some(&at) = plain.get(which as usize % plain.len().max(1)) else { return };
        let path = &mut self.rotated[at].0;
        let bytes = std::fs::read(&*path).unwrap();
        let (end, packed) = match gzip {
            true => ("gz", gzipped(&bytes)),
            false => ("zst", zstd::encode_all(&bytes[..], 1).unwrap()),
        };
        let to = PathBuf::from(format!("{}.{end}", path.display()));
        std::fs::write(&to, &packed[..packed.len() / 2]).unwrap();
        if which.is_multiple_of(2) {
            self.source.look(&|_| false); // both are there
        }
        std::fs::write(&to, packed).unwrap();
        std::fs::remove_file(&*path).unwrap();
        *path = to;
    }

    fn remove(&mut self) {
        let files = self.durable.values().filter_map(|value| serde_json::from_slice::<FileState>(value).ok());
        let read = |file: &FileState| !file.active && !crate::tracked::Tracked::new(file.clone()).is_unread();
        let mut rotated = files.filter(read).map(|file| file.key);
        if let Some((path, last)) = self.rotated.first()
            && self.committed.last().is_some_and(|read| read >= last)
            && rotated.any(|known| known == crate::identity::FileKey::of_path(path).unwrap().0)
        {
            std::fs::remove_file(path).unwrap();
            self.rotated.remove(0);
        }
    }

    fn look(&mut self) {
        self.source.look(&|_| false);
        self.note();
    }

    /// One chunk; whether there was any.
    fn read_one(&mut self) -> bool {
        let bounds = Bounds { chunk: 100, line: 5000 };
        let settings = Settings { queue: [7; 16], bounds, canaries: Arc::default() };
        let read = self.source.read(&settings, &self.quarantine, &mut Vec::new()).unwrap();
        let any = !matches!(read, Read::Nothing);
        if let Read::Batch(batch) = read {
            let batch = Batch::decode(batch.1).unwrap();
            for line in batch.lines().unwrap() {
                let text = String::from_utf8(line.bytes.to_vec()).unwrap();
                if !text.contains(HEADER) {
                    let number = text.strip_prefix("{\"line\":").and_then(|rest| rest.strip_suffix('}'));
                    self.read.push(number.and_then(|number| number.parse().ok()).expect(&text));
                }
            }
        }
        self.note();
        any
    }

    fn note(&mut self) {
        self.puts.extend(self.source.take_puts());
        let expected: Vec<u32> = (1..=self.read.len() as u32).collect();
        assert_eq!(self.read, expected, "lines come once and in order");
        assert!(self.source.state.gaps.is_empty(), "{:?}", self.source.state.gaps);
    }

    /// The checkpoint of a file never goes back.
    fn commit(&mut self) {
        for Put { key, value } in std::mem::take(&mut self.puts) {
            let Some(value) = value else {
                self.durable.remove(&key);
                continue;
            };
            let offset = |value: &[u8]| serde_json::from_slice::<FileState>(value).map(|file| file.offset);
            if let Some(before) = self.durable.get(&key)
                && let (Ok(before), Ok(now)) = (offset(before), offset(&value))
            {
                assert!(now >= before, "{} went back from {before} to {now}", String::from_utf8_lossy(&key));
            }
            self.durable.insert(key, value);
        }
        self.committed.clone_from(&self.read);
    }

    fn read_all(&mut self) {
        for _ in 0..100 {
            self.look();
            let mut any = false;
            while self.read_one() {
                any = true;
            }
            if !any && !self.source.is_unread() {
                break;
            }
        }
        assert_eq!(self.read.len() as u32, self.written, "every line is read");
    }
}

/// A source with this state.
fn made(path: &Path, entry: &Entry, durable: &BTreeMap<Vec<u8>, Vec<u8>>) -> Source {
    let of = |prefix: &[u8]| -> Vec<&[u8]> {
        let found = durable.iter().filter(|(key, _)| key.starts_with(prefix));
        found.map(|(_, value)| value.as_slice()).collect()
    };
    let state = of(b"source/").first().map(|value| serde_json::from_slice::<SourceState>(value).unwrap());
    let files = of(b"file/").into_iter().map(|value| serde_json::from_slice(value).unwrap()).collect();
    let is_new = state.is_none();
    let state = state.unwrap_or_else(|| SourceState::new(1, path.to_owned()));
    Source::new(state, files, entry.origin(path), entry, is_new)
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// `PROPTEST_CASES` asks for more.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(96)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_file_is_taken_for_another_no_line_comes_twice_or_never_and_no_checkpoint_goes_back(
        rotator in prop_oneof![
            Just(Rotator::Lumberjack),
            Just(Rotator::LogrotateCreate),
            Just(Rotator::Copytruncate),
            Just(Rotator::CopytruncateWithHoles),
        ],
        steps in steps(),
    ) {
        let mut world = World::new(rotator);
        steps.into_iter().for_each(|step| world.step(step));
        world.read_all();
        world.commit();
        world.step(Step::Crash);
        world.read_all();
    }
}
