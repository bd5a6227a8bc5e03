//! The content of an open file, unpacked where its name says `.gz` or `.zst`.
//!
//! Promises: offsets are of unpacked bytes; what was given can be put back and is given again; a compressed file
//! that is still being written ends where it ends now and goes on later; of a broken one, all is given that stands
//! before the broken place; nothing but a decoder and what was put back is kept in memory.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use crate::identity::{FileKey, PREFIX_BYTES, TAIL_BYTES};
use crate::platform::{self, Cursor};

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    Plain,
    Gzip,
    Zstd,
}

impl Packing {
    fn of(path: &Path) -> Packing {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("gz") => Packing::Gzip,
            Some("zst") => Packing::Zstd,
            _ => Packing::Plain,
        }
    }
}

/// Whether the content at `path` is compressed.
pub(crate) fn is_packed(path: &Path) -> bool {
    Packing::of(path) != Packing::Plain
}

/// How far reading came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reached {
    /// There may be more.
    More,
    /// The end, for now.
    End,
}

/// An open file.
pub(crate) struct Content {
    packing: Packing,
    file: Arc<File>,
    unpacking: Option<Unpacking>,
    /// The last read came to an end where no compressed file ends.
    cut: bool,
}

/// Bytes that are searched at a time for one that is no NUL.
const NUL_STEP: usize = 256 << 10;

/// How a file begins.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) bytes: Vec<u8>,
    /// It is compressed and cut off there: there may be more later.
    pub(crate) cut: bool,
}

struct Unpacking {
    decoder: Box<dyn Read + Send>,
    /// Offset of what the decoder gives next.
    at: u64,
    /// Bytes before `at` that were put back.
    carry: Vec<u8>,
}

impl Content {
    /// Opens what is at `path` now.
    pub(crate) fn open(path: &Path) -> io::Result<(Content, FileKey)> {
        let file = File::open(path)?;
        let key = FileKey::of_open(&file)?;
        Ok((Content { packing: Packing::of(path), file: Arc::new(file), unpacking: None, cut: false }, key))
    }

    /// Its size on the disk.
    pub(crate) fn size(&self) -> io::Result<u64> {
        self.file.metadata().map(|metadata| metadata.len())
    }

    /// Whether it is compressed and the last read came to an end where it is cut off.
    pub(crate) fn is_cut(&self) -> bool {
        self.cut
    }

    /// Whether no directory names it any more.
    pub(crate) fn is_removed(&self) -> bool {
        platform::is_removed(&self.file)
    }

    /// Its first bytes from `offset` on, at most [`PREFIX_BYTES`].
    pub(crate) fn head(&self, offset: u64) -> io::Result<Head> {
        let mut bytes = Vec::new();
        let read = self.decoder_at(offset).and_then(|decoder| match decoder {
            Some(decoder) => decoder.take(PREFIX_BYTES as u64).read_to_end(&mut bytes),
            None => Ok(0),
        });
        match read {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(Head { bytes, cut: true }),
            Err(error) => Err(error),
            Ok(_) => Ok(Head { bytes, cut: false }),
        }
    }

    /// How many NULs it begins with; none when there is nothing else.
    pub(crate) fn nuls(&self) -> io::Result<Option<u64>> {
        let (mut decoder, mut buffer, mut nuls) = (self.decoder(0)?, vec![0; NUL_STEP], 0);
        loop {
            let count = match decoder.read(&mut buffer) {
                Ok(0) => return Ok(None),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
                Err(error) => return Err(error),
            };
            match buffer[..count].iter().position(|&byte| byte != 0) {
                Some(at) => return Ok(Some(nuls + at as u64)),
                None => nuls += count as u64,
            }
        }
    }

