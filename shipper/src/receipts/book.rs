//! The files that receipts are appended to.
//!
//! Promises: what was appended is synced; a file that a crash broke off is cut at its last whole line; the oldest file
//! goes when there are too many bytes, or when all in it is too old; names rise, also when the clock goes back.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use proto::v1::StoreStatus;

const EXTENSION: &str = "jsonl";

/// Size of a file: a sixteenth of all, within these.
const LEAST_FILE: u64 = 64 << 10;
const MOST_FILE: u64 = 4 << 20;

/// One file. It is called after the time of its first receipt, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    begun_us: u64,
    bytes: u64,
    receipts: u64,
}

/// All files of a store.
pub(super) struct Book {
    dir: PathBuf,
    most_bytes: u64,
    keep_us: u64,
    /// Oldest first; the last is the one that is appended to.
    parts: VecDeque<Part>,
    /// None: the next receipt begins a new file.
    file: Option<File>,
    problem: String,
    missing: u64,
}

impl Book {
    pub(super) fn open(dir: &Path, most_bytes: u64, keep: Duration, now_us: i64) -> io::Result<Book> {
        queue::create_private_directory(dir)?;
        let mut parts = VecDeque::new();
        for begun_us in begins_in(dir)? {
            let text = std::fs::read(path_of(dir, begun_us))?;
            let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
            if whole < text.len() {
                File::options().write(true).open(path_of(dir, begun_us))?.set_len(whole as u64)?;
            }
            let receipts = text.iter().filter(|&&byte| byte == b'\n').count() as u64;
            parts.push_back(Part { begun_us, bytes: whole as u64, receipts });
        }
        let last = parts.back().map(|part: &Part| path_of(dir, part.begun_us));
        let file = last.map(|path| OpenOptions::new().append(true).open(path)).transpose()?;
        let keep_us = u64::try_from(keep.as_micros()).unwrap_or(u64::MAX);
        let mut book = Book {
            dir: dir.to_owned(),
            most_bytes,
            keep_us,
            parts,
            file,
            problem: String::new(),
            missing: 0,
        };
        book.prune(unsigned(now_us));
        Ok(book)
    }

    /// Appends whole lines. A failure is said, and costs these receipts.
    pub(super) fn append(&mut self, text: &[u8], receipts: u64, now_us: i64) {
        match self.try_append(text, receipts, unsigned(now_us)) {
            Ok(()) => self.problem.clear(),
            Err(error) => {
                self.file = None; // what was written of it may end in the middle of a line
                self.missing += receipts;
                if self.problem.is_empty() {
                    tracing::error!(dir = %self.dir.display(), %error, "receipts cannot be written");
                }
                let missing = self.missing;
                self.problem = format!("receipts cannot be written ({error}), {missing} are missing");
            }
        }
    }

    pub(super) fn status(&self) -> StoreStatus {
        StoreStatus {
            records: self.parts.iter().map(|part| part.receipts).sum(),
            bytes: self.bytes(),
            limit_bytes: self.most_bytes,
            damaged: 0,
            problem: self.problem.clone(),
        }
    }

    fn try_append(&mut self, text: &[u8], receipts: u64, now_us: u64) -> io::Result<()> {
        let mut file = match self.file.take().filter(|_| !self.is_full(text.len() as u64, now_us)) {
            Some(file) => file,
            None => self.begin(now_us)?,
        };
        file.write_all(text)?;
        file.sync_data()?;
        self.file = Some(file);
        if let Some(part) = self.parts.back_mut() {
            part.bytes += text.len() as u64;
            part.receipts += receipts;
        }
        self.prune(now_us);
        Ok(())
    }

    fn is_full(&self, more: u64, now_us: u64) -> bool {
        let most = (self.most_bytes / 16).clamp(LEAST_FILE, MOST_FILE);
        let old = |part: &Part| now_us.saturating_sub(part.begun_us) > self.keep_us / 8;
        self.parts.back().is_none_or(|part| part.bytes > 0 && (part.bytes + more > most || old(part)))
    }

    fn begin(&mut self, now_us: u64) -> io::Result<File> {
        let begun_us = self.parts.back().map_or(now_us, |last| now_us.max(last.begun_us + 1));
        let path = path_of(&self.dir, begun_us);
        let file = queue::private_file().append(true).create_new(true).open(path)?;
        self.parts.push_back(Part { begun_us, bytes: 0, receipts: 0 });
        if cfg!(unix) {
            File::open(&self.dir)?.sync_all()?; // Windows keeps names in its journal
        }
        Ok(file)
    }

