//! Lines appended to a file as they are, each with one newline.
//!
//! Promises: a record leaves the spool when its lines are on stable storage; each line is written exactly once, also
//! over a crash between write and commit (what stands behind the committed end is compared with what is pending, and
//! only the rest is written); nothing that somebody else wrote is ever cut or changed; a full file is put aside between
//! two records, never within one.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chassis::ByteSize;
use queue::Put;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{Sink, Step, commit, delivered, did, lines_of, traced};
use crate::change::Change;
use crate::config;
use crate::receipts::Slip;
use crate::spool::{Spool, Stored};

/// State key of the committed end.
const END: &str = "file/end";

/// Bytes of lines written, synced and committed as one; one record may have more.
const MOST_BYTES: usize = 8 << 20;

/// Records looked at for one step.
const MOST_RECORDS: usize = 64;

/// The `file` destination.
pub(crate) struct FileSink {
    path: PathBuf,
    max_size: Option<u64>,
    keep: u32,
    spool: Spool,
}

/// Records and their lines, each with its newline; and for their receipts.
type Gathered = (Vec<Stored>, Vec<u8>, Vec<Slip>);

/// How far the file holds what was removed from the spool.
#[derive(Serialize, Deserialize)]
struct End {
    path: String,
    bytes: u64,
}

impl FileSink {
    pub(crate) fn new(file: &config::File, spool: Spool) -> FileSink {
        let max_size = file.max_size.map(ByteSize::as_u64);
        FileSink { path: file.path.clone(), max_size, keep: file.keep, spool }
    }

    fn failed(&self, doing: &str, error: &io::Error) -> String {
        format!("cannot {doing} {}: {error}; check its directory, rights and free space", self.path.display())
    }

    /// The oldest records with their lines; none of both when all of them were damaged. None when there is nothing.
    fn gather(&self) -> Result<Option<Gathered>, String> {
        let (mut records, mut text, mut slips) = (Vec::new(), Vec::new(), Vec::new());
        let listed = self.spool.list(0, MOST_RECORDS).map_err(|error| error.to_string())?;
        if listed.is_empty() {
            return Ok(None);
        }
        for stored in listed {
            if !records.is_empty() && text.len() + stored.header.raw as usize > MOST_BYTES {
                break;
            }
            if let Some(unpacked) = lines_of(&self.spool, &stored)? {
                text.extend_from_slice(&unpacked.raw);
                records.push(stored);
                slips.extend(unpacked.slip);
            }
        }
        Ok(Some((records, text, slips)))
    }

    /// The committed end, if it is this file's.
    fn committed_end(&self) -> Result<Option<u64>, String> {
        let stored = self.spool.remembered(END).map_err(|error| error.to_string())?;
        let end = stored.and_then(|stored| serde_json::from_slice::<End>(&stored).ok());
        Ok(end.filter(|end| end.path == self.shown_path()).map(|end| end.bytes))
    }

    fn end(&self, bytes: u64) -> Put {
        let end = End { path: self.shown_path(), bytes };
        Put::set(END, serde_json::to_vec(&end).expect("an end has no map"))
    }

    fn shown_path(&self) -> String {
        self.path.to_string_lossy().into_owned()
    }

    fn open(&self) -> io::Result<File> {
        let is_new = !self.path.exists();
        if let Some(parent) = parent_of(&self.path).filter(|_| is_new) {
            std::fs::create_dir_all(parent)?;
        }
        let file = OpenOptions::new().read(true).append(true).create(true).open(&self.path)?;
        if is_new {
            sync_directory(parent_of(&self.path).unwrap_or(Path::new(".")))?;
        }
        Ok(file)
    }

    /// Puts a full file aside, once all that is in it has left the spool. A crash in between costs nothing: the next
    /// file begins where this one ended.
    fn rotate_if_full(&self) -> Result<(), String> {
        let (Some(most), Ok(found)) = (self.max_size, std::fs::metadata(&self.path)) else { return Ok(()) };
        if found.len() < most || self.committed_end()? != Some(found.len()) {
            return Ok(());
        }
        match self.rotate() {
            Ok(()) => commit(&self.spool, Change { puts: vec![self.end(0)], ..Change::default() }),
            Err(error) => {
                tracing::warn!(path = self.shown_path(), %error, "the full file cannot be put aside; it grows on");
                Ok(())
            }
        }
    }

