//! Text as the API server's messages quote it.
//!
//! Promise: the same characters that Go's `%q` and its JSON encoder escape are escaped here, so that messages can be
//! compared with the server's.

use std::fmt::Write;

/// A string in double quotes, as `%q` writes it.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{b}' => quoted.push_str("\\v"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{0}'..=' ' | '\u{7f}' if c != ' ' => push(&mut quoted, format_args!("\\x{:02x}", c as u32)),
            _ if !is_printable(c) => {
                let code = c as u32;
                match code {
                    0..=0xffff => push(&mut quoted, format_args!("\\u{code:04x}")),
                    _ => push(&mut quoted, format_args!("\\U{code:08x}")),
                }
            }
            _ => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A string as Go's JSON encoder writes it, with `<`, `>` and `&` escaped.
pub(crate) fn json_string(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                push(&mut quoted, format_args!("\\u{:04x}", c as u32))
            }
            '\u{0}'..='\u{1f}' => push(&mut quoted, format_args!("\\u{:04x}", c as u32)),
            _ => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A list of strings as Go's JSON encoder writes it.
pub(crate) fn json_list(texts: &[String]) -> String {
    let items: Vec<String> = texts.iter().map(|text| json_string(text)).collect();
    format!("[{}]", items.join(","))
}

/// A byte in single quotes, as the JSON decoder names the character that it did not expect.
pub(crate) fn quoted_byte(byte: u8) -> String {
    match byte {
        b'\'' => "'\\''".to_owned(),
        b'"' => "'\"'".to_owned(),
        _ => {
            let quoted = quoted(&char::from(byte).to_string());
            format!("'{}'", &quoted[1..quoted.len() - 1])
        }
    }
}

fn push(text: &mut String, part: std::fmt::Arguments<'_>) {
    text.write_fmt(part).expect("writing to a string cannot fail");
}

/// Letters, marks, numbers, punctuation, symbols and the blank; no other blanks, controls, or unassigned code points.
fn is_printable(c: char) -> bool {
    c == ' ' || !(c.is_control() || c.is_whitespace() || is_format_or_private(c))
}

fn is_format_or_private(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{e000}'..='\u{f8ff}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}'..='\u{ffff}'
        | '\u{e0000}'..='\u{e007f}' | '\u{f0000}'..='\u{10ffff}')
}

#[cfg(test)]
mod tests {
    use super::{json_list, quoted, quoted_byte};

    #[test]
    fn text_is_quoted_as_go_quotes_it() {
        assert_eq!(quoted("a\"\\\n\u{0}é日\u{a0}\u{200b} "), "\"a\\\"\\\\\\n\\x00é日\\u00a0\\u200b \"");
        assert_eq!(quoted("\u{f0000}"), "\"\\U000f0000\"");
        assert_eq!(
            (quoted_byte(b'\''), quoted_byte(b'"'), quoted_byte(b'\n')),
            ("'\\''".into(), "'\"'".into(), "'\\n'".into())
        );
        assert_eq!(json_list(&["<a>".to_owned(), "b\u{1}".to_owned()]), r#"["\u003ca\u003e","b\u0001"]"#);
    }
}
