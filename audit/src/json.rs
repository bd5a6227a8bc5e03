//! Whether a line is a JSON object, held to every byte.
//!
//! Promises: strict RFC 8259, but that strings may hold invalid UTF-8; never recurses; memory grows with the
//! nesting only, by one bit a level, and nesting ends at [`DEEPEST`], as it does for the API server's decoder.

use crate::scan::skip_space;

/// The deepest nesting that is accepted.
const DEEPEST: usize = 10_000;

/// Whether the line, white space around it aside, is exactly one JSON object.
#[must_use]
pub fn is_json_object(line: &[u8]) -> bool {
    let start = skip_space(line, 0);
    line.get(start) == Some(&b'{')
        && value(line, start).is_some_and(|end| skip_space(line, end) == line.len())
}

/// Where the value at `at` ends, if it is well formed.
fn value(text: &[u8], at: usize) -> Option<usize> {
    let mut open: Vec<u8> = Vec::new();
    let mut at = at;
    loop {
        // A value begins at `at`.
        match text.get(at)? {
            byte @ (b'{' | b'[') if open.len() < DEEPEST => {
                open.push(*byte);
                at = skip_space(text, at + 1);
                if text.get(at)? != &closing(*byte) {
                    at = entry(text, at, *byte)?;
                    continue;
                }
                open.pop();
                at += 1;
            }
            b'"' => at = string(text, at)?,
            _ => at = scalar(text, at)?,
        }
        // A value ended before `at`: close what ends here, go on behind a comma.
        loop {
            let Some(innermost) = open.last().copied() else {
                return Some(at);
            };
            at = skip_space(text, at);
            match text.get(at)? {
                b',' => {
                    at = entry(text, skip_space(text, at + 1), innermost)?;
                    break;
                }
                byte if *byte == closing(innermost) => {
                    open.pop();
                    at += 1;
                }
                _ => return None,
            }
        }
    }
}

fn closing(open: u8) -> u8 {
    if open == b'{' { b'}' } else { b']' }
}

/// Over the key and the colon of a member; an element has neither.
fn entry(text: &[u8], at: usize, open: u8) -> Option<usize> {
    if open == b'[' {
        return Some(at);
    }
    let colon = skip_space(text, string(text, at)?);
    (text.get(colon)? == &b':').then(|| skip_space(text, colon + 1))
}

fn string(text: &[u8], at: usize) -> Option<usize> {
    let mut rest = text.get(at..)?.strip_prefix(b"\"")?.iter();
    loop {
        match rest.next()? {
            b'"' => return Some(text.len() - rest.len()),
            b'\\' => match rest.next()? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                b'u' if rest.by_ref().take(4).filter(|digit| digit.is_ascii_hexdigit()).count() == 4 => {}
                _ => return None,
            },
            0..0x20 => return None,
            _ => {}
        }
    }
}

fn scalar(text: &[u8], at: usize) -> Option<usize> {
    let rest = &text[at..];
    if let Some(literal) =
        [b"true".as_slice(), b"false", b"null"].into_iter().find(|word| rest.starts_with(word))
    {
        return Some(at + literal.len());
    }
    let digits = |from: usize| rest[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut end = usize::from(rest.starts_with(b"-"));
    let whole = digits(end);
    if whole == 0 || (whole > 1 && rest[end] == b'0') {
        return None;
    }
    end += whole;
    if rest.get(end) == Some(&b'.') {
        let fraction = digits(end + 1);
        if fraction == 0 {
            return None;
        }
        end += 1 + fraction;
    }
    if matches!(rest.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(rest.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end + 1 + sign);
        if exponent == 0 {
            return None;
        }
        end += 1 + sign + exponent;
    }
    Some(at + end)
}

#[cfg(test)]
mod tests {
    use super::{DEEPEST, is_json_object};
    use proptest::prelude::*;

    #[test]
    fn one_object_passes_and_everything_else_does_not() {
        for line in ["{}", " {\"a\":[1,-0.5e+3,true,null,\"\\u00e9\\n\",{},[]]}\r\n", "{\"\":{\"\":\"\"}}"] {
            assert!(is_json_object(line.as_bytes()), "{line}");
        }
        for line in [
            "",
            "[]",
            "{",
            "{}{}",
            "{} x",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{,}",
            "{\"a\":01}",
            "{\"a\":1.}",
            "{\"a\":1e}",
            "{\"a\":tru}",
            "{\"a\":\"\t\"}",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\u12g4\"}",
            "{\"a\":[1 2]}",
            "{\"a\":[1}}",
            "{'a':1}",
            "null",
            "{\"a\":-}",
        ] {
            assert!(!is_json_object(line.as_bytes()), "{line}");
        }
        assert!(is_json_object(b"{\"a\":\"\xff\"}"));
    }

    #[test]
    fn nesting_ends_somewhere_and_needs_no_stack() {
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(is_json_object(nested(DEEPEST - 1).as_bytes()));
        assert!(!is_json_object(nested(DEEPEST).as_bytes()));
        assert!(!is_json_object(nested(1 << 20).as_bytes()));
    }

    proptest! {
        #[test]
        fn what_serde_accepts_passes(text in r#"[ {}\[\]":,0-9eE.+\-aunltrfs\\]{0,12}"#) {
            let text = format!("{{\"a\":{text}}}");
            let accepted = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text);
            // serde_json also refuses numbers that overflow and lone surrogates.
            if accepted.is_ok() {
                prop_assert!(is_json_object(text.as_bytes()));
            } else if !accepted.unwrap_err().to_string().contains("out of range") && !text.contains("\\u") {
                prop_assert!(!is_json_object(text.as_bytes()));
            }
        }
    }
}