    /// The `length` bytes (at most [`TAIL_BYTES`]) before `offset`; none when there are not as many. What is packed is
    /// unpacked up to there, and can be read on from there.
    ///
    /// # Errors
    /// `UnexpectedEof` when a compressed file is cut off before `offset`: it may still be in the making.
    pub(crate) fn before(&mut self, offset: u64, length: usize) -> io::Result<Option<Vec<u8>>> {
        let length = length.min(TAIL_BYTES);
        let Some(start) = offset.checked_sub(length as u64) else { return Ok(None) };
        let mut bytes = Vec::with_capacity(length);
        if self.packing == Packing::Plain {
            fill(&mut Cursor::new(Arc::clone(&self.file), start), &mut bytes, length)?;
            return Ok((bytes.len() == length).then_some(bytes));
        }
        let Some(mut decoder) = self.decoder_at(start)? else { return Ok(None) };
        fill(&mut decoder, &mut bytes, length)?;
        if bytes.len() < length {
            return Ok(None);
        }
        self.unpacking = Some(Unpacking { decoder, at: offset, carry: Vec::new() });
        Ok(Some(bytes))
    }

    /// Adds to `buffer`, whose first byte is at `offset`, at most `want` of the bytes that follow.
    ///
    /// # Errors
    /// `InvalidData` when the content cannot be unpacked any further.
    pub(crate) fn read(&mut self, offset: u64, buffer: &mut Vec<u8>, want: usize) -> io::Result<Reached> {
        let at = offset + buffer.len() as u64;
        if self.packing == Packing::Plain {
            return fill(&mut Cursor::new(Arc::clone(&self.file), at), buffer, want);
        }
        self.cut = false;
        let unpacking = match self.unpacking_at(at) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                self.cut = true;
                return Ok(Reached::End);
            }
            unpacking => unpacking?,
        };
        let before = buffer.len();
        let from_carry = unpacking.carry.len().min(want);
        buffer.extend(unpacking.carry.drain(..from_carry));
        let carried = buffer.len();
        let reached = fill(&mut unpacking.decoder, buffer, want - from_carry);
        unpacking.at += (buffer.len() - carried) as u64;
        if reached.is_err() || (buffer.len() == carried && want > from_carry) {
            self.unpacking = None; // a decoder does not go on behind an error, or what was an end
        }
        match reached {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                self.cut = true;
                Ok(Reached::End)
            }
            Err(_) if buffer.len() > before => Ok(Reached::More), // the next read gives the error
            reached => reached,
        }
    }

    /// Takes back the last bytes that were given.
    pub(crate) fn put_back(&mut self, bytes: &[u8]) {
        if let Some(unpacking) = self.unpacking.as_mut().filter(|_| !bytes.is_empty()) {
            unpacking.carry.splice(..0, bytes.iter().copied());
        }
    }

    /// The decoder, with `at` being what it gives next.
    fn unpacking_at(&mut self, at: u64) -> io::Result<&mut Unpacking> {
        let fits = |unpacking: &Unpacking| unpacking.at - unpacking.carry.len() as u64 == at;
        let unpacking = match self.unpacking.take().filter(fits) {
            Some(unpacking) => unpacking,
            None => {
                let mut decoder = self.decoder(0)?;
                let skipped = io::copy(&mut decoder.by_ref().take(at), &mut io::sink())?;
                if skipped < at {
                    let why = format!("it has {skipped} bytes unpacked, and {at} were read before");
                    return Err(io::Error::new(io::ErrorKind::InvalidData, why));
                }
                Unpacking { decoder, at, carry: Vec::new() }
            }
        };
        Ok(self.unpacking.insert(unpacking))
    }

    /// The decoder with `offset` being what it gives next; none when there are not as many bytes.
    fn decoder_at(&self, offset: u64) -> io::Result<Option<Box<dyn Read + Send>>> {
        if self.packing == Packing::Plain {
            return self.decoder(offset).map(Some);
        }
        let mut decoder = self.decoder(0)?;
        let skipped = io::copy(&mut decoder.by_ref().take(offset), &mut io::sink())?;
        Ok((skipped == offset).then_some(decoder))
    }

    fn decoder(&self, at: u64) -> io::Result<Box<dyn Read + Send>> {
        let cursor = Cursor::new(Arc::clone(&self.file), at);
        Ok(match self.packing {
            Packing::Plain => Box::new(cursor),
            Packing::Gzip => {
                Box::new(Unpacked(flate2::read::MultiGzDecoder::new(io::BufReader::new(cursor))))
            }
            Packing::Zstd => Box::new(Unpacked(zstd::stream::read::Decoder::new(cursor)?)),
        })
    }
}