    fn prune(&mut self, now_us: u64) {
        // All receipts of a file are older than the beginning of the next.
        let too_old = |next: &Part| now_us.saturating_sub(next.begun_us) > self.keep_us;
        while self.parts.len() > 1
            && (self.bytes() > self.most_bytes || self.parts.get(1).is_some_and(too_old))
        {
            let Some(oldest) = self.parts.pop_front() else { return };
            if let Err(error) = std::fs::remove_file(path_of(&self.dir, oldest.begun_us)) {
                tracing::warn!(dir = %self.dir.display(), %error, "old receipts cannot be removed");
            }
        }
    }

    fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.bytes).sum()
    }
}

/// The names of all files, in order.
pub(super) fn begins_in(dir: &Path) -> io::Result<Vec<u64>> {
    let mut begins = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let ours = path.extension().is_some_and(|extension| extension == EXTENSION);
        let name = path.file_stem().and_then(|name| name.to_str()).filter(|_| ours);
        begins.extend(name.and_then(|name| name.parse::<u64>().ok()));
    }
    begins.sort_unstable();
    Ok(begins)
}

pub(super) fn path_of(dir: &Path, begun_us: u64) -> PathBuf {
    dir.join(format!("{begun_us:020}.{EXTENSION}"))
}

fn unsigned(us: i64) -> u64 {
    u64::try_from(us).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn book(dir: &Path, now_us: i64) -> Book {
        Book::open(dir, 1 << 20, DAY, now_us).unwrap()
    }

    fn on_disk(dir: &Path) -> u64 {
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
    }

    #[test]
    fn the_store_is_bounded_in_bytes_and_the_oldest_go_first() {
        let directory = tempfile::tempdir().unwrap();
        let mut book = book(directory.path(), 0);
        let line = [b"x".repeat(999), b"\n".to_vec()].concat();
        (0..3000).for_each(|n| book.append(&line, 1, n));
        let status = book.status();
        assert!(status.bytes <= 1 << 20 && status.bytes > 900 << 10, "{status:?}");
        assert_eq!((status.bytes, status.records), (on_disk(directory.path()), status.bytes / 1000));
        assert!(begins_in(directory.path()).unwrap()[0] > 1000, "the newest stay");
    }

    #[test]
    fn what_is_too_old_goes_also_of_a_destination_that_gets_little() {
        let directory = tempfile::tempdir().unwrap();
        let hour = 3_600_000_000;
        let mut book = book(directory.path(), 0);
        (0..100).for_each(|n| book.append(b"{}\n", 1, n * hour));
        let kept = book.status().records;
        assert!((24..=32).contains(&kept), "{kept}");
        drop(book);
        let reopened = super::tests::book(directory.path(), 300 * hour);
        assert!(reopened.status().records <= 4, "{:?}", reopened.status());
    }

    #[test]
    fn a_file_that_a_crash_broke_off_is_cut_at_its_last_whole_line() {
        let directory = tempfile::tempdir().unwrap();
        book(directory.path(), 5).append(b"{\"a\":1}\n", 1, 5);
        let path = path_of(directory.path(), 5);
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"b\":").unwrap();
        let mut again = book(directory.path(), 6);
        again.append(b"{\"c\":3}\n", 1, 4);
        assert_eq!(std::fs::read_to_string(path).unwrap(), "{\"a\":1}\n{\"c\":3}\n");
        assert_eq!(again.status().records, 2);
    }

    #[test]
    fn a_disk_that_refuses_receipts_is_said_with_how_many_are_missing() {
        let directory = tempfile::tempdir().unwrap();
        let dir = directory.path().join("receipts");
        let mut book = book(&dir, 0);
        std::fs::remove_dir_all(&dir).unwrap();
        book.append(b"{}\n{}\n", 2, 1);
        book.append(b"{}\n", 1, 2);
        assert!(book.status().problem.contains("3 are missing"), "{:?}", book.status());
        std::fs::create_dir(&dir).unwrap();
        book.append(b"{}\n", 1, 3);
        assert_eq!(book.status().problem, "");
    }
}
