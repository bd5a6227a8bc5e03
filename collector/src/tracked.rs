//! One file of a source: who it is, how far it was read, and its open handle.
//!
//! Invariant: an open handle belongs to the file that the state describes, wherever its path leads by now; the reading
//! position moves forward only, and only behind bytes that follow those read before.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::SystemTime;

use proto::v1::FileStatus;

use crate::checkpoint::FileState;
use crate::chunk::Skip;
use crate::content::{self, Content, Head};
use crate::find::Found;
use crate::identity::{FileKey, Print, TAIL_BYTES};

/// A file of a source.
pub(crate) struct Tracked {
    pub(crate) state: FileState,
    pub(crate) content: Option<Content>,
    /// The last look saw it under some name.
    pub(crate) present: bool,
    /// When it was written last, as the last look saw.
    pub(crate) modified: Option<SystemTime>,
    /// The last look saw what may become it: a compressed file in the making.
    pub(crate) awaited: bool,
    /// Bytes behind `state.offset` that are no whole line.
    pub(crate) half: u64,
    pub(crate) skip: Skip,
    /// Where reading ends: the size that it had when reading once began.
    pub(crate) limit: u64,
    /// Why it is not read until the next look.
    pub(crate) problem: Option<String>,
    /// What became of it only the next look can tell: later files wait for that.
    pub(crate) unsure: bool,
}

/// What was found when a file was opened to see who it is.
pub(crate) struct Opened {
    pub(crate) content: Content,
    pub(crate) head: Head,
}

/// Whether a file that was found is one that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    Yes,
    No,
    /// It has less than was read of the known one.
    Shorter,
    /// It is compressed and cut off before that can be told.
    NotYet,
}

/// Opens what was found; none when it is not there any more, or another file took its place meanwhile.
pub(crate) fn open(path: &Path, key: &FileKey) -> io::Result<Option<Opened>> {
    let (content, opened) = match Content::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    if opened != *key {
        return Ok(None);
    }
    let head = content.prefix()?;
    Ok(Some(Opened { content, head }))
}

impl Tracked {
    pub(crate) fn new(state: FileState) -> Tracked {
        Tracked {
            state,
            content: None,
            present: false,
            modified: None,
            awaited: false,
            half: 0,
            skip: Skip::default(),
            limit: u64::MAX,
            problem: None,
            unsure: false,
        }
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
        let ended = self.state.gone || self.state.ended == Some(self.readable());
        !ended && (self.is_packed() || self.readable() > self.state.offset)
    }

    /// Notes that nothing more is to be read as long as the size stays.
    pub(crate) fn end(&mut self) {
        self.state.ended = Some(self.readable());
    }

    /// Whether only an open handle keeps it from being lost.
    pub(crate) fn is_removed(&self) -> bool {
        !self.present && self.content.as_ref().is_some_and(Content::is_removed)
    }

    /// Bytes on the disk behind the reading position.
    pub(crate) fn lag(&self) -> u64 {
        match self.is_packed() {
            _ if self.state.gone => 0,
            true if self.is_unread() => self.state.size,
            true => 0,
            false => self.state.size.saturating_sub(self.state.offset),
        }
    }

    /// As status shows it; what is committed is known elsewhere.
    pub(crate) fn status(&self) -> FileStatus {
        let path = self.state.path.to_string_lossy().into_owned();
        let size = if self.is_packed() { 0 } else { self.state.size };
        FileStatus { path, offset: self.state.offset, committed: 0, size, removed: self.is_removed() }
    }

    /// Sees it again where it was `found`.
    pub(crate) fn see(&mut self, found: &Found) {
        self.present = true;
        self.state.gone = false;
        self.state.path.clone_from(&found.path);
        self.state.key = found.key.clone();
        self.state.size = found.size;
        self.modified = found.modified;
    }

    /// Whether `found`, under its name in the file system, is as the last look saw it.
    pub(crate) fn is_unchanged(&self, found: &Found) -> bool {
        let FileState { size, path, gone, .. } = &self.state;
        *size == found.size && *path == found.path && self.modified == found.modified && !gone && !self.unsure
    }

