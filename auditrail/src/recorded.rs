//! Recorded events: files, compressed files, directories in rotation order, stdin; line by line.
//!
//! Promise: one line is in memory at a time; a line over the limit is skipped and reported, never cut; names
//! and line numbers are those of the file that the line stands in.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, bail};
use collector::Age;
use proto::MAX_LINE_BYTES;

use crate::documents::Documents;

/// How much is read at a time.
const BLOCK: usize = 256 << 10;
const _: () = assert!(BLOCK <= MAX_LINE_BYTES, "a line that lies whole in a block is not too long");

/// One place that lines are read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Standard input.
    Stdin,
    /// A file; `.gz` and `.zst` are unpacked on the way.
    File(PathBuf),
}

/// A line of a place.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    /// Its number, counted from 1.
    pub number: u64,
    /// Its bytes without the newline; or that it is over the limit.
    pub bytes: Result<&'a [u8], TooLong>,
}

/// A line over [`MAX_LINE_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the line is longer than {MAX_LINE_BYTES} bytes and was skipped")]
pub(crate) struct TooLong;

impl Place {
    /// The places that arguments name: stdin when there is none; a directory stands for its logs.
    ///
    /// # Errors
    /// When a path does not exist or cannot be listed.
    pub(crate) fn all(paths: &[PathBuf]) -> anyhow::Result<Vec<Place>> {
        if paths.is_empty() {
            return Ok(vec![Place::Stdin]);
        }
        let mut places = Vec::new();
        for path in paths {
            match path {
                path if path.as_os_str() == "-" => places.push(Place::Stdin),
                path if path.is_dir() => places.extend(logs_in(path)?.into_iter().map(Place::File)),
                path => {
                    std::fs::metadata(path)
                        .with_context(|| format!("`{}` cannot be read", path.display()))?;
                    places.push(Place::File(path.clone()));
                }
            }
        }
        Ok(places)
    }

    /// Its name in messages.
    pub(crate) fn name(&self) -> String {
        match self {
            Place::Stdin => "stdin".into(),
            Place::File(path) => path.display().to_string(),
        }
    }

