//! A file that was opened to see who it is.
//!
//! Promises: two files are the same when the first bytes behind the NULs that they begin with and the bytes before the
//! reading position are; a copy is known as one though it has less than was read; what cannot be told yet, since a
//! compressed file is still in the making, is said so.

use std::io::{self, ErrorKind};
use std::path::Path;

use crate::checkpoint::FileState;
use crate::content::{self, Content, Head};
use crate::find::Found;
use crate::identity::{FileKey, Print, TAIL_BYTES};

/// An open file with its first bytes.
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

impl Opened {
    /// Opens what was found; none when it is not there any more, or another file took its place meanwhile.
    pub(crate) fn at(path: &Path, key: &FileKey) -> io::Result<Option<Opened>> {
        let (content, opened) = match Content::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        if opened != *key {
            return Ok(None);
        }
        Opened::of(content).map(Some)
    }

    /// Of a file that is open already.
    pub(crate) fn of(content: Content) -> io::Result<Opened> {
        let head = content.head(0)?;
        Ok(Opened { content, head })
    }

    /// What was `found`, with the size that it has by now: it may have been a copy in the making then.
    pub(crate) fn now(&self, found: &Found) -> io::Result<Found> {
        Ok(Found { size: self.content.size()?, ..found.clone() })
    }

    /// What is to be remembered of a file that was never seen before, as number `number`; none when it has no content
    /// but NULs.
    pub(crate) fn describe(
        &mut self,
        number: u32,
        found: &Found,
        active: bool,
    ) -> io::Result<Option<FileState>> {
        let Some(hole) = self.content.nuls()? else { return Ok(None) };
        let prefix = Print::of_prefix(&self.head_behind(hole)?.bytes);
        Ok(Some(FileState::new(number, found, hole, prefix, active)))
    }

    /// Whether it, which was `found`, is the file that `state` speaks of. With an offset in a compressed file that
    /// costs unpacking it up to there.
    pub(crate) fn fits(&mut self, found: &Found, state: &FileState) -> io::Result<Fit> {
        let head = self.head_behind(state.hole)?;
        if !state.prefix.begins(&head.bytes) {
            let is_short = head.bytes.len() < state.prefix.length();
            return Ok(match head.cut {
                true => Fit::NotYet,
                false if is_short => Fit::Shorter,
                false => Fit::No,
            });
        }
        let (packed, was_packed) = (content::is_packed(&found.path), content::is_packed(&state.path));
        if packed != was_packed && found.key == state.key {
            return Ok(Fit::No); // nothing is compressed in place: the name in the file system was given again
        }
        if !packed && found.size < state.offset {
            return Ok(Fit::Shorter);
        }
        if packed && was_packed && found.key == state.key && found.size == state.size {
            return Ok(Fit::Yes); // unpacking it to make sure would cost more than it tells
        }
        follows(state, &mut self.content)
    }

    /// Whether this, shorter, file holds nothing but what was read of the one that `state` speaks of: a copy of its
    /// beginning.
    pub(crate) fn is_beginning_of(&mut self, state: &FileState) -> io::Result<bool> {
        for (offset, mark) in state.marks.backwards() {
            match self.content.before(*offset, mark.length()) {
                Ok(None) => {}
                Ok(Some(bytes)) => return Ok(mark.is_of(&bytes)),
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => {}
                Err(error) => return Err(error),
            }
        }
        Ok(state.prefix.begins(&self.head_behind(state.hole)?.bytes))
    }

    /// Whether this file and `other`, which have `ours` and `theirs` bytes, are the same as far as both go. What is
    /// compressed is not looked into: it is made of files that rest.
    pub(crate) fn is_same_as(&mut self, ours: u64, other: &mut Opened, theirs: u64) -> io::Result<bool> {
        let end = ours.min(theirs);
        let length = end.min(TAIL_BYTES as u64) as usize;
        let same = self.head.bytes.iter().zip(&other.head.bytes).all(|(ours, theirs)| ours == theirs);
        let (ours, theirs) = (self.content.before(end, length)?, other.content.before(end, length)?);
        Ok(same && ours.is_some() && ours == theirs)
    }

    /// Lets what is known of its first bytes say more when there are more by now.
    pub(crate) fn teach(&self, state: &mut FileState) -> io::Result<()> {
        if state.prefix.can_grow() {
            let head = self.head_behind(state.hole)?;
            if head.bytes.len() > state.prefix.length() {
                state.prefix = Print::of_prefix(&head.bytes);
            }
        }
        Ok(())
    }

    fn head_behind(&self, hole: u64) -> io::Result<Head> {
        if hole == 0 { Ok(self.head.clone()) } else { self.content.head(hole) }
    }
}

/// Whether `content` still has what was seen and read of the file.
pub(crate) fn is_still(state: &FileState, content: &mut Content) -> io::Result<bool> {
    Ok(begins(state, content)? && follows(state, content)? == Fit::Yes)
}

/// Whether `content` begins with the bytes that are known of the file.
pub(crate) fn begins(state: &FileState, content: &Content) -> io::Result<bool> {
    Ok(state.prefix.begins(&content.head(state.hole)?.bytes))
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
