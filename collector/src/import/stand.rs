//! Where in a file reading goes on: the Agent's offset, brought to the start of a line.
//!
//! Promise: a line is skipped in no case; one may be repeated where the offset lies within it, and that is said.

use std::io;

use crate::content::{Content, Reached};
use crate::find::Found;
use crate::opened::Opened;
use crate::problem;

/// Bytes that are looked at in a step.
const STEP: usize = 256 << 10;

/// Where reading goes on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stand {
    /// In (unpacked) bytes.
    pub(super) offset: u64,
    /// What should be known of it.
    pub(super) note: Option<String>,
}

/// The place that `offset` means in a file.
///
/// # Errors
/// Why there is none, and what to do.
pub(super) fn find(found: &Found, offset: u64) -> Result<Stand, String> {
    let unreadable = |error: &io::Error| problem::with_file(&found.path, error);
    let path = found.path.display();
    let mut content = match Opened::at(&found.path, &found.key) {
        Ok(Some(opened)) => opened.content,
        Ok(None) => return Err(format!("{path} changed meanwhile; import again")),
        Err(error) => return Err(unreadable(&error)),
    };
    let around = Around::of(&mut content, offset).map_err(|error| unreadable(&error))?;
    if offset > around.size {
        return Err(format!(
            "its offset {offset} lies beyond the end of {path}, which has {} bytes: it was replaced or truncated \
             since; without a position the log is read as its `start_position` says, from the beginning by default",
            around.size
        ));
    }
    let (place, note) = match around.ahead.as_slice() {
        _ if around.line == offset => (offset, None),
        [b'\n', ..] => (offset + 1, None),
        [b'\r', b'\n'] => (offset + 2, None),
        _ => {
            let note =
                format!("the offset {offset} lies within a line: the line is read again from its start");
            (around.line, Some(note))
        }
    };
    Ok(Stand { offset: place, note })
}

/// The (unpacked) size of a file.
pub(super) fn size(content: &mut Content) -> io::Result<u64> {
    Around::of(content, u64::MAX).map(|around| around.size)
}

/// What is around an offset.
struct Around {
    /// Size of the file.
    size: u64,
    /// Where the line begins that the offset lies in.
    line: u64,
    /// The two bytes from the offset on.
    ahead: Vec<u8>,
}

impl Around {
    fn of(content: &mut Content, offset: u64) -> io::Result<Around> {
        let mut around = Around { size: 0, line: 0, ahead: Vec::new() };
        let mut buffer = Vec::with_capacity(STEP);
        loop {
            buffer.clear();
            let reached = content.read(around.size, &mut buffer, STEP)?;
            let before = usize::try_from(offset.saturating_sub(around.size))
                .map_or(buffer.len(), |left| left.min(buffer.len()));
            if let Some(newline) = memchr::memrchr(b'\n', &buffer[..before]) {
                around.line = around.size + newline as u64 + 1;
            }
            let missing = 2 - around.ahead.len();
            around.ahead.extend(buffer[before..].iter().take(missing));
            around.size += buffer.len() as u64;
            if reached == Reached::End {
                return Ok(around);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::FileKey;

    #[test]
    fn an_offset_becomes_the_start_of_a_line_and_none_is_skipped() {
        let dir = tempfile::tempdir().unwrap();
        let long = format!("{{\"b\":\"{}\"}}\n", "x".repeat(600_000));
        let text = format!("{{\"a\":1}}\r\n{long}{{\"c\":3}}\nhalf");
        let second = 9 + long.len() as u64;
        for name in ["audit.log", "audit.log.zst"] {
            let path = dir.path().join(name);
            let packed = if name.ends_with("zst") {
                zstd::encode_all(text.as_bytes(), 1).unwrap()
            } else {
                text.clone().into_bytes()
            };
            std::fs::write(&path, packed).unwrap();
            let found = Found { key: FileKey::of_path(&path).unwrap().0, size: 0, modified: None, path };
            let at = |offset| find(&found, offset).map(|stand| (stand.offset, stand.note.is_some()));
            for (offset, expected) in [
                (0, (0, false)),
                (3, (0, true)),
                (7, (9, false)),
                (8, (9, false)),
                (9, (9, false)),
                (300_000, (9, true)),
                (second - 1, (second, false)),
                (second, (second, false)),
                (second + 8, (second + 8, false)),
                (text.len() as u64, (second + 8, true)),
            ] {
                assert_eq!(at(offset), Ok(expected), "{offset} in {name}");
            }
            assert!(at(text.len() as u64 + 1).unwrap_err().contains("beyond the end"));
        }
    }
}
