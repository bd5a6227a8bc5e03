//! JSON strings as text.
//!
//! Promises: borrows unless the string holds an escape or invalid UTF-8; survives both. What no text can carry (a
//! lone surrogate, an invalid byte) becomes U+FFFD, as the API server's own decoder does it.

use std::borrow::Cow;

/// The text of a JSON value, if it is a string. `value` is the whole value, quotes included.
pub(crate) fn of_value(value: &[u8]) -> Option<Cow<'_, str>> {
    let inner = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    Some(unescape(inner))
}

/// Whether a JSON value is the string `text`. Cheap when the string has neither escapes nor other than ASCII.
#[inline]
pub(crate) fn is(value: &[u8], text: &str) -> bool {
    let plain = |inner: &[u8]| inner.is_ascii() && !inner.contains(&b'\\');
    match value {
        [b'"', inner @ .., b'"'] if plain(inner) => inner == text.as_bytes(),
        _ => of_value(value).is_some_and(|found| found == text),
    }
}

/// The text between the quotes of a JSON string.
pub(crate) fn unescape(inner: &[u8]) -> Cow<'_, str> {
    if memchr::memchr(b'\\', inner).is_none() {
        return match std::str::from_utf8(inner) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => String::from_utf8_lossy(inner),
        };
    }
    let mut text = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        text.extend_from_slice(&rest[..at]);
        rest = escape(&rest[at + 1..], &mut text);
    }
    text.extend_from_slice(rest);
    Cow::Owned(String::from_utf8_lossy(&text).into_owned())
}

/// Appends what the escape behind a backslash means and returns what follows it.
fn escape<'a>(rest: &'a [u8], text: &mut Vec<u8>) -> &'a [u8] {
    let Some((kind, after)) = rest.split_first() else {
        return rest;
    };
    match kind {
        b'n' => text.push(b'\n'),
        b't' => text.push(b'\t'),
        b'r' => text.push(b'\r'),
        b'b' => text.push(8),
        b'f' => text.push(12),
        b'u' => return unicode_escape(after, text),
        other => text.push(*other),
    }
    after
}

fn unicode_escape<'a>(rest: &'a [u8], text: &mut Vec<u8>) -> &'a [u8] {
    let Some(first) = hex4(rest) else {
        return rest;
    };
    let mut after = &rest[4..];
    let mut code = first;
    let low = after.strip_prefix(b"\\u").and_then(hex4).filter(|code| (0xdc00..0xe000).contains(code));
    if let (0xd800..0xdc00, Some(second)) = (first, low) {
        code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        after = &after[6..];
    }
    let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    after
}

fn hex4(digits: &[u8]) -> Option<u32> {
    digits.get(..4)?.iter().try_fold(0, |code, digit| Some(code << 4 | (*digit as char).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::{of_value, unescape};
    use std::borrow::Cow;

    #[test]
    fn plain_text_is_borrowed() {
        assert!(matches!(of_value(br#""system:admin""#), Some(Cow::Borrowed("system:admin"))));
    }

    #[test]
    fn escapes_mean_what_json_says() {
        assert_eq!(unescape(br#"a\u003cb\"\\\/\n\t\u00e9\ud83d\ude00"#), "a<b\"\\/\n\té😀");
    }

    #[test]
    fn what_no_text_can_carry_becomes_a_replacement_character() {
        assert_eq!(unescape(br"\ud800x"), "\u{fffd}x");
        assert_eq!(unescape(br"\ud800\u0041"), "\u{fffd}A");
        assert_eq!(unescape(b"a\xffb"), "a\u{fffd}b");
        assert_eq!(unescape(b"\\u12"), "12");
    }

    #[test]
    fn strings_are_compared_by_their_text() {
        assert!(
            super::is(br#""dev""#, "dev")
                && super::is(br#""d\u0065v""#, "dev")
                && super::is("\"é\"".as_bytes(), "é")
        );
        assert!(!super::is(br#""dev2""#, "dev") && !super::is(b"1", "1") && !super::is(b"\"", ""));
    }

    #[test]
    fn what_is_no_string_has_no_text() {
        assert_eq!(of_value(b"1"), None);
        assert_eq!(of_value(b"null"), None);
    }
}
