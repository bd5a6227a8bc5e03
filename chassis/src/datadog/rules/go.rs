//! A pattern as the Agent's regular expressions have it (Go's, which is RE2's syntax), written for the crate `regex`.
//!
//! Promises: a `{` that repeats nothing is a brace, so that patterns can be written on JSON; `\d`, `\w`, `\s` and `\b`
//! mean ASCII; `\Q...\E` quotes. What neither knows stays as it is and is refused when it is compiled.

use std::iter::Peekable;
use std::str::Chars;

/// The same pattern for `regex`.
pub(super) fn translated(pattern: &str) -> String {
    let mut made = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            '\\' => escape(&mut rest, false, &mut made),
            '[' => class(&mut rest, &mut made),
            '{' if !repeats(rest.clone()) => made.push_str(r"\{"),
            other => made.push(other),
        }
    }
    made
}

/// Whether what follows a `{` is `n}`, `n,}` or `n,m}`.
fn repeats(rest: Peekable<Chars<'_>>) -> bool {
    let inside: String =
        rest.take_while(|&next| next != '}' && (next.is_ascii_digit() || next == ',')).collect();
    let (least, most) = inside.split_once(',').unwrap_or((&inside, ""));
    !least.is_empty() && !most.contains(',')
}

/// What stands behind a backslash.
fn escape(rest: &mut Peekable<Chars<'_>>, in_class: bool, made: &mut String) {
    match rest.next() {
        Some('d') => made.push_str("[0-9]"),
        Some('D') => made.push_str("[^0-9]"),
        Some('w') => made.push_str("[0-9A-Za-z_]"),
        Some('W') => made.push_str("[^0-9A-Za-z_]"),
        Some('s') => made.push_str(r"[\t\n\x0C\r\x20]"),
        Some('S') => made.push_str(r"[^\t\n\x0C\r\x20]"),
        Some(boundary @ ('b' | 'B')) if !in_class => {
            made.push_str(r"(?-u:\");
            made.push(boundary);
            made.push(')');
        }
        Some('Q') if !in_class => quoted(rest, made),
        Some(property @ ('p' | 'P' | 'x')) => {
            made.extend(['\\', property]);
            if rest.next_if_eq(&'{').is_some() {
                made.push('{');
            }
        }
        Some(sign @ ('<' | '>')) => made.push(sign),
        Some(other) => made.extend(['\\', other]),
        None => made.push('\\'),
    }
}

/// Up to `\E`, nothing has a meaning.
fn quoted(rest: &mut Peekable<Chars<'_>>, made: &mut String) {
    let mut text = String::new();
    while let Some(next) = rest.next() {
        if next == '\\' && rest.next_if_eq(&'E').is_some() {
            break;
        }
        text.push(next);
    }
    made.push_str(&regex::escape(&text));
}

/// What stands between `[` and `]`; there are no classes in classes but those by name, and no `&&`, `--` or `~~`.
fn class(rest: &mut Peekable<Chars<'_>>, made: &mut String) {
    made.push('[');
    if rest.next_if_eq(&'^').is_some() {
        made.push('^');
    }
    if rest.next_if_eq(&']').is_some() {
        made.push_str(r"\]");
    }
    while let Some(next) = rest.next() {
        match next {
            ']' => {
                made.push(']');
                return;
            }
            '\\' => escape(rest, true, made),
            '[' if rest.peek() == Some(&':') => {
                made.push('[');
                for next in rest.by_ref() {
                    made.push(next);
                    if next == ']' {
                        break;
                    }
                }
            }
            '[' | '&' | '~' => made.extend(['\\', next]),
            other => made.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the pattern finds in `text`.
    fn found(pattern: &str, text: &str) -> Option<String> {
        let regex = regex::Regex::new(&translated(pattern));
        let regex = regex.unwrap_or_else(|error| panic!("{pattern}: {error}"));
        regex.find(text).map(|found| found.as_str().to_owned())
    }

    #[test]
    fn patterns_mean_what_they_mean_to_the_agent() {
        let cases = [
            (r#""user":{"username":"a"}"#, r#"x"user":{"username":"a"}"#, Some(r#""user":{"username":"a"}"#)),
            ("{", "{", Some("{")),
            ("a{2}b{1,}c{0,1}", "aabb", Some("aabb")),
            ("a{,2}", "aa{,2}", Some("a{,2}")),
            ("a{2,1,}", "a{2,1,}", Some("a{2,1,}")),
            (r"^\w+$", "\u{e9}", None),
            (r"\d", "\u{663}", None),
            (r"[\w-]+", "a-b c", Some("a-b")),
            (r"[^\d]+", "12ab", Some("ab")),
            (r"[\D]+", "12ab", Some("ab")),
            (r"\s", "\u{b}\u{a0}", None),
            (r"\bb\b", "\u{e9}b\u{e9}", Some("b")),
            (r"a\B.", "ab", Some("ab")),
            (r"\Qa.b{\E+", "a.b{{", Some("a.b{{")),
            (r"\Qa.b", "a.b", Some("a.b")),
            (r"[[:alpha:]]+", "ab1", Some("ab")),
            (r"[a&&b[]+", "&[b", Some("&[b")),
            ("[]a]+", "]a", Some("]a")),
            ("[^]a]", "]b", Some("b")),
            (r"\<a\>", "<a>", Some("<a>")),
            (r"\p{Greek}\pL\x{41}\x42", "\u{3b1}\u{3b1}AB", Some("\u{3b1}\u{3b1}AB")),
            (r#"\"a\/\-"#, r#""a/-"#, Some(r#""a/-"#)),
            ("(?i)SECRET", "secret", Some("secret")),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(found(pattern, text).as_deref(), expected, "{pattern} in {text}");
        }
    }

    #[test]
    fn what_the_agent_cannot_compile_is_not_made_to_mean_something() {
        for pattern in ["(", "[", r"\", "(?=a)", r"\1", "[z-a]"] {
            assert!(regex::Regex::new(&translated(pattern)).is_err(), "{pattern}");
        }
    }
}