    /// Whether the file that was `found` and opened is this one. With an offset in a compressed file that costs
    /// unpacking it up to there.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn fits(&self, found: &Found, head: &Head, content: &mut Content) -> io::Result<Fit> {
        let prefix = &self.state.prefix;
        if !prefix.begins(&head.bytes) {
            let is_short = head.bytes.len() < prefix.length();
            return Ok(match head.cut {
                true => Fit::NotYet,
                false if is_short => Fit::Shorter,
                false => Fit::No,
            });
        }
        let packed = content::is_packed(&found.path);
        if packed != self.is_packed() && found.key == self.state.key {
            return Ok(Fit::No); // nothing is compressed in place: the name in the file system was given again
        }
        if !packed && found.size < self.state.offset {
            return Ok(Fit::Shorter);
        }
        if packed && self.is_packed() && found.key == self.state.key && found.size == self.state.size {
            return Ok(Fit::Yes); // unpacking it to make sure would cost more than it tells
        }
        follows(&self.state, content)
    }

    /// Whether a shorter file holds nothing but what was read of this one: a copy of its beginning.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn has_all_of(&self, head: &Head, content: &mut Content) -> io::Result<bool> {
        for (offset, mark) in self.state.marks.backwards() {
            match content.before(*offset, mark.length()) {
                Ok(None) => {}
                Ok(Some(bytes)) => return Ok(mark.is_of(&bytes)),
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.state.prefix.begins(&head.bytes))
    }

    /// Whether a file that was found beside this one is a copy of it, or of its beginning. What is compressed is none: it
    /// is made of files that rest, and under another name.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub(crate) fn is_copied_in(&mut self, found: &Found, opened: &mut Opened) -> io::Result<bool> {
        if self.is_packed()
            || content::is_packed(&found.path)
            || !self.state.prefix.begins(&opened.head.bytes)
        {
            return Ok(false);
        }
        let (end, held) = (found.size.min(self.state.size), self.content.is_some());
        let length = end.min(TAIL_BYTES as u64) as usize;
        let theirs = opened.content.before(end, length)?;
        let ours = self.open()?.map(|content| content.before(end, length)).transpose()?.flatten();
        if !held {
            self.content = None;
        }
        Ok(theirs.is_some() && ours == theirs)
    }

    /// Lets the prefix say more when the file has more by now.
    pub(crate) fn learn(&mut self, head: &Head) {
        if self.state.prefix.can_grow() && head.bytes.len() > self.state.prefix.length() {
            self.state.prefix = Print::of_prefix(&head.bytes);
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
                Some(opened) if self.state.prefix.begins(&opened.head.bytes) => self.hold(opened.content),
                _ => return Ok(None),
            }
        }
        Ok(self.content.as_mut())
    }

    /// Whether the bytes before the reading position are still those that were read (at the start: those that were seen):
    /// what was read behind them just now followed them then. Only what is not compressed can be overwritten in place.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn is_intact(&mut self) -> io::Result<bool> {
        match &mut self.content {
            Some(_) if content::is_packed(&self.state.path) => Ok(true),
            Some(content) if self.state.offset == 0 => Ok(self.state.prefix.begins(&content.prefix()?.bytes)),
            Some(content) => Ok(follows(&self.state, content)? == Fit::Yes),
            None => Ok(true),
        }
    }

    /// Moves the reading position behind `raw`, which was read there.
    pub(crate) fn advance(&mut self, bytes: u64, raw: Option<&[u8]>) {
        self.state.offset += bytes;
        self.half = 0;
        self.state.tail = match (raw, &mut self.content) {
            (Some(raw), _) => Print::of_tail(raw),
            (None, Some(content)) if !content::is_packed(&self.state.path) => {
                let length = bytes.min(TAIL_BYTES as u64) as usize;
                let tail = content.before(self.state.offset, length).ok().flatten();
                tail.map(|tail| Print::of_tail(&tail)).unwrap_or_default()
            }
            _ => Print::default(),
        };
        self.state.marks.note(self.state.offset, &self.state.tail);
    }
}

/// Whether the bytes before the offset are those that were read.
fn follows(state: &FileState, content: &mut Content) -> io::Result<Fit> {
    if state.tail.length() == 0 {
        return Ok(Fit::Yes);
    }
    match content.before(state.offset, state.tail.length()) {
        Ok(Some(bytes)) if state.tail.is_of(&bytes) => Ok(Fit::Yes),
        Ok(Some(_)) => Ok(Fit::No),
        Ok(None) => Ok(Fit::Shorter),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(Fit::NotYet),
        Err(error) => Err(error),
    }
}
