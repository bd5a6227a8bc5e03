//! One file of a source: who it is, how far it was read, and its open handle.
//!
//! Invariant: an open handle belongs to the file that the state describes, wherever its path leads by now; the reading
//! position moves forward only, and only behind bytes that follow those read before.

use std::io;
use std::time::SystemTime;

use proto::v1::FileStatus;

use crate::checkpoint::FileState;
use crate::chunk::Skip;
use crate::content::{self, Content};
use crate::find::Found;
use crate::identity::{Print, TAIL_BYTES};
use crate::opened::{self, Opened};

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
    /// For how many looks that has been so, or it was missing.
    pub(crate) waited: u32,
    /// A look of this process saw it.
    pub(crate) seen: bool,
    /// It is compressed and cut off; size on the disk at which it was read up to there.
    cut: Option<u64>,
    /// It cannot be unpacked any further, as long as it stays as it is.
    pub(crate) broken: bool,
    /// Bytes behind `state.offset` that are no whole line.
    pub(crate) half: u64,
    pub(crate) skip: Skip,
    /// Where reading ends: the size that it had when reading once began.
    pub(crate) limit: u64,
    /// Why it is not read until the next look.
    pub(crate) problem: Option<String>,
    /// What became of it only the next look can tell.
    pub(crate) unsure: bool,
}

/// Looks for which later files wait for one that is missing or in the making.
pub(crate) const PATIENCE: u32 = 240;

impl Tracked {
    pub(crate) fn new(state: FileState) -> Tracked {
        Tracked {
            state,
            content: None,
            present: false,
            modified: None,
            awaited: false,
            waited: 0,
            seen: false,
            cut: None,
            broken: false,
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

    /// Begins a look, which may see it or not.
    pub(crate) fn begin_look(&mut self) {
        (self.present, self.awaited) = (false, false);
        if !self.broken {
            self.problem = None; // it is tried again
        }
    }

    /// Ends the part of a look that may have seen it.
    pub(crate) fn end_look(&mut self) {
        self.unsure = false;
        self.awaited &= self.waited < PATIENCE;
    }

    /// Counts the looks for which others have waited for it.
    pub(crate) fn count_waiting(&mut self) {
        self.waited = if self.awaited || self.is_missing() { self.waited + 1 } else { 0 };
    }

    /// Whether nobody knows what became of it: neither a name nor a handle leads to it.
    pub(crate) fn is_missing(&self) -> bool {
        !self.present && self.content.is_none() && !self.state.gone
    }

    /// Whether later files wait until it is known what became of it: there may be more of it than was read.
    pub(crate) fn holds_others(&self) -> bool {
        (self.unsure || self.is_missing()) && self.waited < PATIENCE
    }

    /// What of it has yet to come, if something has.
    pub(crate) fn waits_for(&self) -> Option<String> {
        let FileState { path, offset, size, gone, .. } = &self.state;
        let path = path.display();
        match self.cut {
            _ if *gone => None,
            Some(at) if at == *size => Some(format!(
                "{path} is cut off: what follows byte {offset} of what it unpacks to is waited for"
            )),
            _ if self.awaited => Some(format!(
                "{path} is not there any more: a compressed file beside it, of which nothing can be read yet, may become it"
            )),
            _ => None,
        }
    }

    /// Size on the disk as far as reading goes.
    fn readable(&self) -> u64 {
        if self.is_packed() { self.state.size } else { self.state.size.min(self.limit) }
    }

    /// Whether there may be lines that were not read.
    pub(crate) fn is_unread(&self) -> bool {
        let end = Some(self.readable());
        let ended = self.state.gone || self.state.ended == end || self.cut == end;
        !ended && (self.is_packed() || self.readable() > self.state.offset)
    }

    /// Notes that nothing more is to be read as long as the size stays. That a file is cut off is found out anew by
    /// every process, so that it is said for as long as it is so.
    pub(crate) fn end(&mut self) {
        let (end, cut) = (Some(self.readable()), self.content.as_ref().is_some_and(Content::is_cut));
        (self.state.ended, self.cut) = if cut { (None, end) } else { (end, None) };
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
        (self.present, self.seen) = (true, true);
        if std::mem::take(&mut self.broken) {
            self.problem = None;
        }
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

    /// Whether a file that was found beside this one is a copy of it, or of its beginning; none when this one is not
    /// what it was any more: it was truncated just now, and the next look can tell. What is compressed is no copy of what
    /// is there, since it is made of files that rest; it may well be one of what was truncated.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub(crate) fn is_copied_in(&self, found: &Found, opened: &mut Opened) -> io::Result<Option<bool>> {
        if self.is_packed() {
            return Ok(Some(false));
        }
        let Some(mut ours) = Opened::at(&self.state.path, &self.state.key)? else { return Ok(None) };
        let theirs = opened.content.size()?;
        let same = !content::is_packed(&found.path) && ours.is_same_as(self.state.size, opened, theirs)?;
        let is_short = self.state.size < self.state.offset; // a copy itself, of less than was read
        let is_still = is_short || opened::is_still(&self.state, &mut ours.content)?;
        Ok((is_still && ours.content.size()? >= self.state.size).then_some(same))
    }

    /// Takes over a handle; what was known of an unfinished line is read again.
    pub(crate) fn hold(&mut self, content: Content) {
        self.content = Some(content);
        self.skip = Skip::default();
    }

    /// Notes that nothing of a compressed file is unread, when that is so: its decoder is at the reading position.
    pub(crate) fn end_if_read(&mut self) -> io::Result<()> {
        let (offset, mut next) = (self.state.offset, Vec::new());
        if let (true, Some(content)) = (self.is_packed(), &mut self.content) {
            content.read(offset, &mut next, 1)?;
            content.put_back(&next);
            if next.is_empty() {
                self.end();
            }
        }
        Ok(())
    }

    /// Opens it for reading where it was seen last.
    pub(crate) fn open(&mut self) -> io::Result<Option<&mut Content>> {
        if self.content.is_none() {
            match Opened::at(&self.state.path, &self.state.key)? {
                Some(opened) if opened::begins(&self.state, &opened.content)? => self.hold(opened.content),
                _ => return Ok(None),
            }
        }
        Ok(self.content.as_mut())
    }

    /// Whether its first bytes, and those before the reading position, are still those that were seen: what was read
    /// behind them just now followed them then. Only what is not compressed can be overwritten in place.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn is_intact(&mut self) -> io::Result<bool> {
        match &mut self.content {
            Some(content) if !content::is_packed(&self.state.path) => opened::is_still(&self.state, content),
            _ => Ok(true),
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
        if raw.is_some() {
            self.state.marks.note(self.state.offset, &self.state.tail);
        }
    }
}
