//! One file of a source: who it is, how far it was read, and its open handle.
//!
//! Invariant: an open handle belongs to the file that the state describes, wherever its path leads by now.

use std::io;
use std::path::Path;

use proto::v1::FileStatus;

use crate::checkpoint::FileState;
use crate::chunk::Skip;
use crate::content::{self, Content};
use crate::find::Found;
use crate::identity::{FileKey, Prefix};

/// A file of a source.
pub(crate) struct Tracked {
    pub(crate) state: FileState,
    pub(crate) content: Option<Content>,
    /// The last look saw it under some name.
    pub(crate) present: bool,
    /// Bytes behind `state.offset` that are no whole line.
    pub(crate) half: u64,
    pub(crate) skip: Skip,
    /// Where reading ends: the size that it had when reading once began.
    pub(crate) limit: u64,
    /// Why it is not read until the next look.
    pub(crate) problem: Option<String>,
}

/// What was found when a file was opened to see who it is.
pub(crate) struct Opened {
    pub(crate) content: Content,
    pub(crate) prefix: Vec<u8>,
}

/// Opens what was found; none when it is not there any more, or another file took its place meanwhile.
pub(crate) fn open(path: &Path, key: &FileKey) -> io::Result<Option<Opened>> {
    let (content, opened) = match Content::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    if opened != *key {
        return Ok(None);
    }
    let prefix = content.prefix()?;
    Ok(Some(Opened { content, prefix }))
}

impl Tracked {
    pub(crate) fn new(state: FileState) -> Tracked {
        let (half, skip, limit) = (0, Skip::default(), u64::MAX);
        Tracked { state, content: None, present: false, half, skip, limit, problem: None }
    }

    pub(crate) fn is_packed(&self) -> bool {
        content::is_packed(&self.state.path)
    }

    /// Size on the disk as far as reading goes.
    fn readable(&self) -> u64 {
        if self.is_packed() { self.state.size } else { self.state.size.min(self.limit) }
    }

    /// Whether there may be lines that were not read.
    pub(crate) fn is_unread(&self) -> bool {
        let ended = self.state.ended == Some(self.readable());
        !ended && (self.is_packed() || self.readable() > self.state.offset)
    }

    /// Notes that nothing more is to be read as long as the size stays.
    pub(crate) fn end(&mut self) {
        self.state.ended = Some(self.readable());
    }

    /// Bytes on the disk behind the reading position.
    pub(crate) fn lag(&self) -> u64 {
        match self.is_packed() {
            true if self.is_unread() => self.state.size,
            true => 0,
            false => self.state.size.saturating_sub(self.state.offset),
        }
    }

    /// As status shows it; what is committed is known elsewhere.
    pub(crate) fn status(&self) -> FileStatus {
        let path = self.state.path.to_string_lossy().into_owned();
        let size = if self.is_packed() { 0 } else { self.state.size };
        FileStatus { path, offset: self.state.offset, committed: 0, size }
    }

    /// Sees it again where it was `found`.
    pub(crate) fn see(&mut self, found: &Found) {
        self.present = true;
        self.state.path.clone_from(&found.path);
        self.state.key = found.key.clone();
        self.state.size = found.size;
    }

    /// Whether a file that begins with `prefix` and is `found` is this one.
    pub(crate) fn fits(&self, found: &Found, prefix: &[u8]) -> bool {
        let grown = content::is_packed(&found.path) || found.size >= self.state.offset;
        grown && self.state.prefix.fits(prefix)
    }

    /// Lets the prefix say more when the file has more by now.
    pub(crate) fn learn(&mut self, prefix: &[u8]) {
        if self.state.prefix.can_grow() {
            self.state.prefix = Prefix::of(prefix);
        }
    }

    /// Takes over a handle; what was known of an unfinished line is read again.
    pub(crate) fn hold(&mut self, content: Content) {
        self.content = Some(content);
        self.skip = Skip::default();
    }

    /// Opens it for reading where it was seen last.
    pub(crate) fn open(&mut self) -> io::Result<Option<&mut Content>> {
        if self.content.is_none() {
            match open(&self.state.path, &self.state.key)? {
                Some(opened) if self.state.prefix.fits(&opened.prefix) => self.hold(opened.content),
                _ => return Ok(None),
            }
        }
        Ok(self.content.as_mut())
    }
}
