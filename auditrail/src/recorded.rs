//! Recorded events: files, compressed files, directories in rotation order, stdin; line by line.
//!
//! Promises: one line is in memory at a time; a line over the limit is skipped and reported, never cut; names and line
//! numbers are those of the file that the line stands in; what cannot be read, or not to its end, is reported as a line
//! is, so that the rest and the other files are read.

use std::fs::File;
use std::io::{self, BufRead, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use proto::MAX_LINE_BYTES;

use crate::directory;
use crate::documents::Documents;
use crate::packing::{self, BLOCK};

const _: () = assert!(BLOCK <= MAX_LINE_BYTES, "a line that lies whole in a block is not too long");

/// One place that lines are read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Standard input.
    Stdin,
    /// A file; what is packed is unpacked on the way.
    File(PathBuf),
}

/// A line of a place.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    /// Its number, counted from 1.
    pub number: u64,
    /// Its bytes without the newline; or why there are none.
    pub bytes: Result<&'a [u8], Unread>,
}

/// Why a line is not there to be judged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unread {
    /// A line over [`MAX_LINE_BYTES`].
    #[error("the line is longer than {MAX_LINE_BYTES} bytes and was skipped")]
    TooLong,
    /// Nothing can be read from here on.
    #[error("cannot be read on from here ({0}): what is before counts, what is behind is missing")]
    Damaged(String),
    /// The file cannot be opened.
    #[error("cannot be read ({0}): nothing of it counts")]
    Closed(String),
    /// All of it is UTF-16.
    #[error("this looks like UTF-16, and events are UTF-8: convert it, as with `iconv -f UTF-16 -t UTF-8`")]
    Utf16,
    /// All of it is YAML.
    #[error(
        "this looks like YAML, and events are JSON: print it with `-o json`, or convert it, as with `yq -o json`"
    )]
    Yaml,
}

impl Unread {
    /// Whether more than the one line is missing.
    pub(crate) fn ends_the_file(&self) -> bool {
        !matches!(self, Unread::TooLong)
    }
}

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
                path if path.is_dir() => {
                    places.extend(directory::events_in(path)?.into_iter().map(Place::File));
                }
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

    /// Calls `each` for every line, until it says to stop; events that are laid out otherwise come as lines. What
    /// cannot be read comes as a line, too, and ends the place.
    ///
    /// # Errors
    /// What `each` returns.
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
        let text = match self.open(read) {
            Ok(text) => text,
            Err(why) => return each(Line { number: 1, bytes: Err(Unread::Closed(why.to_string())) }),
        };
        match packing::without_mark(text) {
            Ok(Ok(text)) => lines(text, &mut each),
            Ok(Err(why)) => each(Line { number: 1, bytes: Err(why) }),
            Err(why) => each(Line { number: 1, bytes: Err(Unread::Damaged(why.to_string())) }),
        }
    }

    fn open(&self, read: &Arc<AtomicU64>) -> io::Result<Box<dyn BufRead>> {
        match self {
            Place::Stdin => packing::unpacked(io::stdin()),
            Place::File(path) => packing::unpacked(Counted { file: File::open(path)?, read: read.clone() }),
        }
    }
}

/// Gives the lines of a text, and why it ends where it cannot be read on.
fn lines(
    mut text: impl BufRead,
    each: &mut impl FnMut(Line<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let (mut line, mut documents, mut is_begun) = (Vec::new(), Documents::default(), false);
    for number in 1.. {
        // A line that lies whole in the block is seen where it lies.
        let block = match text.fill_buf() {
            Ok(block) => block,
            Err(why) => return damaged(documents, number, &why, each),
        };
        let end = memchr::memchr(b'\n', block);
        let (bytes, length) = if let Some(end) = end {
            (Ok(without_return(&block[..end])), end + 1)
        } else {
            line.clear();
            match read_line(&mut text, &mut line) {
                Ok(Read1::End) => break,
                Ok(Read1::Whole) => (Ok(line.as_slice()), 0),
                Ok(Read1::TooLong) => (Err(Unread::TooLong), 0),
                Err(why) => return damaged(documents, number, &why, each),
            }
        };
        if let (false, Ok(first)) = (is_begun, &bytes) {
            if packing::is_yaml(first) {
                return each(Line { number, bytes: Err(Unread::Yaml) });
            }
            is_begun = !packing::is_document_mark(first);
        }
        if is_begun || bytes.is_err() {
            documents.take(Line { number, bytes }, each)?;
        }
        text.consume(length);
    }
    documents.finish(each)
}

fn damaged(
    documents: Documents,
    number: u64,
    why: &io::Error,
    each: &mut impl FnMut(Line<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    documents.finish(each)?;
    each(Line { number, bytes: Err(Unread::Damaged(why.to_string())) })
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
    fn a_path_that_does_not_exist_is_named() {
        let error = Place::all(&["/no/such/file".into()]).unwrap_err();
        assert!(format!("{error:#}").contains("/no/such/file"));
    }
}
