//! Characters that are not seen where text is shown.
//!
//! Promise: what moves a cursor, turns the direction of writing or takes no room is hidden; letters, marks and pictures
//! of all scripts are not.

/// Whether a character would hide itself or other text: controls (also DEL and those from U+0080 to U+009F), marks of
/// direction, ends of lines and paragraphs, characters without width, tags.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
        || matches!(c, '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::is_hidden;

    #[test]
    fn what_turns_or_hides_text_is_hidden_and_what_is_read_is_not() {
        for c in
            "\0\u{7}\u{1b}\u{7f}\u{85}\u{9b}\u{200b}\u{200d}\u{2028}\u{202e}\u{2066}\u{feff}\u{e0041}".chars()
        {
            assert!(is_hidden(c), "{c:?}");
        }
        assert!(!"a ~ß é名🙂\u{301}\u{fe0f}\u{a0}".chars().any(is_hidden));
    }
}
