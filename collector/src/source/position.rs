//! Where the end of a file is, for sources that begin there.

use crate::content::Content;

const STEP: u64 = 64 << 10;

/// The offset behind the last newline within the first `size` bytes; 0 where there is none. A line that is half
/// written at the first look is so read whole.
pub(super) fn end_of_last_line(content: &mut Content, size: u64) -> u64 {
    let mut end = size;
    let mut buffer = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(STEP);
        buffer.clear();
        if content.read(start, &mut buffer, (end - start) as usize).is_err() {
            return size;
        }
        if let Some(newline) = memchr::memrchr(b'\n', &buffer) {
            return start + newline as u64 + 1;
        }
        end = start;
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_behind_the_last_newline_however_far_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.log");
        let text = [b"{}\n".to_vec(), vec![b'x'; 200_000]].concat();
        for (text, end) in [(&text[..], 3), (&text[..3], 3), (&text[..2], 0), (b"", 0)] {
            std::fs::write(&path, text).unwrap();
            let (mut content, _) = Content::open(&path).unwrap();
            assert_eq!(end_of_last_line(&mut content, text.len() as u64), end);
        }
    }
}
