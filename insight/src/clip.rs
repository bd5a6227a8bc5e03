//! What clients chose, cut to a length that a state can keep.
//!
//! Promise: at most [`MOST`] bytes, whole characters, the same cut wherever the same text is met.

/// Most bytes that are kept of one text.
pub(crate) const MOST: usize = 256;

/// The text, or its beginning.
pub(crate) fn clip(text: &str) -> String {
    clipped(text).to_owned()
}

/// The same, where it stands.
pub(crate) fn clipped(text: &str) -> &str {
    let mut end = text.len().min(MOST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(clip("größe"), "größe");
        let cut = clip(&"aö".repeat(MOST));
        assert!(cut.len() <= MOST && cut.len() > MOST - 4 && cut.starts_with("aöaö"));
    }
}