    fn rotate(&self) -> io::Result<()> {
        for number in (1..self.keep).rev() {
            let from = self.aside(number);
            if from.exists() {
                std::fs::rename(from, self.aside(number + 1))?;
            }
        }
        std::fs::rename(&self.path, self.aside(1))?;
        sync_directory(parent_of(&self.path).unwrap_or(Path::new(".")))
    }

    /// The name of a file that was put aside so often.
    fn aside(&self, times: u32) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(format!(".{times}"));
        name.into()
    }

    /// How much of `text` the file already holds behind the committed end. Makes the end agree with the file first,
    /// where somebody else wrote to it or replaced it.
    fn already_written(&self, file: &mut File, text: &[u8]) -> Result<usize, String> {
        let length = file.metadata().map_err(|error| self.failed("look at", &error))?.len();
        if let Some(end) = self.committed_end()? {
            let behind = length.checked_sub(end).filter(|&behind| behind <= text.len() as u64);
            if let Some(behind) = behind {
                let tail =
                    read_at(file, end, behind as usize).map_err(|error| self.failed("read", &error))?;
                if text.starts_with(&tail) {
                    return Ok(tail.len());
                }
            }
            tracing::warn!(
                path = self.shown_path(),
                "somebody else wrote to the file, or replaced it; it is appended to"
            );
        }
        commit(&self.spool, Change { puts: vec![self.end(length)], ..Change::default() })?;
        Ok(0)
    }
}

impl Sink for FileSink {
    fn kind(&self) -> &'static str {
        "file"
    }

    fn step(&mut self, _: Instant, _: bool) -> Result<Step, String> {
        let began = SystemTime::now();
        let Some((records, text, slips)) = self.gather()? else { return Ok(Step::Idle) };
        if records.is_empty() {
            return Ok(did([], 0, 0));
        }
        self.rotate_if_full()?;
        let mut file = self.open().map_err(|error| self.failed("open", &error))?;
        let written = self.already_written(&mut file, &text)?;
        file.write_all(&text[written..]).map_err(|error| self.failed("write to", &error))?;
        file.sync_data().map_err(|error| self.failed("sync", &error))?;
        let end = file.metadata().map_err(|error| self.failed("look at", &error))?.len();
        let (mut change, all) = delivered(&records);
        change.puts.push(self.end(end));
        change.slips = slips;
        commit(&self.spool, change)?;
        traced(self.kind(), &records, began);
        Ok(did(&records, all.events, text.len() as u64))
    }
}