/// What a decoder gives. Its errors are `UnexpectedEof` where the file is cut off, `InvalidData` where it is broken, and
/// those of the system.
struct Unpacked<D>(D);

impl<D: Read> Read for Unpacked<D> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::Interrupted => error,
            _ if error.raw_os_error().is_some() => error,
            _ => io::Error::new(io::ErrorKind::InvalidData, error),
        })
    }
}

fn fill(from: &mut impl Read, buffer: &mut Vec<u8>, want: usize) -> io::Result<Reached> {
    let goal = buffer.len() + want;
    from.take(want as u64).read_to_end(buffer)?;
    Ok(if buffer.len() < goal { Reached::End } else { Reached::More })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const TEXT: &[u8] = b"{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n";

    fn packed(path: &Path) -> Vec<u8> {
        match Packing::of(path) {
            Packing::Plain => TEXT.to_vec(),
            Packing::Zstd => zstd::encode_all(TEXT, 1).unwrap(),
            Packing::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(TEXT).unwrap();
                encoder.finish().unwrap()
            }
        }
    }

    #[test]
    fn every_packing_gives_the_same_bytes_from_any_offset_in_any_steps() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a.log", "a.log.gz", "a.log.zst"] {
            let path = dir.path().join(name);
            std::fs::write(&path, packed(&path)).unwrap();
            for (offset, step) in (0..TEXT.len()).flat_map(|offset| [(offset, 1), (offset, 7), (offset, 99)])
            {
                let (mut content, _) = Content::open(&path).unwrap();
                let mut buffer = Vec::new();
                while content.read(offset as u64, &mut buffer, step).unwrap() == Reached::More {}
                assert_eq!(buffer, &TEXT[offset..], "{name} {offset} {step}");
            }
        }
    }

    #[test]
    fn what_was_put_back_comes_again() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a.log", "a.log.gz", "a.log.zst"] {
            let path = dir.path().join(name);
            std::fs::write(&path, packed(&path)).unwrap();
            let (mut content, _) = Content::open(&path).unwrap();
            let mut buffer = Vec::new();
            content.read(0, &mut buffer, 12).unwrap();
            content.put_back(&buffer[8..]);
            buffer.clear();
            content.read(8, &mut buffer, 99).unwrap();
            assert_eq!(buffer, &TEXT[8..], "{name}");
        }
    }

    #[test]
    fn a_compressed_file_that_is_still_being_written_ends_early_and_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a.log.gz", "a.log.zst"] {
            let path = dir.path().join(name);
            let whole = packed(&path);
            std::fs::write(&path, &whole[..whole.len() - 6]).unwrap();
            let (mut content, _) = Content::open(&path).unwrap();
            let mut buffer = Vec::new();
            assert_eq!(content.read(0, &mut buffer, 99).unwrap(), Reached::End);
            std::fs::write(&path, &whole).unwrap();
            content.read(0, &mut buffer, 99).unwrap();
            assert_eq!(buffer, TEXT, "{name}");
        }
    }

    #[test]
    fn what_is_added_to_a_compressed_file_that_was_whole_is_read() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a.log.gz", "a.log.zst"] {
            let path = dir.path().join(name);
            std::fs::write(&path, packed(&path)).unwrap();
            let (mut content, _) = Content::open(&path).unwrap();
            let mut buffer = Vec::new();
            while content.read(0, &mut buffer, 7).unwrap() == Reached::More {}
            assert_eq!(content.read(0, &mut buffer, 7).unwrap(), Reached::End);
            std::fs::write(&path, [packed(&path), packed(&path)].concat()).unwrap();
            while content.read(0, &mut buffer, 99).unwrap() == Reached::More {}
            assert_eq!(buffer, [TEXT, TEXT].concat(), "{name}");
        }
    }
}
