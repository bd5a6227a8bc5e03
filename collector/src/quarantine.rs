//! Where lines go that are no events, or that the next stage will never take: kept for inspection.
//!
//! Promises: one JSON object per line with path, byte range, reason and the first 64 KiB of its bytes; two files of
//! bounded size, the older one dropped; the counters of what went here are exact, they are in the queue's state.
//! Only the owner may read it (Unix).

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::chunk::KEPT_BYTES;

/// Size at which a file is full; there are two.
const FILE_BYTES: u64 = 16 << 20;

/// The place for bad lines, in a directory of its own.
pub(crate) struct Quarantine {
    dir: PathBuf,
    most: u64,
    writing: Mutex<Option<(File, u64)>>,
}

/// A line on its way into quarantine.
#[derive(Debug)]
pub(crate) struct Held<'a> {
    /// The file that it was read from.
    pub(crate) path: &'a Path,
    /// Where it begins there, in (unpacked) bytes, where that is known.
    pub(crate) offset: Option<u64>,
    /// Its number.
    pub(crate) number: u64,
    /// Its length, which may be more than `line` has.
    pub(crate) bytes: u64,
    pub(crate) line: &'a [u8],
    pub(crate) cause: &'static str,
    pub(crate) why: &'a str,
}

#[derive(Serialize)]
struct Written<'a> {
    path: &'a Path,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_byte: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to_byte: Option<u64>,
    number: u64,
    bytes: u64,
    cause: &'static str,
    why: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<&'a str>,
    /// Where the line is no UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    line_hex: Option<String>,
}

impl Quarantine {
    /// Makes `dir` where it does not exist.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn open(dir: PathBuf) -> io::Result<Quarantine> {
        queue::create_private_directory(&dir)?;
        Ok(Quarantine { dir, most: FILE_BYTES, writing: Mutex::new(None) })
    }

    /// Where it is.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Keeps lines, as one write that is on the disk when this returns. Blocking.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn keep(&self, held: &[Held<'_>]) -> io::Result<()> {
        let mut text = Vec::new();
        for held in held {
            serde_json::to_writer(&mut text, &Written::of(held))?;
            text.push(b'\n');
        }
        let mut writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut file, mut size) = match writing.take() {
            Some(open) => open,
            None => open(&self.path(0))?,
        };
        if size > 0 && size + text.len() as u64 > self.most {
            drop(file);
            std::fs::rename(self.path(0), self.path(1))?;
            (file, size) = open(&self.path(0))?;
        }
        file.write_all(&text)?;
        file.sync_data()?;
        *writing = Some((file, size + text.len() as u64));
        Ok(())
    }

    fn path(&self, age: usize) -> PathBuf {
        self.dir.join(["quarantine.jsonl", "quarantine.1.jsonl"][age])
    }
}

impl<'a> Written<'a> {
    fn of(held: &Held<'a>) -> Written<'a> {
        let kept = &held.line[..held.line.len().min(KEPT_BYTES)];
        let line = std::str::from_utf8(kept).ok();
        let hex = || kept.iter().map(|byte| format!("{byte:02x}")).collect();
        Written {
            path: held.path,
            from_byte: held.offset,
            to_byte: held.offset.map(|offset| offset + held.bytes),
            number: held.number,
            bytes: held.bytes,
            cause: held.cause,
            why: held.why,
            line,
            line_hex: line.is_none().then(hex),
        }
    }
}

fn open(path: &Path) -> io::Result<(File, u64)> {
    let file = queue::private_file().create(true).append(true).open(path)?;
    let size = file.metadata()?.len();
    Ok((file, size))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(line: &[u8]) -> Held<'_> {
        let path = Path::new("/var/log/audit.log");
        let bytes = line.len() as u64;
        Held { path, offset: Some(10), number: 3, bytes, line, cause: "quarantine", why: "no JSON object" }
    }

    #[test]
    fn a_line_is_kept_with_its_place_and_reason_whatever_its_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let quarantine = Quarantine::open(dir.path().join("quarantine")).unwrap();
        quarantine.keep(&[held(b"garbage"), held(b"\xff\x00")]).unwrap();
        let text = std::fs::read_to_string(quarantine.path(0)).unwrap();
        let kept: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(kept[0]["line"], "garbage");
        assert_eq!((kept[0]["from_byte"].as_u64(), kept[0]["to_byte"].as_u64()), (Some(10), Some(17)));
        assert_eq!(kept[1]["line_hex"], "ff00");
        assert_eq!(kept[1]["why"], "no JSON object");
    }

    #[test]
    fn it_never_grows_beyond_two_files() {
        let dir = tempfile::tempdir().unwrap();
        let mut quarantine = Quarantine::open(dir.path().to_owned()).unwrap();
        quarantine.most = 1000;
        for _ in 0..100 {
            quarantine.keep(&[held(b"garbage")]).unwrap();
        }
        let sizes =
            std::fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().metadata().unwrap().len());
        let sizes: Vec<u64> = sizes.collect();
        assert_eq!(sizes.len(), 2);
        assert!(sizes.iter().all(|&size| size > 0 && size <= 1000), "{sizes:?}");
    }
}