fn read_at(file: &mut File, offset: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn parent_of(path: &Path) -> Option<&Path> {
    path.parent().filter(|parent| !parent.as_os_str().is_empty())
}

/// A new file's name is durable only when its directory is; Windows keeps names in its journal and has no such call.
#[cfg(unix)]
fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use proto::{Line, Origin};

    use super::*;
    use crate::block::Blocks;
    use crate::parcel::{Packer, Parcel};

    struct Desk {
        directory: tempfile::TempDir,
        max_size: Option<ByteSize>,
    }

    impl Desk {
        fn new() -> Desk {
            Desk { directory: tempfile::tempdir().unwrap(), max_size: None }
        }

        fn path(&self) -> PathBuf {
            self.directory.path().join("out").join("copy.log")
        }

        /// A sink as after a start.
        fn sink(&self) -> FileSink {
            let (spool, _) = Spool::open(&self.directory.path().join("spool"), 8 << 20).unwrap();
            FileSink::new(&config::File { max_size: self.max_size, ..config::File::at(self.path()) }, spool)
        }

        fn text(&self) -> String {
            String::from_utf8_lossy(&std::fs::read(self.path()).unwrap()).into_owned()
        }
    }

    fn spool_lines(sink: &FileSink, lines: &[&'static [u8]]) {
        let line = |bytes: &&'static [u8]| Line {
            number: 1,
            read_bytes: 1,
            bytes: bytes::Bytes::from_static(bytes),
        };
        for line in lines.iter().map(line) {
            let parcel = Parcel {
                origin: Origin::default(),
                queue: [0; 16],
                read_at_us: 0,
                lines: vec![line],
                block: None,
            };
            let append = Blocks.pack(&parcel).unwrap();
            commit(&sink.spool, Change { append, ..Change::default() }).unwrap();
        }
    }

    fn step(sink: &mut FileSink) -> Result<Step, String> {
        sink.step(Instant::now(), false)
    }

    #[test]
    fn lines_are_written_as_they_are_and_their_directory_is_made() {
        let desk = Desk::new();
        let mut sink = desk.sink();
        spool_lines(&sink, &[b"{\"a\":\"\xff\"}", b"{}"]);
        assert!(matches!(step(&mut sink), Ok(Step::Did { events: 2, bytes: 13, .. })));
        assert_eq!(std::fs::read(desk.path()).unwrap(), b"{\"a\":\"\xff\"}\n{}\n");
        assert!(matches!(step(&mut sink), Ok(Step::Idle)));
    }

    #[test]
    fn a_crash_at_any_byte_between_write_and_commit_repeats_nothing_and_loses_nothing() {
        let pending = b"{\"b\":2}\n{\"c\":3}\n";
        for written in 0..=pending.len() {
            let desk = Desk::new();
            let mut sink = desk.sink();
            spool_lines(&sink, &[b"{\"a\":1}"]);
            step(&mut sink).unwrap();
            spool_lines(&sink, &[b"{\"b\":2}", b"{\"c\":3}"]);
            let mut file = OpenOptions::new().append(true).open(desk.path()).unwrap();
            file.write_all(&pending[..written]).unwrap();
            drop(sink);
            step(&mut desk.sink()).unwrap();
            assert_eq!(desk.text(), "{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n", "{written} bytes were written");
        }
    }

    #[test]
    fn a_full_file_is_put_aside_between_two_records_and_the_oldest_go() {
        let desk = Desk { max_size: Some(ByteSize::bytes(8)), ..Desk::new() };
        let mut sink = FileSink { keep: 2, ..desk.sink() };
        for line in [b"{\"a\":1}", b"{\"b\":2}", b"{\"c\":3}", b"{\"d\":4}"] {
            spool_lines(&sink, &[line]);
            step(&mut sink).unwrap();
        }
        let aside = |number| std::fs::read_to_string(sink.aside(number)).unwrap();
        assert_eq!(
            (desk.text(), aside(1), aside(2)),
            ("{\"d\":4}\n".into(), "{\"c\":3}\n".into(), "{\"b\":2}\n".into())
        );
        assert!(!sink.aside(3).exists());
    }

    #[test]
    fn a_full_file_with_lines_that_are_still_in_the_spool_is_not_put_aside() {
        let desk = Desk { max_size: Some(ByteSize::bytes(8)), ..Desk::new() };
        let mut sink = desk.sink();
        spool_lines(&sink, &[b"{\"a\":1}"]);
        step(&mut sink).unwrap();
        spool_lines(&sink, &[b"{\"b\":2}"]);
        // As a crash between write and commit leaves it.
        OpenOptions::new().append(true).open(desk.path()).unwrap().write_all(b"{\"b\"").unwrap();
        drop(sink);
        let mut sink = desk.sink();
        step(&mut sink).unwrap();
        assert_eq!(desk.text(), "{\"a\":1}\n{\"b\":2}\n");
        spool_lines(&sink, &[b"{\"c\":3}"]);
        step(&mut sink).unwrap();
        assert_eq!(desk.text(), "{\"c\":3}\n");
    }

    #[test]
    fn what_somebody_else_wrote_stays_and_a_replaced_file_is_begun_anew() {
        let desk = Desk::new();
        let mut sink = desk.sink();
        spool_lines(&sink, &[b"{\"a\":1}"]);
        step(&mut sink).unwrap();
        OpenOptions::new().append(true).open(desk.path()).unwrap().write_all(b"theirs\n").unwrap();
        spool_lines(&sink, &[b"{\"b\":2}"]);
        step(&mut sink).unwrap();
        assert_eq!(desk.text(), "{\"a\":1}\ntheirs\n{\"b\":2}\n");
        std::fs::rename(desk.path(), desk.path().with_extension("1")).unwrap();
        spool_lines(&sink, &[b"{\"c\":3}"]);
        step(&mut sink).unwrap();
        assert_eq!(desk.text(), "{\"c\":3}\n");
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_named_and_loses_nothing() {
        let desk = Desk::new();
        std::fs::write(desk.directory.path().join("out"), "a file where a directory should be").unwrap();
        let mut sink = desk.sink();
        spool_lines(&sink, &[b"{}"]);
        let Err(refused) = step(&mut sink) else { panic!("it cannot work") };
        assert!(refused.contains("copy.log") && refused.contains("check its directory"), "{refused}");
        std::fs::remove_file(desk.directory.path().join("out")).unwrap();
        step(&mut sink).unwrap();
        assert_eq!(desk.text(), "{}\n");
    }
}