    /// Calls `each` for every line, until it says to stop; events that are laid out otherwise come as lines.
    ///
    /// # Errors
    /// When reading or unpacking fails, or what `each` returns.
    pub(crate) fn each_line(&self, each: impl FnMut(Line<'_>) -> anyhow::Result<()>) -> anyhow::Result<()> {
        self.each_line_counted(&Arc::default(), each)
    }

    /// As [`Place::each_line`]; adds the bytes that were read, packed as they are, to `read`.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn each_line_counted(
        &self,
        read: &Arc<AtomicU64>,
        mut each: impl FnMut(Line<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut reader = self.open(read).with_context(|| format!("`{}` cannot be read", self.name()))?;
        let (mut line, mut documents) = (Vec::new(), Documents::default());
        for number in 1.. {
            let cannot = || format!("`{}` cannot be read on in line {number}", self.name());
            // A line that lies whole in the block is seen where it lies.
            let block = reader.fill_buf().with_context(cannot)?;
            if let Some(end) = memchr::memchr(b'\n', block) {
                documents.take(Line { number, bytes: Ok(without_return(&block[..end])) }, &mut each)?;
                reader.consume(end + 1);
                continue;
            }
            line.clear();
            match read_line(&mut reader, &mut line).with_context(cannot)? {
                Read1::End => break,
                Read1::Whole => documents.take(Line { number, bytes: Ok(&line) }, &mut each)?,
                Read1::TooLong => documents.take(Line { number, bytes: Err(TooLong) }, &mut each)?,
            }
        }
        documents.finish(&mut each)
    }

    fn open(&self, read: &Arc<AtomicU64>) -> io::Result<Box<dyn BufRead>> {
        let Place::File(path) = self else {
            return Ok(Box::new(BufReader::with_capacity(BLOCK, io::stdin())));
        };
        let file = Counted { file: File::open(path)?, read: read.clone() };
        let unpacked: Box<dyn Read> = match path.extension().and_then(|extension| extension.to_str()) {
            Some("gz") => Box::new(flate2::read::MultiGzDecoder::new(BufReader::new(file))),
            Some("zst") => Box::new(zstd::Decoder::new(file)?),
            _ => Box::new(file),
        };
        Ok(Box::new(BufReader::with_capacity(BLOCK, unpacked)))
    }
}

/// A file that says how much of it was read.
struct Counted {
    file: File,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

enum Read1 {
    End,
    Whole,
    TooLong,
}

/// Reads to the next newline; keeps at most the limit in memory.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Read1> {
    let limit = MAX_LINE_BYTES as u64 + 2;
    if reader.by_ref().take(limit).read_until(b'\n', line)? == 0 {
        return Ok(Read1::End);
    }
    let ended = line.last() == Some(&b'\n');
    if !ended && line.len() as u64 == limit {
        reader.skip_until(b'\n')?;
        return Ok(Read1::TooLong);
    }
    if ended {
        line.pop();
    }
    line.truncate(without_return(line).len());
    Ok(if line.len() > MAX_LINE_BYTES { Read1::TooLong } else { Read1::Whole })
}

/// Windows' line ends are taken, too.
fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The logs of a directory in rotation order: by base name, backups by what their names say of their age, the active
/// file last. Of a backup that is there plain and packed, as while it is being packed, the plain one counts.
fn logs_in(directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut logs = Vec::new();
    let listed = std::fs::read_dir(directory)
        .with_context(|| format!("`{}` cannot be listed", directory.display()))?;
    for entry in listed {
        let path = entry?.path();
        let (base, age) = collector::in_rotation(&path);
        if path.is_file() && base.extension().is_some_and(|extension| extension == "log") {
            logs.push(((base, age), path));
        }
    }
    if logs.is_empty() {
        bail!(
            "`{}` holds no *.log, *.log.gz or *.log.zst: name a file, or their directory",
            directory.display()
        );
    }
    logs.sort();
    logs.dedup_by(|(later, _), (order, _)| later == order && order.1 != Age::Active);
    Ok(logs.into_iter().map(|(_, path)| path).collect())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn lines(place: &Place) -> Vec<String> {
        let mut lines = Vec::new();
        place
            .each_line(|line| {
                lines.push(
                    line.bytes.map_or_else(|e| e.to_string(), |bytes| String::from_utf8_lossy(bytes).into()),
                );
                Ok(())
            })
            .unwrap();
        lines
    }

    #[test]
    fn a_directory_is_read_in_rotation_order_and_unpacked() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        std::fs::write(at("audit.log"), "4\n5").unwrap();
        std::fs::write(at("audit-2026-11-23T06-10-38.938.log"), "3\r\n").unwrap();
        std::fs::write(at("audit-2026-11-23T06-10-38.938.log.gz"), "half packed").unwrap();
        std::fs::write(at("policy.yaml"), "no log").unwrap();
        let mut gz = flate2::write::GzEncoder::new(
            File::create(at("audit-2026-11-23T06-10-37.001.log.gz")).unwrap(),
            flate2::Compression::fast(),
        );
        gz.write_all(b"2\n").unwrap();
        gz.finish().unwrap();
        let packed = zstd::encode_all(&b"1\n"[..], 1).unwrap();
        std::fs::write(at("audit-2026-10-23T06-10-38.938.log.zst"), packed).unwrap();

        let places = Place::all(&[directory.path().to_path_buf()]).unwrap();
        let all: Vec<_> = places.iter().flat_map(lines).collect();
        assert_eq!(all, ["1", "2", "3", "4", "5"]);
    }

    #[test]
    fn a_line_over_the_limit_is_skipped_and_the_next_one_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.log");
        let mut file = File::create(&path).unwrap();
        file.write_all(&vec![b'x'; MAX_LINE_BYTES + 10]).unwrap();
        file.write_all(b"\nshort\n").unwrap();
        file.write_all(&vec![b'y'; MAX_LINE_BYTES]).unwrap();
        file.write_all(b"\n").unwrap();
        let lines = lines(&Place::File(path));
        assert_eq!((lines.len(), lines[0].contains("skipped"), lines[1].as_str()), (3, true, "short"));
        assert_eq!(lines[2].len(), MAX_LINE_BYTES);
    }

    #[test]
    fn a_directory_without_a_log_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let error = Place::all(&[directory.path().to_path_buf()]).unwrap_err();
        assert!(format!("{error:#}").contains("holds no *.log"), "{error:#}");
    }

    #[test]
    fn a_path_that_does_not_exist_is_named() {
        let error = Place::all(&["/no/such/file".into()]).unwrap_err();
        assert!(format!("{error:#}").contains("/no/such/file"));
    }
}
