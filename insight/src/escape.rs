//! Text into HTML.
//!
//! Promise: whatever the text, it is shown as text: it ends no element and no quoted attribute.

use std::fmt;

use audit::is_hidden;

/// A text that is escaped when it is printed.
pub(crate) struct Escaped<T>(pub(crate) T);

impl<T: AsRef<str>> fmt::Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.as_ref();
        while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
            f.write_str(&rest[..at])?;
            f.write_str(match rest.as_bytes()[at] {
                b'&' => "&amp;",
                b'<' => "&lt;",
                b'>' => "&gt;",
                b'"' => "&quot;",
                _ => "&#39;",
            })?;
            rest = &rest[at + 1..];
        }
        f.write_str(rest)
    }
}

/// A text from a log: escaped, and what would turn the text around it or hide (controls, marks of direction) is written
/// out, so that people see what is there.
pub(crate) struct Shown<T>(pub(crate) T);

impl<T: AsRef<str>> fmt::Display for Shown<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.as_ref();
        let mut start = 0;
        for (at, c) in text.char_indices().filter(|(_, c)| is_hidden(*c)) {
            write!(f, "{}{}", Escaped(&text[start..at]), c.escape_unicode())?;
            start = at + c.len_utf8();
        }
        write!(f, "{}", Escaped(&text[start..]))
    }
}

/// A text that somebody wrote, as a message repeats it: `` `text` ``, its beginning only where it is long, and what
/// would hide or turn the text around it written out.
pub(crate) struct Quoted<'t>(pub(crate) &'t str);

/// Most characters that are repeated.
const MOST_QUOTED: usize = 80;

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`")?;
        for c in self.0.chars().take(MOST_QUOTED) {
            if is_hidden(c) { write!(f, "{}", c.escape_unicode()) } else { write!(f, "{c}") }?;
        }
        f.write_str(if self.0.chars().nth(MOST_QUOTED).is_some() { "…`" } else { "`" })
    }
}

/// Several lines of such a text, whose ends of lines stay what they are.
pub(crate) struct Lines<'t>(pub(crate) &'t str);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .split('\n')
            .enumerate()
            .try_for_each(|(index, line)| write!(f, "{}{}", if index > 0 { "\n" } else { "" }, Shown(line)))
    }
}

/// A text as a part of a query in a link.
pub(crate) struct Encoded<T>(pub(crate) T);

impl<T: AsRef<str>> fmt::Display for Encoded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().bytes().try_for_each(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                write!(f, "{}", char::from(byte))
            }
            _ => write!(f, "%{byte:02X}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Encoded, Escaped, Quoted, Shown};

    #[test]
    fn everything_that_html_reads_is_escaped() {
        let text = r#"</td><script>alert("a" & 'b')</script>"#;
        let shown = "&lt;/td&gt;&lt;script&gt;alert(&quot;a&quot; &amp; &#39;b&#39;)&lt;/script&gt;";
        assert_eq!(Escaped(text).to_string(), shown);
    }

    #[test]
    fn marks_of_direction_and_controls_are_written_out() {
        let text = "a\u{202e}b\u{1b}[31m<i>";
        assert_eq!(Shown(text).to_string(), "a\\u{202e}b\\u{1b}[31m&lt;i&gt;");
    }

    #[test]
    fn a_message_repeats_no_more_than_the_beginning_of_a_text_and_hides_nothing() {
        assert_eq!(Quoted("a\u{202e}b").to_string(), "`a\\u{202e}b`");
        assert_eq!(Quoted(&"ü".repeat(80)).to_string(), format!("`{}`", "ü".repeat(80)));
        assert_eq!(Quoted(&"ü".repeat(81)).to_string(), format!("`{}…`", "ü".repeat(80)));
    }

    #[test]
    fn nothing_in_a_query_ends_it() {
        assert_eq!(Encoded("a&b=<ü>\"").to_string(), "a%26b%3D%3C%C3%BC%3E%22");
    }

    proptest! {
        #[test]
        fn no_text_brings_in_an_element_or_ends_an_attribute(text in any::<String>()) {
            let shown = Escaped(&text).to_string();
            prop_assert!(!shown.contains(['<', '>', '"', '\'']));
            let back = shown.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'");
            prop_assert_eq!(back.replace("&amp;", "&"), text);
        }
    }
}
